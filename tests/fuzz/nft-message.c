/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/nft-message.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "daemon/net/attribute.h"
#include "tests/fuzz/fuzz.h"

typedef enum Kind {
        KIND_U8,
        KIND_U32,
        KIND_U64,
        KIND_NAME, /* with the zero at its end, and none before */
        KIND_BYTES,
        KIND_NEST,
        KIND_VERDICT,
        KIND_EXPRESSION,
} Kind;

/* One attribute of those that may stand together; a list of them ends with type 0. */
typedef struct AttributeSchema {
        uint16_t type;
        Kind kind;
        const struct AttributeSchema *nest;
} AttributeSchema;

#define LIST_OF(name, schema) static const AttributeSchema name[] = { { NFTA_LIST_ELEM, KIND_NEST, schema }, {} }

static const AttributeSchema table_attributes[] = {
        { NFTA_TABLE_NAME, KIND_NAME }, { NFTA_TABLE_FLAGS, KIND_U32 }, { NFTA_TABLE_USE, KIND_U32 },
        { NFTA_TABLE_HANDLE, KIND_U64 }, { NFTA_TABLE_OWNER, KIND_U32 }, { NFTA_TABLE_USERDATA, KIND_BYTES }, {},
};

static const AttributeSchema hook_attributes[] = {
        { NFTA_HOOK_HOOKNUM, KIND_U32 }, { NFTA_HOOK_PRIORITY, KIND_U32 }, { NFTA_HOOK_DEV, KIND_NAME }, {},
};

static const AttributeSchema counter_attributes[] = {
        { NFTA_COUNTER_BYTES, KIND_U64 }, { NFTA_COUNTER_PACKETS, KIND_U64 }, {},
};

static const AttributeSchema chain_attributes[] = {
        { NFTA_CHAIN_TABLE, KIND_NAME }, { NFTA_CHAIN_HANDLE, KIND_U64 }, { NFTA_CHAIN_NAME, KIND_NAME },
        { NFTA_CHAIN_HOOK, KIND_NEST, hook_attributes }, { NFTA_CHAIN_POLICY, KIND_U32 },
        { NFTA_CHAIN_USE, KIND_U32 }, { NFTA_CHAIN_TYPE, KIND_NAME },
        { NFTA_CHAIN_COUNTERS, KIND_NEST, counter_attributes }, { NFTA_CHAIN_FLAGS, KIND_U32 },
        { NFTA_CHAIN_USERDATA, KIND_BYTES }, {},
};

static const AttributeSchema field_attributes[] = { { NFTA_SET_FIELD_LEN, KIND_U32 }, {} };
LIST_OF(field_list, field_attributes);
static const AttributeSchema description_attributes[] = {
        { NFTA_SET_DESC_SIZE, KIND_U32 }, { NFTA_SET_DESC_CONCAT, KIND_NEST, field_list }, {},
};

static const AttributeSchema set_attributes[] = {
        { NFTA_SET_TABLE, KIND_NAME }, { NFTA_SET_NAME, KIND_NAME }, { NFTA_SET_FLAGS, KIND_U32 },
        { NFTA_SET_KEY_TYPE, KIND_U32 }, { NFTA_SET_KEY_LEN, KIND_U32 }, { NFTA_SET_DATA_TYPE, KIND_U32 },
        { NFTA_SET_DATA_LEN, KIND_U32 }, { NFTA_SET_POLICY, KIND_U32 },
        { NFTA_SET_DESC, KIND_NEST, description_attributes }, { NFTA_SET_ID, KIND_U32 },
        { NFTA_SET_TIMEOUT, KIND_U64 }, { NFTA_SET_GC_INTERVAL, KIND_U32 }, { NFTA_SET_USERDATA, KIND_BYTES },
        { NFTA_SET_OBJ_TYPE, KIND_U32 }, { NFTA_SET_HANDLE, KIND_U64 }, {},
};

