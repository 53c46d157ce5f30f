/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>

#include "daemon/nft/decode.h"

/* The table, from elements to messages and back. What is asked of the kernel looks just like what it answers, but for
 * what it adds: so what is written is a dump, too. */

extern const RulesetOptions table_options;

/* Gives the snapshot one message of an answer, whichever it is; others are passed over. As snapshot_take_...(). */
int table_take_message(Snapshot *snapshot, const struct nlmsghdr *message);

/* Each element is one that a set can hold, or an object; they are sorted, and none has the key of another. */
void table_check_sorted(const Elements *elements);

/* All that shall stand in the table, as the model has it: the kernel would take it as one transaction, and what is read
 * back is the same again. */
void table_check_elements(const Elements *elements);

/* The plan can be carried out. */
void table_check_plan(const Plan *plan);
