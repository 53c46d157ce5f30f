/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/ruleset.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "daemon/nft/schema.h"

static const RulePayload source_port = { NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(in_port_t) };
static const RulePayload destination_port = { NFT_PAYLOAD_TRANSPORT_HEADER, sizeof(in_port_t), sizeof(in_port_t) };

static RulePayload source_address(uint8_t family) {
        if (family == AF_INET)
                return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), 4 };
        return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_src), 16 };
}

static RulePayload destination_address(uint8_t family) {
        if (family == AF_INET)
                return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), 4 };
        return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_dst), 16 };
}

/* Slots that an address takes. */
static RuleSlot address_slots(uint8_t family) {
        return (RuleSlot) (address_size(family) / 4);
}

/* "4", "6": what the sets' names end with. */
static const char *family_suffix(uint8_t family) {
        return family == AF_INET ? "4" : "6";
}

static const uint8_t families[] = { AF_INET, AF_INET6 };

/* meta nfproto: before anything of a network header is looked at. */
static void match_family(RuleWriter *writer, uint8_t family) {
        rule_load_meta(writer, NFT_META_NFPROTO, 0);
        rule_compare(writer, NFT_CMP_EQ, &family, sizeof(family));
}

/* fib daddr type local: an address of this host, whichever. */
static void match_local_destination(RuleWriter *writer) {
        rule_load_address_type(writer, 0);
        rule_compare_u32(writer, NFT_CMP_EQ, RTN_LOCAL);
}

/* One bit of a bit field, as nft writes "ct status dnat" and "ct state related". */
static void match_ct_bit(RuleWriter *writer, uint32_t key, uint32_t bit) {
        rule_load_ct(writer, key, 0);
        rule_change_bits(writer, bit, 0);
        rule_compare_u32(writer, NFT_CMP_NEQ, 0);
}

static void match_translated(RuleWriter *writer) {
        match_ct_bit(writer, NFT_CT_STATUS, IPS_DST_NAT);
}

/* iif != "lo", oif != "lo": the loopback interface has index 1 in every network namespace. */
static void match_not_loopback(RuleWriter *writer, uint32_t meta_key) {
        rule_load_meta(writer, meta_key, 0);
        rule_compare_u32(writer, NFT_CMP_NEQ, 1);
}

/* ADDRESS 127.0.0.0/8, as nft writes it: the first byte alone. */
static void match_loopback_address(RuleWriter *writer, RulePayload address) {
        match_family(writer, AF_INET);
        address.size = 1;
        rule_load_payload(writer, address, 0);
        rule_compare(writer, NFT_CMP_EQ, &(uint8_t) { IN_LOOPBACKNET }, 1);
}

/* meta l4proto . th PORT behind slot */
static void load_service(RuleWriter *writer, RulePayload port, RuleSlot slot) {
        rule_load_meta(writer, NFT_META_L4PROTO, slot);
        rule_load_payload(writer, port, slot + 1);
}

/* ADDRESS . meta l4proto . th PORT */
static void load_address_and_service(RuleWriter *writer, uint8_t family, RulePayload address, RulePayload port) {
        match_family(writer, family);
        rule_load_payload(writer, address, 0);
        load_service(writer, port, address_slots(family));
}

static const char *family_set_name(const char *name, uint8_t family, char buffer[static OBJECT_NAME_SIZE]) {
        strcpy(buffer, name);
        return strcat(buffer, family_suffix(family));
}

static void write_dnat(RuleWriter *writer, uint8_t family, const char *map, bool by_address, bool to_port) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        if (by_address)
                load_address_and_service(writer, family, destination_address(family), destination_port);
        else
                load_service(writer, destination_port, 0);
        rule_lookup_data(writer, family_set_name(map, family, name));
        rule_dnat(writer, family, to_port ? address_slots(family) : RULE_NO_SLOT);
}

/* The narrower claim first: a port of one address before the same port of all. Ranges come last, for they cost the
 * most to look up, and a single port given away inside somebody's range must be found before it. */
