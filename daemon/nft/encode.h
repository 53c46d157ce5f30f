/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libnftnl/set.h>
#include <stdbool.h>

#include "daemon/nft/batch.h"
#include "daemon/nft/nft.h"
#include "daemon/nft/schema.h"

/* From values to netlink messages (linux/netfilter/nf_tables.h). No I/O; failures stay in the batch. */

void encode_delete_table(Batch *batch);

/* The table with its sets, chains and rules, but nothing that depends on containers. It must not exist. */
void encode_skeleton(Batch *batch, const RulesetOptions *options, bool owner);

/* Elements in the order in which they are made, or unmade kind by kind in the reverse order; as many of one set as fit
 * into each message. An element that no set can hold fails the batch with -EINVAL. */
void encode_add_elements(Batch *batch, const RulesetOptions *options, const Elements *elements);
void encode_remove_elements(Batch *batch, const Elements *elements);

/* What nft needs to list the set in words that it can read again, and the kernel does not look at. object: the name of
 * the object that the set belongs to. Returns 0 or -ENOMEM. */
int encode_set_userdata(struct nftnl_set *set, const SetSchema *schema, const char *object);

/* The most elements of that set that go into one message; no more than 1,000. */
size_t encode_elements_per_message(const SetSchema *schema);

/* One element of a set, its key alone or with its data. -EINVAL: it holds what the set cannot. */
int encode_element(const SetSchema *schema, const Element *element, bool with_data, struct nftnl_set_elem **ret);

/* The same, as the bytes in the kernel's registers. Without an interval first and last are the same. */
typedef struct SetKey {
        uint8_t first[SET_KEY_SIZE_MAX];
        uint8_t last[SET_KEY_SIZE_MAX];
        uint32_t size;
} SetKey;

typedef struct SetData {
        uint8_t bytes[SET_DATA_SIZE_MAX];
        uint32_t size;
} SetData;

int encode_key(const SetSchema *schema, const Element *element, SetKey *ret);
/* Not for verdicts. */
int encode_data(const SetSchema *schema, const Element *element, SetData *ret);
