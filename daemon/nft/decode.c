/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/decode.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"

void snapshot_done(Snapshot *snapshot) {
        kernel_state_done(&snapshot->state);
        rules_done(&snapshot->wanted);
        free(snapshot->sets);
        *snapshot = (Snapshot) {};
}

static int compare_name(const void *key, const void *item) {
        return strcmp(key, *(char *const *) item);
}

/* Each name once, in sorted order. Returns the kept copy, or NULL if there is no memory. */
static const char *keep_name(Snapshot *snapshot, const char *name) {
        KernelState *state = &snapshot->state;
        size_t index = array_lower_bound(name, state->names, state->n_names, sizeof(*state->names), compare_name);
        char *copy;

        if (name[0] == '\0')
                return "";
        if (index < state->n_names && strcmp(state->names[index], name) == 0)
                return state->names[index];
        copy = strdup(name);
        if (!copy || array_insert_gap(&state->names, &state->n_names, &snapshot->names_capacity, index,
                                      sizeof(*state->names)) < 0) {
                free(copy);
                return NULL;
        }
        return state->names[index] = copy;
}

/* What libnftnl makes of a message; errno is 0 before. Positive: it is nothing that libnftnl knows, so nothing that we
 * made. */
static int parse_result(int result) {
        return result >= 0 ? 0 : errno == ENOMEM ? -ENOMEM : 1;
}

int snapshot_take_table(Snapshot *snapshot, const struct nlmsghdr *message) {
        _cleanup_table_ struct nftnl_table *table = nftnl_table_alloc();
        uint32_t flags;
        int r;

        if (!table)
                return -ENOMEM;
        errno = 0;
        r = parse_result(nftnl_table_nlmsg_parse(message, table));
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        flags = nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS);
        snapshot->state.table = !(flags & NFT_TABLE_F_OWNER) ? TABLE_SHARED
                                : nftnl_table_get_u32(table, NFTNL_TABLE_OWNER) == snapshot->port ? TABLE_OWNED
                                                                                                  : TABLE_FOREIGN;
        snapshot->damaged |= flags & NFT_TABLE_F_DORMANT;
        return 0;
}

/* The kernel lists the chains of every table of the family. */
static bool is_ours(const char *table) {
        return table && strcmp(table, CALICO_EXPOSED_TABLE) == 0;
}

static bool chain_matches(const ChainSchema *schema, const struct nftnl_chain *chain) {
        const char *type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);

        if (!schema || !schema->type)
                return !nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM);
        return type && strcmp(type, schema->type) == 0 && nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) &&
               nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == schema->hook &&
               nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO) == schema->priority &&
               nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_ACCEPT;
}

static int append_element(Snapshot *snapshot, const Element *element, const char *name) {
        Element kept = *element;

        kept.name = keep_name(snapshot, name);
        if (element->interface)
                kept.interface = keep_name(snapshot, element->interface);
        if (!kept.name || (element->interface && !kept.interface))
                return -ENOMEM;
        return elements_append(&snapshot->state.elements, &kept);
}

static int take_object(Snapshot *snapshot, const ObjectSchema *object, const char *name) {
        snapshot->n_objects++;
        for (size_t i = 0; i < n_set_schemas; i++)
                snapshot->n_object_sets += set_is_of_object(&set_schemas[i], object, name);
        return append_element(snapshot, &(Element) { .kind = object->kind }, name);
}

int snapshot_take_chain(Snapshot *snapshot, const struct nlmsghdr *message) {
        _cleanup_chain_ struct nftnl_chain *chain = nftnl_chain_alloc();
        const ObjectSchema *object;
        const ChainSchema *schema;
        const char *chain_name, *name;
        int r;

        if (!chain)
                return -ENOMEM;
        errno = 0;
        r = parse_result(nftnl_chain_nlmsg_parse(message, chain));
        if (r != 0)
                return MIN(r, 0);
        chain_name = nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME);
        if (!chain_name || !is_ours(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE)))
                return 0;
        schema = chain_schema_for_name(chain_name);
        object = object_schema_for_chain(chain_name, &name);
        if ((!schema && !object) || !chain_matches(schema, chain)) {
                snapshot->damaged = true;
                return 0;
        }
        snapshot->n_own_chains += schema != NULL;
        return schema ? 0 : take_object(snapshot, object, name);
}

static bool has_name(const Snapshot *snapshot, const char *name) {
        const KernelState *state = &snapshot->state;
        size_t index = array_lower_bound(name, state->names, state->n_names, sizeof(*state->names), compare_name);

        return index < state->n_names && strcmp(state->names[index], name) == 0;
}

static bool set_has_fields(const struct nftnl_set *set, const SetLayout *key) {
        uint32_t size = 0;
        const void *sizes = nftnl_set_get_data(set, NFTNL_SET_DESC_CONCAT, &size);

        return nftnl_set_is_set(set, NFTNL_SET_DESC_CONCAT) && size == key->n_fields &&
               memcmp(sizes, key->field_sizes, size) == 0;
}

static bool set_matches(const SetSchema *schema, const struct nftnl_set *set) {
        SetLayout key = set_key_layout(schema), data = set_data_layout(schema);
        uint32_t flags = set_flags(schema);

        if (nftnl_set_get_u32(set, NFTNL_SET_FLAGS) != flags ||
            nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE) != key.type ||
            nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN) != key.size || (key.interval && !set_has_fields(set, &key)))
                return false;
        return !(flags & NFT_SET_MAP) || (nftnl_set_get_u32(set, NFTNL_SET_DATA_TYPE) == data.type &&
                                          (data.type == (uint32_t) NFT_DATA_VERDICT ||
                                           nftnl_set_get_u32(set, NFTNL_SET_DATA_LEN) == data.size));
}

