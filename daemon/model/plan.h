/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/model/element.h"

/* The way from one set of elements to another: first all of `remove` in reverse order, then all of `add` in order,
 * as one transaction. An element whose data alone changes is in both. */
typedef struct Plan {
        Elements remove; /* sorted by element_compare() */
        Elements add;    /* likewise */
} Plan;

/* Both inputs sorted by element_compare(). Names are not copied: they are the inputs'. Returns 0 or -ENOMEM. */
int plan_make(const Elements *actual, const Elements *desired, Plan *ret);

static inline bool plan_is_empty(const Plan *plan) {
        return plan->remove.count == 0 && plan->add.count == 0;
}

void plan_done(Plan *plan);
