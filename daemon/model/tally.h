/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/record.h"

/* What there is to count of one record, kept with it: so that the sum over all follows from the changes. */

/* others: records, of which those before this one (at `at`) may have counted its ports already: a port that several
 * containers balance is one port. */
Tally tally_of(Record *const *others, size_t at);

/* Of all protocols. */
unsigned tally_newcomers(const Tally *tally);

void tally_add(Tally *sum, const Tally *tally);
void tally_subtract(Tally *sum, const Tally *tally);
