/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/nft/rule.h"

/* What the rules of the table look at, part by part. Each match_*() goes on with the rule if it is so. Where a part of
 * the network header is loaded, the packet's family is made sure of first, as nft does, or its listing would lie. */

RulePayload match_source_address(uint8_t family);
RulePayload match_destination_address(uint8_t family);

/* Slots that an address takes. */
RuleSlot match_address_slots(uint8_t family);

void match_family(RuleWriter *writer, uint8_t family);
/* fib daddr type local: an address of this host, whichever. */
void match_local_destination(RuleWriter *writer);
/* One bit of a bit field, as nft writes "ct status dnat" and "ct state related". */
void match_ct_bit(RuleWriter *writer, uint32_t key, uint32_t bit);
/* ct status dnat: by whomever. */
void match_translated(RuleWriter *writer);
/* iif != "lo", oif "lo"...; op: NFT_CMP_EQ, NFT_CMP_NEQ */
void match_loopback(RuleWriter *writer, uint32_t meta_key, uint32_t op);
/* ADDRESS 127.0.0.0/8, ADDRESS ::1 */
void match_loopback_address(RuleWriter *writer, RulePayload address);
void match_loopback_address6(RuleWriter *writer, RulePayload address);
/* meta nfproto . ADDRESS in the set */
void match_address_in(RuleWriter *writer, uint8_t family, RulePayload address, const char *set);

/* Loads meta l4proto . th dport. */
void match_load_service(RuleWriter *writer);
/* Loads ADDRESS . meta l4proto . th PORT, of a packet of that family. */
void match_load_source(RuleWriter *writer, uint8_t family);
void match_load_destination(RuleWriter *writer, uint8_t family);
