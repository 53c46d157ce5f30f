/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/ruleset.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "daemon/nft/match.h"
#include "daemon/nft/ruleset_object.h"
#include "daemon/nft/schema.h"

/* Looks a packet's destination up by what the map's key says. Where no address is in the key of a translation, nothing
 * need be said of the packet's family: one of the other family leaves the packet as it is. A verdict would not. */
static void load_map_key(RuleWriter *writer, const SetSchema *map) {
        if (map->key[0] != FIELD_PROTOCOL) {
                match_load_destination(writer, map->family);
                return;
        }
        if (field_object(map->data[0]))
                match_family(writer, map->family);
        match_load_service(writer);
}

static void write_map(RuleWriter *writer, const SetSchema *map) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        load_map_key(writer, map);
        set_name(map, "", name);
        if (field_object(map->data[0])) {
                rule_lookup_verdict(writer, name);
                return;
        }
        rule_lookup_data(writer, name);
        rule_dnat(writer, map->family, map->data[1] == FIELD_END ? RULE_NO_SLOT : match_address_slots(map->family));
}

static void write_maps(RuleWriter *writer, ElementKind kind) {
        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_schemas[i].kind == kind)
                        write_map(writer, &set_schemas[i]);
}

/* Who may not use a port is told so here, before anything is translated: to him it is not exposed at all. */
static void write_exposed(RuleWriter *writer, const RulesetOptions *options _unused_) {
        write_maps(writer, ELEMENT_DNAT_LIMIT);
        rule_begin(writer, NULL);
        rule_verdict(writer, (uint32_t) NFT_GOTO, "translate");
}

/* The narrower claim first: a port of one address before the same port of all, and a single port that was given away
 * inside somebody's range before the range. */
static void write_translate(RuleWriter *writer, const RulesetOptions *options _unused_) {
        static const ElementKind kinds[] = { ELEMENT_DNAT_HOST, ELEMENT_DNAT, ELEMENT_DNAT_RANGE,
                                             ELEMENT_DNAT_BALANCE };

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                write_maps(writer, kinds[i]);
}

/* To an address of this host, and to one that may be used. */
static void write_to_host(RuleWriter *writer) {
        char name[OBJECT_NAME_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(address_families); i++) {
                rule_begin(writer, NULL);
                match_local_destination(writer);
                match_address_in(writer, address_families[i], match_destination_address(address_families[i]),
                                 family_set_name("addresses", address_families[i], name));
                rule_verdict(writer, (uint32_t) NFT_GOTO, "exposed");
        }
}

static void write_prerouting(RuleWriter *writer, const RulesetOptions *options _unused_) {
        write_to_host(writer);
}

static void write_output(RuleWriter *writer, const RulesetOptions *options) {
        /* There is no route_localnet for IPv6: what goes to ::1 would get no answer, not even a refusal, and
         * "localhost" is ::1 first for most programs. Refused, they try 127.0.0.1 at once. */
        rule_begin(writer, "no way back to ::1");
        match_loopback_address6(writer, match_destination_address(AF_INET6));
        rule_verdict(writer, (uint32_t) NFT_RETURN, NULL);
        if (!options->localhost) {
                rule_begin(writer, "Localhost=no");
                match_loopback_address(writer, match_destination_address(AF_INET));
                rule_verdict(writer, (uint32_t) NFT_RETURN, NULL);
        }
        write_to_host(writer);
}

/* route_localnet makes the host take packets for 127.0.0.0/8 from outside, and from there: no neighbour may use it. */
static void write_guard(RuleWriter *writer, const RulesetOptions *options _unused_) {
        rule_begin(writer, "CVE-2020-8558");
        match_loopback(writer, NFT_META_IIF, NFT_CMP_NEQ);
        match_loopback_address(writer, match_destination_address(AF_INET));
        rule_verdict(writer, NF_DROP, NULL);

        rule_begin(writer, NULL);
        match_loopback(writer, NFT_META_IIF, NFT_CMP_NEQ);
        match_loopback_address(writer, match_source_address(AF_INET));
        rule_verdict(writer, NF_DROP, NULL);
}

