/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/rule.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "common/array.h"

void rules_done(Rules *rules) {
        for (size_t i = 0; i < rules->count; i++)
                nftnl_rule_free(rules->items[i]);
        free(rules->items);
        *rules = (Rules) {};
}

static int put_comment(struct nftnl_rule *rule, const char *comment) {
        struct nftnl_udata_buf *buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        int r = 0;

        if (!buffer)
                return -ENOMEM;
        if (!nftnl_udata_put_strz(buffer, NFTNL_UDATA_RULE_COMMENT, comment) ||
            nftnl_rule_set_data(rule, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(buffer),
                                nftnl_udata_buf_len(buffer)) < 0)
                r = -ENOMEM;
        nftnl_udata_buf_free(buffer);
        return r;
}

static int fill_rule(const RuleWriter *writer, struct nftnl_rule *rule, const char *comment) {
        nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, writer->family);
        if (nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, writer->table) < 0 ||
            nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, writer->chain) < 0)
                return -ENOMEM;
        return comment ? put_comment(rule, comment) : 0;
}

void rule_begin(RuleWriter *writer, const char *comment) {
        Rules *rules = &writer->rules;
        struct nftnl_rule *rule;

        if (writer->error < 0)
                return;
        writer->error = array_reserve(&rules->items, &rules->capacity, rules->count + 1, sizeof(*rules->items));
        if (writer->error < 0)
                return;
        rule = nftnl_rule_alloc();
        if (!rule) {
                writer->error = -ENOMEM;
                return;
        }
        rules->items[rules->count++] = rule;
        writer->error = fill_rule(writer, rule, comment);
}

/* Rule user data is a row of (type, length, value), all bytes; libnftnl's own reader trusts the lengths. */
static bool userdata_has_comment(const struct nftnl_rule *rule, const char *text) {
        enum { HEADER_SIZE = 2 };
        uint32_t size = 0;
        const uint8_t *data = nftnl_rule_get_data(rule, NFTNL_RULE_USERDATA, &size);

        while (data && size >= HEADER_SIZE && size - HEADER_SIZE >= data[1]) {
                uint32_t length = data[1];

                if (data[0] == NFTNL_UDATA_RULE_COMMENT)
                        return length == strlen(text) + 1 && memcmp(data + HEADER_SIZE, text, length) == 0;
                data += HEADER_SIZE + length;
                size -= HEADER_SIZE + length;
        }
        return false;
}

/* `-m comment`: the match of that name, with the text in a field of fixed size (struct xt_comment_info). */
static bool is_comment_match(const struct nftnl_expr *expression, const char *text) {
        uint32_t size = 0;
        const char *info;

        if (strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), "match") != 0 ||
            !nftnl_expr_is_set(expression, NFTNL_EXPR_MT_NAME) || !nftnl_expr_is_set(expression, NFTNL_EXPR_MT_INFO) ||
            strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_MT_NAME), "comment") != 0)
                return false;
        info = nftnl_expr_get(expression, NFTNL_EXPR_MT_INFO, &size);
        return info && size > strlen(text) && memcmp(info, text, strlen(text) + 1) == 0;
}

int rule_has_comment(const struct nftnl_rule *rule, const char *text) {
        struct nftnl_expr_iter *expressions;
        const struct nftnl_expr *expression;
        bool found = false;

        if (userdata_has_comment(rule, text))
                return true;
        expressions = nftnl_expr_iter_create(rule);
        if (!expressions)
                return -ENOMEM;
        while (!found && (expression = nftnl_expr_iter_next(expressions)))
                found = is_comment_match(expression, text);
        nftnl_expr_iter_destroy(expressions);
        return found;
}

/* The kernel names a register that begins on 16 bytes by the old numbers, whichever it was told; so do we, to
 * read the same again. */
static uint32_t slot_register(RuleSlot slot) {
        return slot % 4 == 0 ? NFT_REG_1 + slot / 4 : NFT_REG32_00 + slot;
}

/* The expression joins the rule at once, so that nothing is lost where setting its attributes fails. */
static struct nftnl_expr *add_expression(RuleWriter *writer, const char *name) {
        struct nftnl_expr *expression;

