/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/encode.h"

#include <errno.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"

static void fail(Batch *batch, int error) {
        if (batch->error == 0)
                batch->error = error;
}

static void put_table(Batch *batch, uint16_t type, uint16_t flags, uint32_t table_flags) {
        _cleanup_table_ struct nftnl_table *table = nftnl_table_alloc();
        struct nlmsghdr *message = batch_message(batch, type, NFPROTO_INET, flags);

        if (!table || nftnl_table_set_str(table, NFTNL_TABLE_NAME, CALICO_EXPOSED_TABLE) < 0) {
                fail(batch, -ENOMEM);
                return;
        }
        if (table_flags)
                nftnl_table_set_u32(table, NFTNL_TABLE_FLAGS, table_flags);
        if (!message)
                return;
        nftnl_table_nlmsg_build_payload(message, table);
        batch_put(batch, message);
}

void encode_delete_table(Batch *batch) {
        put_table(batch, NFT_MSG_DELTABLE, 0, 0);
}

/* base: NULL for a chain without a hook */
static int fill_chain(struct nftnl_chain *chain, const char *name, const ChainSchema *base) {
        if (nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, CALICO_EXPOSED_TABLE) < 0 ||
            nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, name) < 0)
                return -ENOMEM;
        if (!base)
                return 0;
        nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, base->hook);
        nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, base->priority);
        nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, NF_ACCEPT);
        return nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, base->type) < 0 ? -ENOMEM : 0;
}

static void put_chain(Batch *batch, uint16_t type, uint16_t flags, const char *name, const ChainSchema *base) {
        _cleanup_chain_ struct nftnl_chain *chain = nftnl_chain_alloc();
        struct nlmsghdr *message = batch_message(batch, type, NFPROTO_INET, flags);

        if (!chain || fill_chain(chain, name, base) < 0) {
                fail(batch, -ENOMEM);
                return;
        }
        if (!message)
                return;
        nftnl_chain_nlmsg_build_payload(message, chain);
        batch_put(batch, message);
}

static void put_rules(Batch *batch, const char *chain, const RulesetOptions *options) {
        Rules rules = {};
        int r = ruleset_make_rules(chain, options, &rules);

        if (r < 0)
                fail(batch, r);
        for (size_t i = 0; i < rules.count; i++) {
                struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWRULE, NFPROTO_INET,
                                                         NLM_F_CREATE | NLM_F_APPEND);

                if (!message)
                        break;
                nftnl_rule_nlmsg_build_payload(message, rules.items[i]);
                batch_put(batch, message);
        }
        rules_done(&rules);
}

/* What nft keeps for its own listing; the kernel does not read it. */
static int fill_set_userdata(struct nftnl_set *set, const SetSchema *schema, bool map) {
        struct nftnl_udata_buf *buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        int r = -ENOMEM;

        if (!buffer)
                return -ENOMEM;
        if (nftnl_udata_put_u32(buffer, NFTNL_UDATA_SET_KEYBYTEORDER, set_key_layout(schema).byteorder) &&
            (!map || nftnl_udata_put_u32(buffer, NFTNL_UDATA_SET_DATABYTEORDER, set_data_layout(schema).byteorder)) &&
            (!schema->comment || nftnl_udata_put_strz(buffer, NFTNL_UDATA_SET_COMMENT, schema->comment)) &&
            nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(buffer),
                               nftnl_udata_buf_len(buffer)) >= 0)
                r = 0;
        nftnl_udata_buf_free(buffer);
        return r;
}

static int fill_set_types(struct nftnl_set *set, const SetSchema *schema) {
        SetLayout key = set_key_layout(schema), data = set_data_layout(schema);
        uint32_t flags = set_flags(schema);

        nftnl_set_set_u32(set, NFTNL_SET_FLAGS, flags);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_TYPE, key.type);
        nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key.size);
        if (flags & NFT_SET_MAP) {
                nftnl_set_set_u32(set, NFTNL_SET_DATA_TYPE, data.type);
                nftnl_set_set_u32(set, NFTNL_SET_DATA_LEN, data.size);
        }
        if (key.interval &&
            nftnl_set_set_data(set, NFTNL_SET_DESC_CONCAT, key.field_sizes, (uint32_t) key.n_fields) < 0)
                return -ENOMEM;
        return fill_set_userdata(set, schema, flags & NFT_SET_MAP);
}

/* The part that every message about a set, or its elements, has. */
static struct nftnl_set *set_new(const SetSchema *schema, const char *profile) {
        struct nftnl_set *set = nftnl_set_alloc();
        char name[OBJECT_NAME_SIZE];

        if (!set)
                return NULL;
        nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
        if (nftnl_set_set_str(set, NFTNL_SET_TABLE, CALICO_EXPOSED_TABLE) < 0 ||
            nftnl_set_set_str(set, NFTNL_SET_NAME, set_name(schema, profile, name)) < 0) {
                nftnl_set_free(set);
                return NULL;
        }
        return set;
}