static void write_exposed(RuleWriter *writer, const RulesetOptions *options _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                write_dnat(writer, families[i], "host", true, true);
        /* No word on the packet's family here: a translation of the other family leaves the packet as it is. */
        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                write_dnat(writer, families[i], "dnat", false, true);
        for (size_t i = 0; i < ELEMENTSOF(families); i++)
                write_dnat(writer, families[i], "range", true, false);
}

static void write_prerouting(RuleWriter *writer, const RulesetOptions *options _unused_) {
        rule_begin(writer, NULL);
        match_local_destination(writer);
        rule_verdict(writer, (uint32_t) NFT_GOTO, "exposed");
}

/* ADDRESS ::1 */
static void match_loopback_address6(RuleWriter *writer, RulePayload address) {
        match_family(writer, AF_INET6);
        rule_load_payload(writer, address, 0);
        rule_compare(writer, NFT_CMP_EQ, &in6addr_loopback, sizeof(in6addr_loopback));
}

static void write_output(RuleWriter *writer, const RulesetOptions *options) {
        /* There is no route_localnet for IPv6: what goes to ::1 would get no answer, not even a refusal, and
         * "localhost" is ::1 first for most programs. Refused, they try 127.0.0.1 at once. */
        rule_begin(writer, "no way back to ::1");
        match_loopback_address6(writer, destination_address(AF_INET6));
        rule_verdict(writer, (uint32_t) NFT_RETURN, NULL);
        if (!options->localhost) {
                rule_begin(writer, "Localhost=no");
                match_loopback_address(writer, destination_address(AF_INET));
                rule_verdict(writer, (uint32_t) NFT_RETURN, NULL);
        }
        rule_begin(writer, NULL);
        match_local_destination(writer);
        rule_verdict(writer, (uint32_t) NFT_GOTO, "exposed");
}

/* route_localnet makes the host take packets for 127.0.0.0/8 from outside, and from there: no neighbour may use it. */
static void write_guard(RuleWriter *writer, const RulesetOptions *options _unused_) {
        rule_begin(writer, "CVE-2020-8558");
        match_not_loopback(writer, NFT_META_IIF);
        match_loopback_address(writer, destination_address(AF_INET));
        rule_verdict(writer, NF_DROP, NULL);

        rule_begin(writer, NULL);
        match_not_loopback(writer, NFT_META_IIF);
        match_loopback_address(writer, source_address(AF_INET));
        rule_verdict(writer, NF_DROP, NULL);
}

/* The source of the reply is the container, in both directions of a flow and for what is related to it. The kernel
 * does not load an address of the other family, so nothing need be said of it. */
static void write_forward(RuleWriter *writer, const RulesetOptions *options _unused_) {
        static const uint32_t reply_source[] = { NFT_CT_SRC_IP, NFT_CT_SRC_IP6 };
        char name[OBJECT_NAME_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                rule_begin(writer, NULL);
                match_translated(writer);
                rule_load_ct_tuple(writer, reply_source[i], IP_CT_DIR_REPLY, 0);
                rule_lookup_verdict(writer, family_set_name("endpoint", families[i], name));
        }
}

/* SOURCE . DESTINATION in the set */
static void write_hairpin(RuleWriter *writer, uint8_t family, const char *set) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        match_translated(writer);
        match_family(writer, family);
        rule_load_payload(writer, source_address(family), 0);
        rule_load_payload(writer, destination_address(family), address_slots(family));
        rule_lookup(writer, family_set_name(set, family, name));
        rule_masquerade(writer);
}

/* Only where the answer would miss the host otherwise: a neighbour would answer a neighbour directly, and to
 * 127.0.0.1 there is no way back. */
static void write_postrouting(RuleWriter *writer, const RulesetOptions *options _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                write_hairpin(writer, families[i], "self");
                write_hairpin(writer, families[i], "hairpin");
        }
        rule_begin(writer, "from the host itself");
        match_translated(writer);
        match_not_loopback(writer, NFT_META_OIF);
        match_loopback_address(writer, source_address(AF_INET));
        rule_masquerade(writer);
}

