/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/match.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>

#include "common/address.h"

static const RulePayload source_port = { NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(in_port_t) };
static const RulePayload destination_port = { NFT_PAYLOAD_TRANSPORT_HEADER, sizeof(in_port_t), sizeof(in_port_t) };

RulePayload match_source_address(uint8_t family) {
        if (family == AF_INET)
                return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, saddr), 4 };
        return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_src), 16 };
}

RulePayload match_destination_address(uint8_t family) {
        if (family == AF_INET)
                return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct iphdr, daddr), 4 };
        return (RulePayload) { NFT_PAYLOAD_NETWORK_HEADER, offsetof(struct ip6_hdr, ip6_dst), 16 };
}

RuleSlot match_address_slots(uint8_t family) {
        return (RuleSlot) (address_size(family) / 4);
}

void match_family(RuleWriter *writer, uint8_t family) {
        rule_load_meta(writer, NFT_META_NFPROTO, 0);
        rule_compare(writer, NFT_CMP_EQ, &family, sizeof(family));
}

void match_local_destination(RuleWriter *writer) {
        rule_load_address_type(writer, 0);
        rule_compare_u32(writer, NFT_CMP_EQ, RTN_LOCAL);
}

void match_ct_bit(RuleWriter *writer, uint32_t key, uint32_t bit) {
        rule_load_ct(writer, key, 0);
        rule_change_bits(writer, bit, 0);
        rule_compare_u32(writer, NFT_CMP_NEQ, 0);
}

void match_translated(RuleWriter *writer) {
        match_ct_bit(writer, NFT_CT_STATUS, IPS_DST_NAT);
}

/* The loopback interface has index 1 in every network namespace. */
void match_loopback(RuleWriter *writer, uint32_t meta_key, uint32_t op) {
        rule_load_meta(writer, meta_key, 0);
        rule_compare_u32(writer, op, 1);
}

/* As nft writes it: the first byte alone. */
void match_loopback_address(RuleWriter *writer, RulePayload address) {
        match_family(writer, AF_INET);
        address.size = 1;
        rule_load_payload(writer, address, 0);
        rule_compare(writer, NFT_CMP_EQ, &(uint8_t) { IN_LOOPBACKNET }, 1);
}

void match_loopback_address6(RuleWriter *writer, RulePayload address) {
        match_family(writer, AF_INET6);
        rule_load_payload(writer, address, 0);
        rule_compare(writer, NFT_CMP_EQ, &in6addr_loopback, sizeof(in6addr_loopback));
}

static void load_port(RuleWriter *writer, RulePayload port, RuleSlot slot) {
        rule_load_meta(writer, NFT_META_L4PROTO, slot);
        rule_load_payload(writer, port, slot + 1);
}

void match_load_service(RuleWriter *writer) {
        load_port(writer, destination_port, 0);
}

void match_load_source(RuleWriter *writer, uint8_t family) {
        match_family(writer, family);
        rule_load_payload(writer, match_source_address(family), 0);
        load_port(writer, source_port, match_address_slots(family));
}

void match_load_destination(RuleWriter *writer, uint8_t family) {
        match_family(writer, family);
        rule_load_payload(writer, match_destination_address(family), 0);
        load_port(writer, destination_port, match_address_slots(family));
}

void match_address_in(RuleWriter *writer, uint8_t family, RulePayload address, const char *set) {
        match_family(writer, family);
        rule_load_meta(writer, NFT_META_NFPROTO, 0);
        rule_load_payload(writer, address, 1);
        rule_lookup(writer, set);
}