static void put_new_set(Batch *batch, const SetSchema *schema, const char *profile) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, profile);
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL);

        if (!set || fill_set_types(set, schema) < 0) {
                fail(batch, -ENOMEM);
                return;
        }
        /* Any number that no other set of this transaction has; nothing refers to it, all go by name. */
        nftnl_set_set_u32(set, NFTNL_SET_ID, batch->next_sequence);
        if (!message)
                return;
        nftnl_set_nlmsg_build_payload(message, set);
        batch_put(batch, message);
}

static void put_delete_set(Batch *batch, const SetSchema *schema, const char *profile) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, profile);
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_DELSET, NFPROTO_INET, 0);

        if (!set)
                fail(batch, -ENOMEM);
        if (!set || !message)
                return;
        nftnl_set_nlmsg_build_payload(message, set);
        batch_put(batch, message);
}

void encode_skeleton(Batch *batch, const RulesetOptions *options, bool owner) {
        put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, owner ? NFT_TABLE_F_OWNER : 0);
        for (size_t i = 0; i < n_set_schemas; i++)
                if (!set_schemas[i].per_profile)
                        put_new_set(batch, &set_schemas[i], "");
        /* All chains before any rule: rules refer to chains. */
        for (size_t i = 0; i < n_chain_schemas; i++)
                put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, chain_schemas[i].name,
                          chain_schemas[i].type ? &chain_schemas[i] : NULL);
        for (size_t i = 0; i < n_chain_schemas; i++)
                put_rules(batch, chain_schemas[i].name, options);
}

static void put_profile(Batch *batch, const RulesetOptions *options, const char *profile) {
        char chain[OBJECT_NAME_SIZE];

        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_schemas[i].per_profile)
                        put_new_set(batch, &set_schemas[i], profile);
        put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, profile_chain_name(profile, chain), NULL);
        put_rules(batch, chain, options);
}

/* The chain takes its rules along, without which the sets are free to go. */
static void put_delete_profile(Batch *batch, const char *profile) {
        char chain[OBJECT_NAME_SIZE];

        put_chain(batch, NFT_MSG_DELCHAIN, 0, profile_chain_name(profile, chain), NULL);
        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_schemas[i].per_profile)
                        put_delete_set(batch, &set_schemas[i], profile);
}

/* The elements in the order of the transaction. */
typedef struct Walk {
        const Elements *elements;
        bool reverse;
} Walk;

static const Element *walk_at(const Walk *walk, size_t index) {
        return &walk->elements->items[walk->reverse ? walk->elements->count - 1 - index : index];
}

/* How many elements from that one on are of the same set. */
static size_t walk_run(const Walk *walk, size_t index, const SetSchema *schema) {
        const Element *first = walk_at(walk, index);
        size_t limit = MIN(walk->elements->count - index, encode_elements_per_message(schema));
        size_t count = 1;

        for (; count < limit; count++) {
                const Element *next = walk_at(walk, index + count);

                if (set_schema_for_element(next) != schema ||
                    (schema->per_profile && strcmp(first->name, next->name) != 0))
                        break;
        }
        return count;
}

static int fill_elements(struct nftnl_set *set, const SetSchema *schema, const Walk *walk, size_t index,
                         size_t count) {
        for (size_t i = 0; i < count; i++) {
                struct nftnl_set_elem *elem;
                int r = encode_element(schema, walk_at(walk, index + i), !walk->reverse, &elem);

                if (r < 0)
                        return r;
                nftnl_set_elem_add(set, elem);
        }
        return 0;
}

static void put_elements(Batch *batch, const SetSchema *schema, const Walk *walk, size_t index, size_t count) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, walk_at(walk, index)->name);
        struct nlmsghdr *message;
        int r = set ? fill_elements(set, schema, walk, index, count) : -ENOMEM;

        if (r < 0) {
                fail(batch, r);
                return;
        }
        /* NLM_F_EXCL: an element that is there already shows that the plan began from something else. */
        message = walk->reverse ? batch_message(batch, NFT_MSG_DELSETELEM, NFPROTO_INET, 0)
                                : batch_message(batch, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL);
        if (!message)
                return;
        nftnl_set_elems_nlmsg_build_payload(message, set);
        batch_put(batch, message);
}

/* options: NULL where things are removed. */
static void put_walk(Batch *batch, const RulesetOptions *options, const Walk *walk) {
        size_t count;

        for (size_t i = 0; i < walk->elements->count && batch->error == 0; i += count) {
                const Element *element = walk_at(walk, i);
                const SetSchema *schema = set_schema_for_element(element);

                count = schema ? walk_run(walk, i, schema) : 1;
                if (schema)
                        put_elements(batch, schema, walk, i, count);
                else if (element->kind != ELEMENT_PROFILE || !profile_name_is_valid(element->name))
                        fail(batch, -EINVAL);
                else if (walk->reverse)
                        put_delete_profile(batch, element->name);
                else
                        put_profile(batch, options, element->name);
        }
}

void encode_add_elements(Batch *batch, const RulesetOptions *options, const Elements *elements) {
        put_walk(batch, options, &(Walk) { elements, false });
}

void encode_remove_elements(Batch *batch, const Elements *elements) {
        put_walk(batch, NULL, &(Walk) { elements, true });
}