static const AttributeSchema verdict_attributes[] = {
        { NFTA_VERDICT_CODE, KIND_U32 }, { NFTA_VERDICT_CHAIN, KIND_NAME }, {},
};
static const AttributeSchema value_attributes[] = { { NFTA_DATA_VALUE, KIND_BYTES }, {} };
static const AttributeSchema data_attributes[] = {
        { NFTA_DATA_VALUE, KIND_BYTES }, { NFTA_DATA_VERDICT, KIND_VERDICT, verdict_attributes }, {},
};

static const AttributeSchema element_attributes[] = {
        { NFTA_SET_ELEM_KEY, KIND_NEST, value_attributes }, { NFTA_SET_ELEM_KEY_END, KIND_NEST, value_attributes },
        { NFTA_SET_ELEM_DATA, KIND_NEST, data_attributes }, { NFTA_SET_ELEM_FLAGS, KIND_U32 },
        { NFTA_SET_ELEM_TIMEOUT, KIND_U64 }, { NFTA_SET_ELEM_EXPIRATION, KIND_U64 },
        { NFTA_SET_ELEM_USERDATA, KIND_BYTES }, {},
};
LIST_OF(element_list, element_attributes);
static const AttributeSchema elements_attributes[] = {
        { NFTA_SET_ELEM_LIST_TABLE, KIND_NAME }, { NFTA_SET_ELEM_LIST_SET, KIND_NAME },
        { NFTA_SET_ELEM_LIST_ELEMENTS, KIND_NEST, element_list }, { NFTA_SET_ELEM_LIST_SET_ID, KIND_U32 }, {},
};

/* The data's schema follows from the name: see is_expression(). */
static const AttributeSchema expression_attributes[] = {
        { NFTA_EXPR_NAME, KIND_NAME }, { NFTA_EXPR_DATA, KIND_BYTES }, {},
};
static const AttributeSchema expression_list[] = { { NFTA_LIST_ELEM, KIND_EXPRESSION, expression_attributes }, {} };
static const AttributeSchema compat_attributes[] = {
        { NFTA_RULE_COMPAT_PROTO, KIND_U32 }, { NFTA_RULE_COMPAT_FLAGS, KIND_U32 }, {},
};
static const AttributeSchema rule_attributes[] = {
        { NFTA_RULE_TABLE, KIND_NAME }, { NFTA_RULE_CHAIN, KIND_NAME }, { NFTA_RULE_HANDLE, KIND_U64 },
        { NFTA_RULE_EXPRESSIONS, KIND_NEST, expression_list }, { NFTA_RULE_POSITION, KIND_U64 },
        { NFTA_RULE_COMPAT, KIND_NEST, compat_attributes }, { NFTA_RULE_USERDATA, KIND_BYTES }, {},
};

/* Of an expression's data, what is no KIND_U32: most is. */
static const struct {
        const char *name;
        AttributeSchema exceptions[4];
} expressions[] = {
        { "meta", {} }, { "payload", {} }, { "numgen", {} }, { "fib", {} }, { "nat", {} }, { "masq", {} },
        { "ct", { { NFTA_CT_DIRECTION, KIND_U8 } } },
        { "cmp", { { NFTA_CMP_DATA, KIND_NEST, value_attributes } } },
        { "bitwise", { { NFTA_BITWISE_MASK, KIND_NEST, value_attributes },
                       { NFTA_BITWISE_XOR, KIND_NEST, value_attributes },
                       { NFTA_BITWISE_DATA, KIND_NEST, value_attributes } } },
        { "lookup", { { NFTA_LOOKUP_SET, KIND_NAME } } },
        { "counter", { { NFTA_COUNTER_BYTES, KIND_U64 }, { NFTA_COUNTER_PACKETS, KIND_U64 } } },
        { "immediate", { { NFTA_IMMEDIATE_DATA, KIND_NEST, data_attributes } } },
        { "match", { { NFTA_MATCH_NAME, KIND_NAME }, { NFTA_MATCH_INFO, KIND_BYTES } } },
};

static const AttributeSchema *find_schema(const AttributeSchema *schemas, uint16_t type) {
        for (; schemas->type; schemas++)
                if (schemas->type == type)
                        return schemas;
        return NULL;
}

/* NOLINTBEGIN(misc-no-recursion): no deeper than the schemas are */

