/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/names.h"
#include "daemon/model/policy.h"
#include "daemon/model/record.h"

/* What shall stand in the table, while it is being collected: begin with all zero. Names are taken from the pool. */
typedef struct Desired {
        Names *names;
        Elements elements;
        Elements backends; /* ELEMENT_DNAT_BALANCE with target and target_port: one for each backend */
} Desired;

void desired_done(Desired *desired);

/* Appends what the record's exposed claims need. Returns 0 or -ENOMEM. */
int desired_add_record(Desired *desired, const Record *record);

/* Appends what the configuration asks for whatever containers there are. Returns 0 or -ENOMEM. */
int desired_add_policy(Desired *desired, const Policy *policy);

/* Groups the backends, sorts, leaves each element once, and merges what overlaps where the kernel's interval sets would
 * refuse it. Then `elements` is the result. Returns 0 or -ENOMEM. */
int desired_settle(Desired *desired);
