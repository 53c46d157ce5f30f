/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/table.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "common/array.h"
#include "daemon/net/attribute.h"
#include "daemon/nft/attribute.h"
#include "daemon/nft/encode.h"
#include "tests/fuzz/fuzz.h"

const RulesetOptions table_options = { .mark = 0x80, .mask = 0x80, .localhost = true };

/* Each message says which set its elements are of; the daemon knows, for it has asked. */
static int take_elements(Snapshot *snapshot, const struct nlmsghdr *message) {
        const struct nlattr *name = attribute_find(message, NFTA_SET_ELEM_LIST_SET, MNL_TYPE_NUL_STRING);
        char object[OBJECT_NAME_SIZE];
        FoundSet set;

        if (!name)
                return 0;
        set = (FoundSet) { set_schema_for_name(mnl_attr_get_str(name), object), object };
        return set.schema ? snapshot_take_elements(snapshot, &set, message) : 0;
}

int table_take_message(Snapshot *snapshot, const struct nlmsghdr *message) {
        if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
            mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
                return 0;
        switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
        case NFT_MSG_NEWTABLE:
                return snapshot_take_table(snapshot, message);
        case NFT_MSG_NEWCHAIN:
                return snapshot_take_chain(snapshot, message);
        case NFT_MSG_NEWSET:
                return snapshot_take_set(snapshot, message);
        case NFT_MSG_NEWRULE:
                return snapshot_take_rule(snapshot, message);
        case NFT_MSG_NEWSETELEM:
                return take_elements(snapshot, message);
        default:
                return 0;
        }
}

/* libnftnl numbers the elements of a message, which the kernel does not look at; the kernel writes NFTA_LIST_ELEM. */
static void answer_as_kernel(const struct nlmsghdr *message) {
        const struct nlattr *list = attribute_find(message, NFTA_SET_ELEM_LIST_ELEMENTS, MNL_TYPE_NESTED);
        struct nlattr *element;

        CHECK(list);
        ATTRIBUTES_FOR_EACH_NESTED(element, list)
                element->nla_type = NLA_F_NESTED | NFTA_LIST_ELEM;
}

/* In the kernel's order of answers: sets only count whose chain has been seen. */
static void take_batch(Snapshot *snapshot, const Batch *batch) {
        static const uint16_t types[] = { NFT_MSG_NEWCHAIN, NFT_MSG_NEWSET, NFT_MSG_NEWRULE, NFT_MSG_NEWSETELEM };

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) batch->data;

                for (size_t left = batch->size; message_is_whole(message, left);
                     message = message_next(message, &left)) {
                        if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | types[i]))
                                continue;
                        if (types[i] == NFT_MSG_NEWSETELEM)
                                answer_as_kernel(message);
                        CHECK(table_take_message(snapshot, message) == 0);
                }
        }
}

static void check_same(const Elements *a, const Elements *b) {
        CHECK(a->count == b->count);
        for (size_t i = 0; i < a->count; i++)
                CHECK(element_compare(&a->items[i], &b->items[i]) == 0);
}

/* Objects come with all their sets and rules, and each element as it was. */
static void check_read_back(const Elements *elements) {
        Snapshot snapshot = { .options = &table_options };
        KernelState state;
        Batch batch;

        batch_begin(&batch, 1);
        encode_add_elements(&batch, &table_options, elements);
        CHECK(batch_end(&batch) == 0);
        take_batch(&snapshot, &batch);
        CHECK(!snapshot.damaged);
        CHECK(snapshot.n_sets == snapshot.n_object_sets && snapshot.n_complete_chains == snapshot.n_objects);
        CHECK(snapshot_finish(&snapshot, &state) == 0);
        check_same(elements, &state.elements);
        kernel_state_done(&state);
        snapshot_done(&snapshot);
        batch_done(&batch);
}

/* Field by field, each in network byte order. */
static bool keys_overlap(const SetSchema *schema, const SetKey *a, const SetKey *b) {
        size_t at = 0;

        for (const SetField *field = schema->key; *field != FIELD_END; field++) {
                size_t size = field_padded_size(*field, schema->family);

                if (memcmp(a->last + at, b->first + at, size) < 0 || memcmp(b->last + at, a->first + at, size) < 0)
                        return false;
                at += size;
        }
        return true;
}

/* Intervals that overlap are what the kernel refuses, and with them the whole transaction. */
static void check_overlaps(const Elements *elements, size_t at, const SetSchema *schema) {
        const Element *element = &elements->items[at];
        SetKey key, other;

        CHECK(encode_key(schema, element, &key) == 0);
        for (size_t i = at + 1; i < elements->count && elements->items[i].kind == element->kind; i++) {
                const Element *next = &elements->items[i];

                if (set_schema_for_element(next) != schema ||
                    (schema->object && strcmp(next->name, element->name) != 0))
                        continue;
                CHECK(encode_key(schema, next, &other) == 0);
                CHECK(!keys_overlap(schema, &key, &other));
        }
}

static int compare_key(const void *key, const void *item) {
        return element_compare_key(key, item);
}

/* The object of that kind and name is among the elements. */
static void check_object(const Elements *elements, const ObjectSchema *object, const char *name) {
        const Element key = { .kind = object->kind, .name = name };
        size_t at = array_lower_bound(&key, elements->items, elements->count, sizeof(key), compare_key);

        CHECK(at < elements->count && element_compare_key(&key, &elements->items[at]) == 0);
}

static void check_element(const Elements *elements, size_t at) {
        const Element *element = &elements->items[at];
        const SetSchema *schema = set_schema_for_element(element);

        if (!schema)
                return; /* an object itself */
        if (schema->object)
                check_object(elements, schema->object, element->name);
        if (field_object(schema->data[0]))
                check_object(elements, field_object(schema->data[0]), element->name);
        if (set_key_layout(schema).interval)
                check_overlaps(elements, at, schema);
}

void table_check_sorted(const Elements *elements) {
        for (size_t i = 0; i < elements->count; i++) {
                const Element *element = &elements->items[i];
                const ObjectSchema *object = object_schema_for_kind(element->kind);

                CHECK(i == 0 || element_compare_key(element - 1, element) < 0);
                CHECK(set_schema_for_element(element) || (object && object->name_is_valid(element->name)));
        }
}

void table_check_elements(const Elements *elements) {
        enum { MANY = 2000 }; /* more would say nothing new, slowly */

        table_check_sorted(elements);
        for (size_t i = 0; i < elements->count; i++)
                check_element(elements, i);
        if (elements->count > 0 && elements->count <= MANY)
                check_read_back(elements);
}

void table_check_plan(const Plan *plan) {
        Batch batch;

        if (plan_is_empty(plan))
                return;
        batch_begin(&batch, 1);
        encode_remove_elements(&batch, &plan->remove);
        encode_add_elements(&batch, &table_options, &plan->add);
        CHECK(batch_end(&batch) == 0);
        batch_done(&batch);
}
