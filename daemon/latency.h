/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/metrics.h"
#include "daemon/model/container.h"

/* How long Docker's events take until the kernel is right: from the event, by what Docker then says of the container, to
 * the pass that carries it out. Times are microseconds of one clock. */

/* More under way at a time are not measured. */
#define LATENCY_EVENTS_MAX 256

typedef struct Latency {
        struct {
                char id[CONTAINER_ID_SIZE + 1];
                uint64_t usec;
                bool known; /* what it led to is in the model */
        } events[LATENCY_EVENTS_MAX];
        size_t n_events;
} Latency;

/* An event of that container. While one is under way already, the older one counts. */
void latency_begin(Latency *latency, const char *id, uint64_t now);

/* It is in the model what the event led to; changed: the kernel must follow, else there is nothing to measure. */
void latency_know(Latency *latency, const char *id, bool changed);

/* The kernel holds what is in the model. */
void latency_finish(Latency *latency, uint64_t now, MetricsHistogram *histogram);
