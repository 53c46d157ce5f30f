/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/model/element.h"
#include "daemon/model/record.h"

/* Where connections are sent, apart from how the table says it: one exposure in one address family, or one backend of
 * it. What goes from one list of them to the next leaves old flows behind, which connection tracking must forget. */
typedef struct Exposure {
        uint8_t protocol; /* a Protocol */
        uint8_t family;
        Prefix destination; /* a host address, or length 0 for any */
        PortRange ports;    /* the host's */
        Address container;
        uint16_t container_first; /* the container's port that belongs to ports.first */
} Exposure;

typedef struct Exposures {
        Exposure *items; /* sorted */
        size_t count;
        size_t capacity;
} Exposures;

/* Those that sorted elements of the table make. Returns 0 or -ENOMEM. */
int exposures_of_elements(const Elements *elements, Exposures *ret);
/* Those that the claim, with the record's addresses, makes or would make if it were exposed; none if it was refused. A
 * backend of a balance stands for itself: its place in there does not count. Returns 0 or -ENOMEM. */
int exposures_of_claim(const Record *record, const Claim *claim, Exposures *ret);
void exposures_done(Exposures *exposures);

/* True if one of them is in both. */
bool exposures_meet(const Exposures *few, const Exposures *many);

/* True if all of them are in both. */
bool exposures_include(const Exposures *few, const Exposures *many);

/* What is in `a` alone. Returns 0 or -ENOMEM. */
int exposures_subtract(const Exposures *a, const Exposures *b, Exposures *ret);
