/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/net/flow.h"

/* Deletes the kernel's connection tracking entries of exposures that came or went; asynchronous, for a table of some
 * 100,000 entries takes a while to read. */

typedef struct Conntrack Conntrack;

typedef struct ConntrackHandlers {
        /* The filter is through: its flows are gone, or were given up. Must not call back. */
        void (*through)(void *userdata, const FlowFilter *filter);

        /* Filters are through, or a sweep failed. deleted: entries deleted since the last call. error: 0, or negative
         * errno of what went wrong: what was not deleted is tried again some times, after a second each, before it is
         * given up. May call conntrack_delete(). */
        void (*done)(void *userdata, size_t deleted, int error);
} ConntrackHandlers;

/* The handlers are called from the loop, and must outlive it. */
int conntrack_new(sd_event *event, const ConntrackHandlers *handlers, void *userdata, Conntrack **ret);
Conntrack *conntrack_free(Conntrack *conntrack);
DEFINE_CLEANUP(Conntrack, conntrack_free)

/* Starts deleting what matches any of the filters (daemon/net/flow.h), and looks once more a moment later, for a packet
 * that was on its way while the table changed may have made an entry after the first look. Of what is
 * FLOW_UNTRANSLATED, only what is addressed to the host itself is deleted. The filters are copied; filters given while
 * a sweep runs begin when it is through. Only single entries are deleted, each by its full tuple and id.
 * Returns 0 or -ENOMEM. */
int conntrack_delete(Conntrack *conntrack, const FlowFilter *filters, size_t n_filters);

/* True while filters wait for their looks. */
bool conntrack_is_busy(const Conntrack *conntrack);