/* With Enforce=yes, what belongs to no connection reaches a container as little as it would with Calico. */
static void write_forward_stray(RuleWriter *writer, uint8_t family) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        match_ct_bit(writer, NFT_CT_STATE, NF_CT_STATE_INVALID_BIT);
        match_family(writer, family);
        rule_load_payload(writer, match_destination_address(family), 0);
        rule_lookup_verdict(writer, family_set_name("endpoint", family, name));
}

/* A refusal by one backend of several: RST and ACK with the sequence number 0, which is how RFC 9293 (3.10.7.1) has a
 * closed port answer a SYN. It is kept back; the client asks again, and a new round of the balance answers. */
static void write_forward_refusal(RuleWriter *writer, uint8_t family) {
        static const RulePayload sequence = { NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct tcphdr, th_seq), 4 };
        static const RulePayload flags = { NFT_PAYLOAD_TRANSPORT_HEADER, offsetof(struct tcphdr, th_flags), 1 };
        static const uint8_t reply = IP_CT_DIR_REPLY, tcp = IPPROTO_TCP, refusal = TH_RST | TH_ACK;
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, "another backend answers");
        rule_load_ct(writer, NFT_CT_DIRECTION, 0);
        rule_compare(writer, NFT_CMP_EQ, &reply, sizeof(reply));
        match_translated(writer);
        rule_load_meta(writer, NFT_META_L4PROTO, 0);
        rule_compare(writer, NFT_CMP_EQ, &tcp, sizeof(tcp));
        rule_load_payload(writer, flags, 0);
        rule_mask_byte(writer, TH_FIN | TH_SYN | TH_RST | TH_ACK);
        rule_compare(writer, NFT_CMP_EQ, &refusal, sizeof(refusal));
        rule_load_payload(writer, sequence, 0);
        rule_compare_u32(writer, NFT_CMP_EQ, 0);
        match_load_source(writer, family);
        rule_lookup(writer, family_set_name("balanced", family, name));
        rule_verdict(writer, NF_DROP, NULL);
}

/* The source of the reply is the container, in both directions of a flow and for what is related to it; of one that the
 * container opened itself it is the other end. The kernel does not load an address of the other family, so nothing need
 * be said of it. */
static void write_forward(RuleWriter *writer, const RulesetOptions *options) {
        static const uint32_t reply_source[] = { NFT_CT_SRC_IP, NFT_CT_SRC_IP6 };
        char name[OBJECT_NAME_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(address_families); i++)
                write_forward_refusal(writer, address_families[i]);
        for (size_t i = 0; i < ELEMENTSOF(address_families); i++) {
                rule_begin(writer, NULL);
                if (!options->enforce)
                        match_translated(writer);
                rule_load_ct_tuple(writer, reply_source[i], IP_CT_DIR_REPLY, 0);
                rule_lookup_verdict(writer, family_set_name("endpoint", address_families[i], name));
        }
        for (size_t i = 0; i < ELEMENTSOF(address_families) && options->enforce; i++)
                write_forward_stray(writer, address_families[i]);
}

/* meta mark & mask == mark: chain forward saw a connection that we translated, not somebody else. */
static void match_marked(RuleWriter *writer, const RulesetOptions *options) {
        rule_load_meta(writer, NFT_META_MARK, 0);
        rule_change_bits(writer, options->mask, 0);
        rule_compare_u32(writer, NFT_CMP_EQ, options->mark & options->mask);
}

/* SOURCE . DESTINATION in the set */
static void write_hairpin(RuleWriter *writer, const RulesetOptions *options, uint8_t family, const char *set) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        match_translated(writer);
        match_marked(writer, options);
        match_family(writer, family);
        rule_load_payload(writer, match_source_address(family), 0);
        rule_load_payload(writer, match_destination_address(family), match_address_slots(family));
        rule_lookup(writer, family_set_name(set, family, name));
        rule_masquerade(writer);
}

