/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/model/plan.h"
#include "daemon/net/conntrack.h"

/* The old flows that a plan leaves behind: those of each translation that it removes, and UDP flows that were pinned
 * to "not translated" before a translation that it adds. *ret is an array of *ret_count to be freed.
 * Returns 0 or -ENOMEM. */
int flows_of_plan(const Plan *plan, FlowFilter **ret, size_t *ret_count);