        if (writer->error < 0)
                return NULL;
        expression = nftnl_expr_alloc(name);
        if (!expression) {
                writer->error = -ENOMEM;
                return NULL;
        }
        nftnl_rule_add_expr(writer->rules.items[writer->rules.count - 1], expression);
        return expression;
}

static void put_u8(struct nftnl_expr *expression, uint16_t attribute, uint8_t value) {
        if (expression)
                nftnl_expr_set_u8(expression, attribute, value);
}

static void put_u32(struct nftnl_expr *expression, uint16_t attribute, uint32_t value) {
        if (expression)
                nftnl_expr_set_u32(expression, attribute, value);
}

static void put_data(RuleWriter *writer, struct nftnl_expr *expression, uint16_t attribute, const void *data,
                     uint32_t size) {
        if (expression && nftnl_expr_set(expression, attribute, data, size) < 0)
                writer->error = -ENOMEM;
}

static void put_string(RuleWriter *writer, struct nftnl_expr *expression, uint16_t attribute, const char *text) {
        put_data(writer, expression, attribute, text, (uint32_t) strlen(text) + 1);
}

void rule_load_meta(RuleWriter *writer, uint32_t key, RuleSlot slot) {
        struct nftnl_expr *expression = add_expression(writer, "meta");

        put_u32(expression, NFTNL_EXPR_META_KEY, key);
        put_u32(expression, NFTNL_EXPR_META_DREG, slot_register(slot));
}

void rule_load_ct(RuleWriter *writer, uint32_t key, RuleSlot slot) {
        struct nftnl_expr *expression = add_expression(writer, "ct");

        put_u32(expression, NFTNL_EXPR_CT_KEY, key);
        put_u32(expression, NFTNL_EXPR_CT_DREG, slot_register(slot));
}

void rule_load_ct_tuple(RuleWriter *writer, uint32_t key, uint8_t direction, RuleSlot slot) {
        struct nftnl_expr *expression = add_expression(writer, "ct");

        put_u32(expression, NFTNL_EXPR_CT_KEY, key);
        put_u8(expression, NFTNL_EXPR_CT_DIR, direction);
        put_u32(expression, NFTNL_EXPR_CT_DREG, slot_register(slot));
}

void rule_load_payload(RuleWriter *writer, RulePayload payload, RuleSlot slot) {
        struct nftnl_expr *expression = add_expression(writer, "payload");

        put_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, payload.base);
        put_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, payload.offset);
        put_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, payload.size);
        put_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, slot_register(slot));
}

void rule_load_number(RuleWriter *writer, uint32_t modulus) {
        struct nftnl_expr *expression = add_expression(writer, "numgen");

        put_u32(expression, NFTNL_EXPR_NG_DREG, slot_register(0));
        put_u32(expression, NFTNL_EXPR_NG_MODULUS, modulus);
        put_u32(expression, NFTNL_EXPR_NG_TYPE, NFT_NG_INCREMENTAL);
        put_u32(expression, NFTNL_EXPR_NG_OFFSET, 0);
}