int snapshot_take_set(Snapshot *snapshot, const struct nlmsghdr *message) {
        _cleanup_set_ struct nftnl_set *set = nftnl_set_alloc();
        char object[OBJECT_NAME_SIZE];
        const SetSchema *schema;
        const char *name;
        int r;

        if (!set)
                return -ENOMEM;
        errno = 0;
        r = parse_result(nftnl_set_nlmsg_parse(message, set));
        if (r != 0)
                return MIN(r, 0);
        name = nftnl_set_get_str(set, NFTNL_SET_NAME);
        if (!name || !is_ours(nftnl_set_get_str(set, NFTNL_SET_TABLE)))
                return 0;
        schema = set_schema_for_name(name, object);
        if (!schema || !set_matches(schema, set) || (schema->object && !has_name(snapshot, object))) {
                snapshot->damaged = true;
                return 0;
        }
        r = array_reserve(&snapshot->sets, &snapshot->sets_capacity, snapshot->n_sets + 1, sizeof(*snapshot->sets));
        if (r < 0)
                return r;
        snapshot->sets[snapshot->n_sets++] = (FoundSet) { schema, keep_name(snapshot, object) };
        return 0;
}

/* The rules of one chain come together and in order; a chain without any does not come at all. */
static int begin_chain(Snapshot *snapshot, const char *chain) {
        if (strcmp(snapshot->chain, chain) == 0)
                return 0;
        rules_done(&snapshot->wanted);
        snapshot->n_matched = 0;
        snprintf(snapshot->chain, sizeof(snapshot->chain), "%s", chain);
        return ruleset_make_rules(chain, snapshot->options, &snapshot->wanted);
}

int snapshot_take_rule(Snapshot *snapshot, const struct nlmsghdr *message) {
        _cleanup_rule_ struct nftnl_rule *rule = nftnl_rule_alloc();
        const char *chain;
        int r;

        if (!rule)
                return -ENOMEM;
        errno = 0;
        r = parse_result(nftnl_rule_nlmsg_parse(message, rule));
        if (r != 0) {
                snapshot->damaged = true;
                return MIN(r, 0);
        }
        chain = nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN);
        if (!chain || !is_ours(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE)))
                return 0;
        r = begin_chain(snapshot, chain);
        if (r < 0)
                return r;
        r = snapshot->n_matched < snapshot->wanted.count
                    ? rule_matches(snapshot->wanted.items[snapshot->n_matched], rule)
                    : 0;
        if (r <= 0) {
                snapshot->damaged = true;
                return r;
        }
        if (++snapshot->n_matched == snapshot->wanted.count)
                snapshot->n_complete_chains++;
        return 0;
}

typedef struct ElementsContext {
        Snapshot *snapshot;
        const FoundSet *set;
        int error;
} ElementsContext;

static int take_element(struct nftnl_set_elem *elem, void *userdata) {
        ElementsContext *context = userdata;
        char text[OBJECT_NAME_SIZE];
        Element element;

        if (!decode_element(context->set->schema, elem, &element, text)) {
                context->snapshot->damaged = true;
                return 0;
        }
        context->error = append_element(context->snapshot, &element,
                                        context->set->schema->object ? context->set->object : element.name);
        return context->error;
}

int snapshot_take_elements(Snapshot *snapshot, const FoundSet *found, const struct nlmsghdr *message) {
        _cleanup_set_ struct nftnl_set *set = nftnl_set_alloc();
        ElementsContext context = { .snapshot = snapshot, .set = found };
        int r;

        if (!set)
                return -ENOMEM;
        errno = 0;
        r = parse_result(nftnl_set_elems_nlmsg_parse(message, set));
        if (r != 0) {
                snapshot->damaged = true;
                return MIN(r, 0);
        }
        (void) nftnl_set_elem_foreach(set, take_element, &context);
        return context.error;
}

static size_t count_own_sets(void) {
        size_t count = 0;

        for (size_t i = 0; i < n_set_schemas; i++)
                count += !set_schemas[i].object;
        return count;
}

/* Names are unique in the kernel, and each that was counted is one of ours: so numbers will do. */
static bool is_complete(const Snapshot *snapshot) {
        return snapshot->n_own_chains == n_chain_schemas &&
               snapshot->n_sets == count_own_sets() + snapshot->n_object_sets &&
               snapshot->n_complete_chains == n_chain_schemas + snapshot->n_objects;
}

static bool has_duplicates(const Elements *sorted) {
        for (size_t i = 1; i < sorted->count; i++)
                if (element_compare_key(&sorted->items[i - 1], &sorted->items[i]) == 0)
                        return true;
        return false;
}

int snapshot_finish(Snapshot *snapshot, KernelState *ret) {
        elements_sort(&snapshot->state.elements);
        if (has_duplicates(&snapshot->state.elements))
                return -ESTALE;
        snapshot->state.skeleton_intact = !snapshot->damaged && is_complete(snapshot);
        *ret = snapshot->state;
        snapshot->state = (KernelState) {};
        return 0;
}

void kernel_state_done(KernelState *state) {
        elements_done(&state->elements);
        for (size_t i = 0; i < state->n_names; i++)
                free(state->names[i]);
        free(state->names);
        *state = (KernelState) {};
}
