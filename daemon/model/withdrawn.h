/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/exposure.h"

/* What was withdrawn is remembered in the table (ELEMENT_WITHDRAWN) until connection tracking has forgotten its flows:
 * the element comes with the transaction that takes the exposure away, so that a daemon which ends in between leaves to
 * the next one what is still to be done. */

Element withdrawn_of_exposure(const Exposure *exposure);
Exposure withdrawn_to_exposure(const Element *withdrawn);

/* What must be remembered on the way from `before` to `after`, both sorted: exposures that are in `before` alone, and
 * what `before` remembers already, unless it is exposed again. *ret is sorted, each key once; it has no names.
 * Returns 0 or -ENOMEM. */
int withdrawn_between(const Elements *before, const Elements *after, Elements *ret);