void rule_load_address_type(RuleWriter *writer, RuleSlot slot) {
        struct nftnl_expr *expression = add_expression(writer, "fib");

        put_u32(expression, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
        put_u32(expression, NFTNL_EXPR_FIB_FLAGS, NFTA_FIB_F_DADDR);
        put_u32(expression, NFTNL_EXPR_FIB_DREG, slot_register(slot));
}

void rule_compare(RuleWriter *writer, uint32_t op, const void *data, uint32_t size) {
        struct nftnl_expr *expression = add_expression(writer, "cmp");

        put_u32(expression, NFTNL_EXPR_CMP_SREG, slot_register(0));
        put_u32(expression, NFTNL_EXPR_CMP_OP, op);
        put_data(writer, expression, NFTNL_EXPR_CMP_DATA, data, size);
}

void rule_compare_u32(RuleWriter *writer, uint32_t op, uint32_t value) {
        rule_compare(writer, op, &value, sizeof(value));
}

static void add_bitwise(RuleWriter *writer, const void *mask, const void *xor, uint32_t size) {
        struct nftnl_expr *expression = add_expression(writer, "bitwise");

        put_u32(expression, NFTNL_EXPR_BITWISE_SREG, slot_register(0));
        put_u32(expression, NFTNL_EXPR_BITWISE_DREG, slot_register(0));
        put_u32(expression, NFTNL_EXPR_BITWISE_LEN, size);
        put_data(writer, expression, NFTNL_EXPR_BITWISE_MASK, mask, size);
        put_data(writer, expression, NFTNL_EXPR_BITWISE_XOR, xor, size);
}

void rule_change_bits(RuleWriter *writer, uint32_t mask, uint32_t xor) {
        add_bitwise(writer, &mask, &xor, sizeof(mask));
}

void rule_mask_byte(RuleWriter *writer, uint8_t mask) {
        add_bitwise(writer, &mask, &(uint8_t) { 0 }, sizeof(mask));
}

static struct nftnl_expr *add_lookup(RuleWriter *writer, const char *set) {
        struct nftnl_expr *expression = add_expression(writer, "lookup");

        put_u32(expression, NFTNL_EXPR_LOOKUP_SREG, slot_register(0));
        put_string(writer, expression, NFTNL_EXPR_LOOKUP_SET, set);
        /* Said although it is the default: a lookup turned round by NFT_LOOKUP_F_INV must not compare equal. */
        put_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS, 0);
        return expression;
}

void rule_lookup(RuleWriter *writer, const char *set) {
        (void) add_lookup(writer, set);
}

void rule_lookup_data(RuleWriter *writer, const char *map) {
        put_u32(add_lookup(writer, map), NFTNL_EXPR_LOOKUP_DREG, slot_register(0));
}