/* Only where the answer would miss the host otherwise: a neighbour would answer a neighbour directly, and to
 * 127.0.0.1 there is no way back. */
static void write_postrouting(RuleWriter *writer, const RulesetOptions *options) {
        for (size_t i = 0; i < ELEMENTSOF(address_families); i++) {
                write_hairpin(writer, options, address_families[i], "hairpin");
                write_hairpin(writer, options, address_families[i], "neighbours");
        }
        rule_begin(writer, "from the host itself");
        match_translated(writer);
        match_loopback(writer, NFT_META_OIF, NFT_CMP_NEQ);
        match_loopback_address(writer, match_source_address(AF_INET));
        rule_masquerade(writer);
}

/* What a profile allows: meta mark set (meta mark & ~mask) | mark accept. The verdict ends this table's work only;
 * chains at later priorities decide for themselves. */
static void write_allowed(RuleWriter *writer, const RulesetOptions *options) {
        rule_begin(writer, NULL);
        match_translated(writer);
        rule_load_meta(writer, NFT_META_MARK, 0);
        rule_change_bits(writer, ~options->mask, options->mark & options->mask);
        rule_set_mark(writer);
        rule_verdict(writer, NF_ACCEPT, NULL);
}

static const struct {
        const char *chain;
        void (*write)(RuleWriter *writer, const RulesetOptions *options);
} writers[] = {
        { "exposed", write_exposed },       { "translate", write_translate },
        { "prerouting", write_prerouting }, { "output", write_output },
        { "guard", write_guard },           { "forward", write_forward },
        { "allowed", write_allowed },       { "postrouting", write_postrouting },
};

static int writer_finish(RuleWriter *writer, Rules *ret) {
        if (writer->error < 0) {
                rules_done(&writer->rules);
                return writer->error;
        }
        *ret = writer->rules;
        return 0;
}

int ruleset_make_rules(const char *chain, const RulesetOptions *options, Rules *ret) {
        RuleWriter writer = { .family = NFPROTO_INET, .table = CALICO_EXPOSED_TABLE, .chain = chain };

        object_write_rules(&writer, options, chain);
        for (size_t i = 0; i < ELEMENTSOF(writers); i++)
                if (strcmp(writers[i].chain, chain) == 0)
                        writers[i].write(&writer, options);
        return writer_finish(&writer, ret);
}

static void match_mark(RuleWriter *writer, const RulesetOptions *options) {
        rule_load_meta(writer, NFT_META_MARK, 0);
        rule_change_bits(writer, options->mask, 0);
        rule_compare_u32(writer, NFT_CMP_EQ, options->mark & options->mask);
}

/* These expressions, in this form, are what iptables-nft reads as `-m mark --mark X/X -m comment -j ACCEPT`. Others
 * make it refuse the whole table. */
int ruleset_make_docker_user(uint16_t family, const RulesetOptions *options, Rules *ret) {
        RuleWriter writer = { .family = family, .table = DOCKER_USER_TABLE, .chain = DOCKER_USER_CHAIN };

        rule_begin(&writer, DOCKER_USER_COMMENT);
        match_mark(&writer, options);
        rule_count(&writer);
        rule_verdict(&writer, NF_ACCEPT, NULL);
        return writer_finish(&writer, ret);
}

int ruleset_make_passes(const RulesetOptions *options, Rules *ret) {
        RuleWriter writer = { .family = NFPROTO_INET, .table = "", .chain = "" };

        rule_begin(&writer, NULL);
        match_mark(&writer, options);
        rule_verdict(&writer, NF_ACCEPT, NULL);
        rule_begin(&writer, NULL);
        match_translated(&writer);
        rule_verdict(&writer, NF_ACCEPT, NULL);
        return writer_finish(&writer, ret);
}
