/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/names.h"
#include "daemon/model/record.h"

/* Appends what stands in the table while the record's exposed claims are: in no particular order, and some perhaps
 * twice. Names are taken from the pool. Returns 0 or -ENOMEM. */
int desired_append(const Record *record, Names *names, Elements *elements);

/* Sorts, leaves each element once, and merges what a profile allows where it overlaps: the kernel's interval sets
 * refuse overlaps. */
void desired_settle(Elements *elements);
