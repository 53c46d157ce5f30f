/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/ruleset_object.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tuple_common.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>

#include "daemon/nft/match.h"
#include "daemon/nft/schema.h"

static void write_allow(RuleWriter *writer, const char *set, uint8_t family, uint8_t direction) {
        rule_begin(writer, NULL);
        rule_load_ct(writer, NFT_CT_DIRECTION, 0);
        rule_compare(writer, NFT_CMP_EQ, &direction, sizeof(direction));
        if (direction == IP_CT_DIR_REPLY)
                match_load_source(writer, family);
        else
                match_load_destination(writer, family);
        rule_lookup(writer, set);
        rule_verdict(writer, (uint32_t) NFT_GOTO, "allowed");
}

/* Errors about a connection to the container (unreachable, fragmentation needed) pass as the connection does. */
static void write_allow_errors(RuleWriter *writer, uint8_t icmp) {
        rule_begin(writer, NULL);
        rule_load_meta(writer, NFT_META_L4PROTO, 0);
        rule_compare(writer, NFT_CMP_EQ, &icmp, sizeof(icmp));
        match_ct_bit(writer, NFT_CT_STATE, NF_CT_STATE_BIT(IP_CT_RELATED));
        rule_verdict(writer, (uint32_t) NFT_GOTO, "allowed");
}

/* Each packet is looked up by the container's own address and port, whichever way it goes. No mark is kept with the
 * connection: what is taken out of the set is not marked from the next packet on. */
static void write_profile(RuleWriter *writer, const RulesetOptions *options, const char *profile) {
        for (size_t i = 0; i < n_set_schemas; i++) {
                const SetSchema *schema = &set_schemas[i];
                char name[OBJECT_NAME_SIZE];

                if (schema->object != &object_schemas[OBJECT_PROFILE])
                        continue;
                set_name(schema, profile, name);
                write_allow(writer, name, schema->family, IP_CT_DIR_ORIGINAL);
                write_allow(writer, name, schema->family, IP_CT_DIR_REPLY);
        }
        write_allow_errors(writer, IPPROTO_ICMP);
        write_allow_errors(writer, IPPROTO_ICMPV6);
        if (options->enforce) {
                rule_begin(writer, "Enforce=yes");
                rule_verdict(writer, NF_DROP, NULL);
        }
}

/* How a packet came, as far as a limit asks. */
typedef enum Arrival {
        ARRIVAL_ANY,
        ARRIVAL_INTERFACE, /* on one of the limit's interfaces */
        ARRIVAL_LOCAL,     /* not at all: the host sends it, to itself */
} Arrival;

static void match_arrival(RuleWriter *writer, const char *limit, Arrival arrival) {
        char name[OBJECT_NAME_SIZE];

        if (arrival == ARRIVAL_LOCAL)
                match_loopback(writer, NFT_META_OIF, NFT_CMP_EQ);
        if (arrival != ARRIVAL_INTERFACE)
                return;
        rule_load_meta(writer, NFT_META_IIFNAME, 0);
        rule_lookup(writer, object_set_name(OBJECT_LIMIT, ELEMENT_LIMIT_INTERFACE, AF_UNSPEC, limit, name));
}

static void write_pass(RuleWriter *writer, const char *limit, Arrival arrival, uint8_t family) {
        char name[OBJECT_NAME_SIZE];

        rule_begin(writer, NULL);
        match_arrival(writer, limit, arrival);
        if (family != AF_UNSPEC)
                match_address_in(writer, family, match_source_address(family),
                                 object_set_name(OBJECT_LIMIT, ELEMENT_LIMIT_FROM, family, limit, name));
        rule_verdict(writer, (uint32_t) NFT_GOTO, "translate");
}

static void write_passes(RuleWriter *writer, const char *limit, Arrival arrival, bool from) {
        if (!from) {
                write_pass(writer, limit, arrival, AF_UNSPEC);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(address_families); i++)
                write_pass(writer, limit, arrival, address_families[i]);
}

/* Says who passes. Who does not falls off the chain's end, untouched: what else there is on the host may take him. */
static void write_limit(RuleWriter *writer, const RulesetOptions *options _unused_, const char *name) {
        LimitName limit;

        if (!limit_name_parse(name, &limit))
                return;
        write_passes(writer, name, limit.interfaces ? ARRIVAL_INTERFACE : ARRIVAL_ANY, limit.from);
        if (limit.interfaces && limit.local)
                write_passes(writer, name, ARRIVAL_LOCAL, limit.from);
}

static void write_turn(RuleWriter *writer, const char *map, const BalanceName *balance, const uint8_t *protocol) {
        rule_begin(writer, NULL);
        if (protocol) {
                rule_load_meta(writer, NFT_META_L4PROTO, 0);
                rule_compare(writer, NFT_CMP_EQ, protocol, sizeof(*protocol));
        }
        rule_load_number(writer, balance->backends);
        rule_lookup_data(writer, map);
        rule_dnat(writer, balance->family, balance->range ? RULE_NO_SLOT : match_address_slots(balance->family));
}

/* dnat ip to numgen inc mod N map @BACKENDS. Only one protocol ever comes here, whichever; but nft wants to see one
 * where a port is changed. */
static void write_balance(RuleWriter *writer, const RulesetOptions *options _unused_, const char *name) {
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP };
        char map[OBJECT_NAME_SIZE];
        BalanceName balance;

        if (!balance_name_parse(name, &balance))
                return;
        object_set_name(OBJECT_BALANCE, ELEMENT_BACKEND, balance.family, name, map);
        if (balance.range)
                write_turn(writer, map, &balance, NULL);
        for (size_t i = 0; i < ELEMENTSOF(protocols) && !balance.range; i++)
                write_turn(writer, map, &balance, &protocols[i]);
}

static void (*const object_writers[])(RuleWriter *writer, const RulesetOptions *options, const char *name) = {
        [OBJECT_PROFILE] = write_profile,
        [OBJECT_LIMIT] = write_limit,
        [OBJECT_BALANCE] = write_balance,
};

void object_write_rules(RuleWriter *writer, const RulesetOptions *options, const char *chain) {
        const char *name;
        const ObjectSchema *object = object_schema_for_chain(chain, &name);

        if (object)
                object_writers[object - object_schemas](writer, options, name);
}

_Static_assert(ELEMENTSOF(object_writers) == _OBJECT_KIND_MAX, "a kind of object without rules");
