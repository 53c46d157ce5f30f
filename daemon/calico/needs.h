/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/calico/ledger.h"

/* What our host needs of one profile. */
typedef struct TaskNeeds {
        LedgerNeed *needs; /* holders from malloc() */
        size_t n_needs, needs_capacity;
        char **keep; /* holders that have the profile still, though they do not need it: LedgerInput */
        size_t n_keep, keep_capacity;
} TaskNeeds;

/* Into an order that depends on nothing else, and each need once. */
void task_needs_sort(TaskNeeds *needs);
bool task_needs_equal(const TaskNeeds *a, const TaskNeeds *b);
void task_needs_done(TaskNeeds *needs);
