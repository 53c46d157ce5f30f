/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

/* Rules as libnftnl has them: writing them expression by expression, and comparing what was written with what the
 * kernel gives back. No I/O. */

typedef struct Rules {
        struct nftnl_rule **items;
        size_t count;
        size_t capacity;
} Rules;

void rules_done(Rules *rules);

/* Writes the rules of one chain. The first failure (there is only -ENOMEM) stays in `error`, and what follows it does
 * nothing: look once, at the end. */
typedef struct RuleWriter {
        uint16_t family; /* NFPROTO_INET, NFPROTO_IPV4... */
        const char *table;
        const char *chain;
        Rules rules; /* the last one is being written */
        int error;
} RuleWriter;

/* Begins the next rule. comment: NULL, or shorter than 128 bytes, else the kernel's listing tools choke. */
void rule_begin(RuleWriter *writer, const char *comment);

/* Whether the comment of a rule is `text`: nft's kind, or that of iptables, which makes the first into the second where
 * it restores what it saved. Positive, 0, or -ENOMEM. */
int rule_has_comment(const struct nftnl_rule *rule, const char *text);

/* A place in the registers, counted in four-byte words: 0 is where a value, and a key, begins. */
typedef unsigned RuleSlot;

#define RULE_NO_SLOT UINT32_MAX

/* A member of the network or transport header. */
typedef struct RulePayload {
        uint32_t base; /* NFT_PAYLOAD_... */
        uint32_t offset;
        uint32_t size;
} RulePayload;

void rule_load_meta(RuleWriter *writer, uint32_t key, RuleSlot slot);
void rule_load_ct(RuleWriter *writer, uint32_t key, RuleSlot slot);
/* direction: IP_CT_DIR_ORIGINAL, IP_CT_DIR_REPLY */
void rule_load_ct_tuple(RuleWriter *writer, uint32_t key, uint8_t direction, RuleSlot slot);
void rule_load_payload(RuleWriter *writer, RulePayload payload, RuleSlot slot);
/* numgen inc mod MODULUS, at slot 0: 0, 1, 2... and round again, each rule with a counter of its own. */
void rule_load_number(RuleWriter *writer, uint32_t modulus);
/* fib daddr type */
void rule_load_address_type(RuleWriter *writer, RuleSlot slot);

/* The value at slot 0. op: NFT_CMP_... */
void rule_compare(RuleWriter *writer, uint32_t op, const void *data, uint32_t size);
void rule_compare_u32(RuleWriter *writer, uint32_t op, uint32_t value);
/* The four bytes at slot 0 become (value & mask) ^ xor, in host byte order. */
void rule_change_bits(RuleWriter *writer, uint32_t mask, uint32_t xor);
/* The byte at slot 0 becomes value & mask. */
void rule_mask_byte(RuleWriter *writer, uint8_t mask);

/* Goes on if the key at slot 0 is in the set. */
void rule_lookup(RuleWriter *writer, const char *set);
/* The same, and the data comes to slot 0. */
void rule_lookup_data(RuleWriter *writer, const char *map);
/* The same, and the data is a verdict that is carried out. */
void rule_lookup_verdict(RuleWriter *writer, const char *map);

void rule_set_mark(RuleWriter *writer);
void rule_count(RuleWriter *writer);
/* Address at slot 0, port at that slot or RULE_NO_SLOT to keep it. family: NFPROTO_IPV4, NFPROTO_IPV6. */
void rule_dnat(RuleWriter *writer, uint32_t family, RuleSlot port);
void rule_masquerade(RuleWriter *writer);
/* verdict: NF_ACCEPT, NF_DROP, NFT_RETURN, NFT_GOTO...; chain: where to, else NULL */
void rule_verdict(RuleWriter *writer, uint32_t verdict, const char *chain);

/* Whether the rule in the kernel does what `wanted` says: the same expressions in the same order, each with every
 * attribute that we wrote. What else the kernel tells of an expression (the end of a range that has one address, a
 * flag that it worked out) differs from version to version and is not compared; counters are not either. Positive, 0,
 * or -ENOMEM. */
int rule_matches(const struct nftnl_rule *wanted, const struct nftnl_rule *found);

/* What a rule of somebody else's does, as far as it can be told. */
typedef struct RuleSummary {
        bool unconditional; /* it looks at nothing: every packet that comes to it has its verdict */
        bool drops;         /* drop or reject */
        bool accepts;
        bool map;          /* where it leads to is looked up in a map */
        const char *chain; /* where it jumps or goes to, or NULL; the rule's */
} RuleSummary;

/* Returns 0 or -ENOMEM. */
int rule_summarise(const struct nftnl_rule *rule, RuleSummary *ret);

/* As rule_matches(), but what a rule counts, logs or says in a comment beside that does not matter. */
int rule_does(const struct nftnl_rule *wanted, const struct nftnl_rule *found);
