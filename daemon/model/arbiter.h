/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/model/record.h"

/* Decides the state of every claim. Who holds a host port keeps it as long as it can use it; a free one goes to the
 * claimants by record_compare_age(), then by the order of the label's entries. The result does not depend on the
 * order of `records`. Sets state, reason, other and holds. Returns 0, or -ENOMEM with nothing decided. */
int arbiter_decide(Record *const *records, size_t n_records);
