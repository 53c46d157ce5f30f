/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/encode.h"

#include <errno.h>
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

static int fill_set_types(struct nftnl_set *set, const SetSchema *schema, const char *object) {
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
        return encode_set_userdata(set, schema, object);
}

/* The part that every message about a set, or its elements, has. */
static struct nftnl_set *set_new(const SetSchema *schema, const char *object) {
        struct nftnl_set *set = nftnl_set_alloc();
        char name[OBJECT_NAME_SIZE];

        if (!set)
                return NULL;
        nftnl_set_set_u32(set, NFTNL_SET_FAMILY, NFPROTO_INET);
        if (nftnl_set_set_str(set, NFTNL_SET_TABLE, CALICO_EXPOSED_TABLE) < 0 ||
            nftnl_set_set_str(set, NFTNL_SET_NAME, set_name(schema, object, name)) < 0) {
                nftnl_set_free(set);
                return NULL;
        }
        return set;
}

static void put_new_set(Batch *batch, const SetSchema *schema, const char *object) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, object);
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWSET, NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL);

        if (!set || fill_set_types(set, schema, object) < 0) {
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

static void put_delete_set(Batch *batch, const SetSchema *schema, const char *object) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, object);
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
                if (!set_schemas[i].object)
                        put_new_set(batch, &set_schemas[i], "");
        /* All chains before any rule: rules refer to chains. */
        for (size_t i = 0; i < n_chain_schemas; i++)
                put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, chain_schemas[i].name,
                          chain_schemas[i].type ? &chain_schemas[i] : NULL);
        for (size_t i = 0; i < n_chain_schemas; i++)
                put_rules(batch, chain_schemas[i].name, options);
}

static void put_object(Batch *batch, const RulesetOptions *options, const ObjectSchema *object, const char *name) {
        char chain[OBJECT_NAME_SIZE];

        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_is_of_object(&set_schemas[i], object, name))
                        put_new_set(batch, &set_schemas[i], name);
        put_chain(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, object_chain_name(object, name, chain), NULL);
        put_rules(batch, chain, options);
}

/* The chain takes its rules along, without which the sets are free to go. */
static void put_delete_object(Batch *batch, const ObjectSchema *object, const char *name) {
        char chain[OBJECT_NAME_SIZE];

        put_chain(batch, NFT_MSG_DELCHAIN, 0, object_chain_name(object, name, chain), NULL);
        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_is_of_object(&set_schemas[i], object, name))
                        put_delete_set(batch, &set_schemas[i], name);
}

/* Elements that are made, or unmade, one after the other. */
typedef struct Slice {
        const Element *elements;
        size_t count;
        const RulesetOptions *options; /* NULL: they are unmade */
} Slice;

/* How many elements from the first on are of the same set, and go into one message. */
static size_t slice_run(const Slice *slice, const SetSchema *schema) {
        size_t limit = MIN(slice->count, encode_elements_per_message(schema));
        size_t count = 1;

        for (; count < limit; count++)
                if (set_schema_for_element(&slice->elements[count]) != schema ||
                    (schema->object && strcmp(slice->elements[0].name, slice->elements[count].name) != 0))
                        break;
        return count;
}

static int fill_elements(struct nftnl_set *set, const SetSchema *schema, const Slice *slice, size_t count) {
        for (size_t i = 0; i < count; i++) {
                struct nftnl_set_elem *elem;
                int r = encode_element(schema, &slice->elements[i], slice->options, &elem);

                if (r < 0)
                        return r;
                nftnl_set_elem_add(set, elem);
        }
        return 0;
}

static void put_elements(Batch *batch, const SetSchema *schema, const Slice *slice, size_t count) {
        _cleanup_set_ struct nftnl_set *set = set_new(schema, slice->elements[0].name);
        struct nlmsghdr *message;
        int r = set ? fill_elements(set, schema, slice, count) : -ENOMEM;

        if (r < 0) {
                fail(batch, r);
                return;
        }
        /* NLM_F_EXCL: an element that is there already shows that the plan began from something else. */
        message = slice->options
                          ? batch_message(batch, NFT_MSG_NEWSETELEM, NFPROTO_INET, NLM_F_CREATE | NLM_F_EXCL)
                          : batch_message(batch, NFT_MSG_DELSETELEM, NFPROTO_INET, 0);
        if (!message)
                return;
        nftnl_set_elems_nlmsg_build_payload(message, set);
        batch_put(batch, message);
}

static void put_object_element(Batch *batch, const RulesetOptions *options, const Element *element) {
        const ObjectSchema *object = object_schema_for_kind(element->kind);

        if (!object || !object->name_is_valid(element->name))
                fail(batch, -EINVAL);
        else if (options)
                put_object(batch, options, object, element->name);
        else
                put_delete_object(batch, object, element->name);
}

static void put_slice(Batch *batch, Slice slice) {
        while (slice.count > 0 && batch->error == 0) {
                const SetSchema *schema = set_schema_for_element(slice.elements);
                size_t count = schema ? slice_run(&slice, schema) : 1;

                if (schema)
                        put_elements(batch, schema, &slice, count);
                else
                        put_object_element(batch, slice.options, slice.elements);
                slice.elements += count;
                slice.count -= count;
        }
}

void encode_add_elements(Batch *batch, const RulesetOptions *options, const Elements *elements) {
        put_slice(batch, (Slice) { elements->items, elements->count, options });
}

/* Kind by kind from the last to the first; but within one kind, which does not depend on itself, forward: that is the
 * order in which most of them were added, and in which the kernel finds elements of intervals at once. Backward, 1,000
 * of them took ten times as long. */
void encode_remove_elements(Batch *batch, const Elements *elements) {
        size_t end = elements->count;

        while (end > 0) {
                size_t first = end - 1;

                while (first > 0 && elements->items[first - 1].kind == elements->items[first].kind)
                        first--;
                put_slice(batch, (Slice) { &elements->items[first], end - first, NULL });
                end = first;
        }
}
