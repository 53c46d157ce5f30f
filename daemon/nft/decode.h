/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <libnftnl/set.h>

#include "daemon/nft/nft.h"
#include "daemon/nft/rule.h"
#include "daemon/nft/schema.h"

/* From netlink messages to values: what a dump of the table says becomes a KernelState. No I/O. What is in the table
 * and not in the skeleton, or the other way round, is noted and never an error. The messages must be the kernel's:
 * libnftnl takes them apart, and does not survive malformed ones. */

typedef struct FoundSet {
        const SetSchema *schema;
        const char *object; /* in the snapshot's names, or "" */
} FoundSet;

typedef struct Snapshot {
        const RulesetOptions *options;
        uint32_t port; /* whose table is ours */
        KernelState state;
        size_t names_capacity;
        bool damaged; /* something is there that should not be, or not as it should */
        size_t n_own_chains, n_objects, n_object_sets; /* the sets that the objects found should have */
        FoundSet *sets;
        size_t n_sets, sets_capacity;
        /* The chain whose rules are coming. */
        char chain[OBJECT_NAME_SIZE];
        Rules wanted;
        size_t n_matched;
        size_t n_complete_chains;
} Snapshot;

void snapshot_done(Snapshot *snapshot);

/* Each takes one message of the answer to NFT_MSG_GETTABLE, GETCHAIN, GETSET, GETRULE, in this order; then, for each of
 * the sets found, those of GETSETELEM. What libnftnl cannot parse (an expression newer than it is) is nothing that we
 * made: it is passed over, or counts as damage where it is in our table. Returns 0 or -ENOMEM, and -EBADMSG where there
 * is no telling what the table is. */
int snapshot_take_table(Snapshot *snapshot, const struct nlmsghdr *message);
int snapshot_take_chain(Snapshot *snapshot, const struct nlmsghdr *message);
int snapshot_take_set(Snapshot *snapshot, const struct nlmsghdr *message);
int snapshot_take_rule(Snapshot *snapshot, const struct nlmsghdr *message);
int snapshot_take_elements(Snapshot *snapshot, const FoundSet *found, const struct nlmsghdr *message);

/* All is there: passes the state on. -ESTALE: elements came twice, so the kernel moved them about while they were
 * read, and some may be missing. */
int snapshot_finish(Snapshot *snapshot, KernelState *ret);

/* One element of a set. Its name or interface, if it has any of its own, is in `text` (that of the object whose set it
 * is in is the caller's to fill in). False: it is none that encode_element() could have made. */
bool decode_element(const SetSchema *schema, struct nftnl_set_elem *elem, Element *ret,
                    char text[static OBJECT_NAME_SIZE]);
