/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/net/flow.h"
#include "daemon/survey.h"

/* In what the kernel differs from what the containers ask for, in words. */

typedef enum DifferenceKind {
        DIFFERENCE_MISSING,
        DIFFERENCE_EXTRA, /* too much */
        DIFFERENCE_CHANGED, /* there, but other than it must be */
        _DIFFERENCE_KIND_MAX,
} DifferenceKind;

const char *difference_kind_to_string(DifferenceKind kind);

typedef struct Difference {
        DifferenceKind kind;
        char *text; /* fit to be shown; says what, and for CHANGED what it should be */
} Difference;

typedef struct Differences {
        Difference *items;
        size_t count;
        size_t capacity;
} Differences;

void differences_done(Differences *differences);

/* Appends one. Returns 0 or -ENOMEM. */
int differences_add(Differences *differences, DifferenceKind kind, const char *format, ...) _printf_(3, 4);
bool differences_contain(const Differences *differences, const char *text);

/* All but stale flows and profile rules; docker and kernel must be known. Returns 0 or -ENOMEM. */
int differences_find(const Survey *survey, Differences *ret);

/* Profile rules in Calico's datastore, which must have been asked: those that exposed ports need and that are not there, and
 * what this host has there and does not need. Appends. Returns 0 or -ENOMEM. */
int differences_find_rules(const Survey *survey, Differences *differences);

/* Flows in connection tracking that go where the table does not send them any more. There is no mark on a flow that says
 * who translated it, so only those are told that
 * - go to a host port that is exposed, but to another container: no new connection would go there, whoever began it;
 * - go as a withdrawn exposure went, by the table's own memory;
 * - go to a host port of this host as a claim asks that is not exposed, and that Docker has not published.
 * Reads connection tracking, and appends. Returns 0, -ENOMEM, or another negative errno if it cannot be read. */
int differences_find_flows(const Survey *survey, Differences *differences);

/* What differences_find_flows() asks of each flow; local: its destination is an address of this host. Pure. *ret_kind is
 * written if it is stale. */
bool differences_flow_is_stale(const Survey *survey, const FlowIndex *withdrawn, const Flow *flow, DifferenceKind *ret_kind);

/* Those that are in both: what heals by itself meanwhile is none. Frees the others. */
void differences_intersect(Differences *differences, const Differences *others);