/* meta mark set (meta mark & ~mask) | mark accept. The verdict ends this chain's work only; chains at later
 * priorities decide for themselves. */
static void mark_and_accept(RuleWriter *writer, const RulesetOptions *options) {
        rule_load_meta(writer, NFT_META_MARK, 0);
        rule_change_bits(writer, ~options->mask, options->mark & options->mask);
        rule_set_mark(writer);
        rule_verdict(writer, NF_ACCEPT, NULL);
}

static void write_allow(RuleWriter *writer, const RulesetOptions *options, const char *set, uint8_t family,
                        uint8_t direction) {
        bool reply = direction == IP_CT_DIR_REPLY;

        rule_begin(writer, NULL);
        rule_load_ct(writer, NFT_CT_DIRECTION, 0);
        rule_compare(writer, NFT_CMP_EQ, &direction, sizeof(direction));
        load_address_and_service(writer, family, reply ? source_address(family) : destination_address(family),
                                 reply ? source_port : destination_port);
        rule_lookup(writer, set);
        mark_and_accept(writer, options);
}

/* Errors about a connection to the container (unreachable, fragmentation needed) pass as the connection does. */
static void write_allow_errors(RuleWriter *writer, const RulesetOptions *options, uint8_t icmp) {
        rule_begin(writer, NULL);
        rule_load_meta(writer, NFT_META_L4PROTO, 0);
        rule_compare(writer, NFT_CMP_EQ, &icmp, sizeof(icmp));
        match_ct_bit(writer, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_RELATED));
        mark_and_accept(writer, options);
}

/* Each packet is looked up by the container's own address and port, whichever way it goes. No mark is kept with the
 * connection: what is taken out of the set is not marked from the next packet on. */
static void write_profile(RuleWriter *writer, const RulesetOptions *options, const char *profile) {
        for (size_t i = 0; i < n_set_schemas; i++) {
                const SetSchema *schema = &set_schemas[i];
                char name[OBJECT_NAME_SIZE];

                if (!schema->per_profile)
                        continue;
                set_name(schema, profile, name);
                write_allow(writer, options, name, schema->family, IP_CT_DIR_ORIGINAL);
                write_allow(writer, options, name, schema->family, IP_CT_DIR_REPLY);
        }
        write_allow_errors(writer, options, IPPROTO_ICMP);
        write_allow_errors(writer, options, IPPROTO_ICMPV6);
}

static const struct {
        const char *chain;
        void (*write)(RuleWriter *writer, const RulesetOptions *options);
} writers[] = {
        { "exposed", write_exposed }, { "prerouting", write_prerouting }, { "output", write_output },
        { "guard", write_guard },     { "forward", write_forward },       { "postrouting", write_postrouting },
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
        const char *profile = profile_of_chain(chain);

        if (profile)
                write_profile(&writer, options, profile);
        for (size_t i = 0; i < ELEMENTSOF(writers); i++)
                if (strcmp(writers[i].chain, chain) == 0)
                        writers[i].write(&writer, options);
        return writer_finish(&writer, ret);
}

/* These expressions, in this form, are what iptables-nft reads as `-m mark --mark X/X -m comment -j ACCEPT`. Others
 * make it refuse the whole table. */
int ruleset_make_docker_user(uint16_t family, const RulesetOptions *options, Rules *ret) {
        RuleWriter writer = { .family = family, .table = DOCKER_USER_TABLE, .chain = DOCKER_USER_CHAIN };

        rule_begin(&writer, DOCKER_USER_COMMENT);
        rule_load_meta(&writer, NFT_META_MARK, 0);
        rule_change_bits(&writer, options->mask, 0);
        rule_compare_u32(&writer, NFT_CMP_EQ, options->mark & options->mask);
        rule_count(&writer);
        rule_verdict(&writer, NF_ACCEPT, NULL);
        return writer_finish(&writer, ret);
}