void rule_lookup_verdict(RuleWriter *writer, const char *map) {
        put_u32(add_lookup(writer, map), NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

void rule_set_mark(RuleWriter *writer) {
        struct nftnl_expr *expression = add_expression(writer, "meta");

        put_u32(expression, NFTNL_EXPR_META_KEY, NFT_META_MARK);
        put_u32(expression, NFTNL_EXPR_META_SREG, slot_register(0));
}

void rule_count(RuleWriter *writer) {
        (void) add_expression(writer, "counter");
}

void rule_dnat(RuleWriter *writer, uint32_t family, RuleSlot port) {
        struct nftnl_expr *expression = add_expression(writer, "nat");

        put_u32(expression, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
        put_u32(expression, NFTNL_EXPR_NAT_FAMILY, family);
        put_u32(expression, NFTNL_EXPR_NAT_REG_ADDR_MIN, slot_register(0));
        if (port != RULE_NO_SLOT)
                put_u32(expression, NFTNL_EXPR_NAT_REG_PROTO_MIN, slot_register(port));
}

void rule_masquerade(RuleWriter *writer) {
        (void) add_expression(writer, "masq");
}

void rule_verdict(RuleWriter *writer, uint32_t verdict, const char *chain) {
        struct nftnl_expr *expression = add_expression(writer, "immediate");

        put_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        put_u32(expression, NFTNL_EXPR_IMM_VERDICT, verdict);
        if (chain)
                put_string(writer, expression, NFTNL_EXPR_IMM_CHAIN, chain);
}

static bool attribute_matches(const struct nftnl_expr *wanted, const struct nftnl_expr *found, uint16_t attribute) {
        uint32_t wanted_size = 0, found_size = 0;
        const void *a, *b;

        if (!nftnl_expr_is_set(wanted, attribute))
                return true;
        if (!nftnl_expr_is_set(found, attribute))
                return false;
        a = nftnl_expr_get(wanted, attribute, &wanted_size);
        b = nftnl_expr_get(found, attribute, &found_size);
        return a && b && wanted_size == found_size && memcmp(a, b, wanted_size) == 0;
}

static bool expression_matches(const struct nftnl_expr *wanted, const struct nftnl_expr *found) {
        const uint16_t end = 16; /* no expression of libnftnl has as many */

        if (strcmp(nftnl_expr_get_str(wanted, NFTNL_EXPR_NAME), nftnl_expr_get_str(found, NFTNL_EXPR_NAME)) != 0)
                return false;
        for (uint16_t attribute = NFTNL_EXPR_BASE; attribute < end; attribute++)
                if (!attribute_matches(wanted, found, attribute))
                        return false;
        return true;
}

static bool expression_is(const struct nftnl_expr *expression, const char *name) {
        return strcmp(nftnl_expr_get_str(expression, NFTNL_EXPR_NAME), name) == 0;
}

static bool is_xtables(const struct nftnl_expr *expression, const char *kind, uint16_t attribute, const char *name) {
        return expression_is(expression, kind) && nftnl_expr_is_set(expression, attribute) &&
               strcmp(nftnl_expr_get_str(expression, attribute), name) == 0;
}

/* It neither looks at the packet nor does anything to it. */
static bool expression_is_remark(const struct nftnl_expr *expression) {
        return expression_is(expression, "counter") || expression_is(expression, "log") ||
               is_xtables(expression, "match", NFTNL_EXPR_MT_NAME, "comment");
}

static const struct nftnl_expr *next_expression(struct nftnl_expr_iter *expressions, bool remarks) {
        const struct nftnl_expr *expression;

        do
                expression = nftnl_expr_iter_next(expressions);
        while (expression && !remarks && expression_is_remark(expression));
        return expression;
}

static bool expressions_match(struct nftnl_expr_iter *wanted, struct nftnl_expr_iter *found, bool remarks) {
        for (;;) {
                const struct nftnl_expr *a = next_expression(wanted, remarks);
                const struct nftnl_expr *b = next_expression(found, remarks);

                if (!a || !b)
                        return !a && !b;
                if (!expression_matches(a, b))
                        return false;
        }
}

static int compare_rules(const struct nftnl_rule *wanted, const struct nftnl_rule *found, bool remarks) {
        struct nftnl_expr_iter *a = nftnl_expr_iter_create(wanted);
        struct nftnl_expr_iter *b = nftnl_expr_iter_create(found);
        int same = a && b ? expressions_match(a, b, remarks) : -ENOMEM;

        if (a)
                nftnl_expr_iter_destroy(a);
        if (b)
                nftnl_expr_iter_destroy(b);
        return same;
}

int rule_matches(const struct nftnl_rule *wanted, const struct nftnl_rule *found) {
        return compare_rules(wanted, found, true);
}

int rule_does(const struct nftnl_rule *wanted, const struct nftnl_rule *found) {
        return compare_rules(wanted, found, false);
}

static void summarise_verdict(const struct nftnl_expr *immediate, RuleSummary *summary) {
        uint32_t verdict;

        if (!nftnl_expr_is_set(immediate, NFTNL_EXPR_IMM_VERDICT))
                return;
        verdict = nftnl_expr_get_u32(immediate, NFTNL_EXPR_IMM_VERDICT);
        summary->drops |= verdict == NF_DROP;
        summary->accepts |= verdict == NF_ACCEPT;
        if (nftnl_expr_is_set(immediate, NFTNL_EXPR_IMM_CHAIN))
                summary->chain = nftnl_expr_get_str(immediate, NFTNL_EXPR_IMM_CHAIN);
}

static void summarise_expression(const struct nftnl_expr *expression, RuleSummary *summary) {
        if (expression_is_remark(expression))
                return;
        if (expression_is(expression, "immediate"))
                summarise_verdict(expression, summary);
        else if (expression_is(expression, "reject") || is_xtables(expression, "target", NFTNL_EXPR_TG_NAME, "REJECT"))
                summary->drops = true;
        else
                summary->unconditional = false;
        if (expression_is(expression, "lookup") && nftnl_expr_is_set(expression, NFTNL_EXPR_LOOKUP_DREG))
                summary->map |= nftnl_expr_get_u32(expression, NFTNL_EXPR_LOOKUP_DREG) == NFT_REG_VERDICT;
}

int rule_summarise(const struct nftnl_rule *rule, RuleSummary *ret) {
        struct nftnl_expr_iter *expressions = nftnl_expr_iter_create(rule);
        RuleSummary summary = { .unconditional = true };
        const struct nftnl_expr *expression;

        if (!expressions)
                return -ENOMEM;
        while ((expression = nftnl_expr_iter_next(expressions)))
                summarise_expression(expression, &summary);
        nftnl_expr_iter_destroy(expressions);
        *ret = summary;
        return 0;
}
