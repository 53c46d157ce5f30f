/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/model/element.h"
#include "daemon/net/conntrack.h"

/* The old flows that a change of the table leaves behind: those of each exposure that `after` remembers as withdrawn and
 * `before` does not yet, and UDP flows that were pinned to "not translated" before an exposure that is new. Both lists
 * sorted. *ret is an array of *ret_count, to be freed. Returns 0 or -ENOMEM. */
int flows_between(const Elements *before, const Elements *after, FlowFilter **ret, size_t *ret_count);

/* For the old flows of what is remembered as withdrawn. */
FlowFilter flows_filter_of_withdrawn(const Element *withdrawn);

/* The element that remembers what the filter is for; false if none does. */
bool flows_get_withdrawn(const FlowFilter *filter, Element *ret);