static bool attributes_fit(const struct nlattr *attribute, const void *end, const AttributeSchema *schemas,
                           const AttributeSchema *otherwise);

static bool nest_fits(const struct nlattr *nest, const AttributeSchema *schemas, const AttributeSchema *otherwise) {
        return attributes_fit(mnl_attr_get_payload(nest), attribute_end(nest), schemas, otherwise);
}

static bool is_name(const struct nlattr *attribute) {
        size_t size = mnl_attr_get_payload_len(attribute);
        const char *name = mnl_attr_get_payload(attribute);

        return size > 1 && memchr(name, '\0', size) == name + size - 1;
}

/* It leads somewhere where it says so. */
static bool is_verdict(const struct nlattr *nest) {
        const struct nlattr *attribute;
        uint32_t code = NF_ACCEPT;
        bool chain = false;

        if (!nest_fits(nest, verdict_attributes, NULL))
                return false;
        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                if (mnl_attr_get_type(attribute) == NFTA_VERDICT_CODE)
                        code = ntohl(attribute_u32(attribute));
                chain |= mnl_attr_get_type(attribute) == NFTA_VERDICT_CHAIN;
        }
        return chain || (code != (uint32_t) NFT_JUMP && code != (uint32_t) NFT_GOTO);
}

/* One that we do not know could be any: it is left out, so that what libnftnl does not know is not tried. */
static bool is_expression(const struct nlattr *nest) {
        static const AttributeSchema number = { .kind = KIND_U32 };
        const struct nlattr *attribute, *name = NULL, *data = NULL;

        if (!nest_fits(nest, expression_attributes, NULL))
                return false;
        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest)
                *(mnl_attr_get_type(attribute) == NFTA_EXPR_NAME ? &name : &data) = attribute;
        for (size_t i = 0; name && i < ELEMENTSOF(expressions); i++)
                if (strcmp(mnl_attr_get_str(name), expressions[i].name) == 0)
                        return !data || nest_fits(data, expressions[i].exceptions, &number);
        return false;
}

static bool attribute_fits(const struct nlattr *attribute, const AttributeSchema *schema) {
        size_t size = mnl_attr_get_payload_len(attribute);

        switch (schema->kind) {
        case KIND_U8:
                return size == sizeof(uint8_t);
        case KIND_U32:
                return size == sizeof(uint32_t);
        case KIND_U64:
                return size == sizeof(uint64_t);
        case KIND_NAME:
                return is_name(attribute);
        case KIND_BYTES:
                return true;
        case KIND_NEST:
                return nest_fits(attribute, schema->nest, NULL);
        case KIND_VERDICT:
                return is_verdict(attribute);
        case KIND_EXPRESSION:
                return is_expression(attribute);
        }
        return false;
}

/* otherwise: what those are whose type is not among the schemas; NULL: there are none. */
static bool attributes_fit(const struct nlattr *attribute, const void *end, const AttributeSchema *schemas,
                           const AttributeSchema *otherwise) {
        for (; attribute_ok(attribute, end); attribute = mnl_attr_next(attribute)) {
                const AttributeSchema *schema = find_schema(schemas, mnl_attr_get_type(attribute));

                schema = schema ?: otherwise;
                if (!schema || !attribute_fits(attribute, schema))
                        return false;
        }
        return (const void *) attribute == end;
}

/* NOLINTEND(misc-no-recursion) */

bool nft_message_is_kernels(const struct nlmsghdr *message) {
        static const AttributeSchema *const messages[NFT_MSG_MAX] = {
                [NFT_MSG_NEWTABLE] = table_attributes, [NFT_MSG_NEWCHAIN] = chain_attributes,
                [NFT_MSG_NEWSET] = set_attributes,     [NFT_MSG_NEWRULE] = rule_attributes,
                [NFT_MSG_NEWSETELEM] = elements_attributes,
        };
        unsigned type = NFNL_MSG_TYPE(message->nlmsg_type);

        return message->nlmsg_len >= sizeof(*message) + sizeof(struct nfgenmsg) &&
               NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_NFTABLES && type < ELEMENTSOF(messages) &&
               messages[type] &&
               attributes_fit(mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)), message_end(message),
                              messages[type], NULL);
}
