/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/latency.h"

#include <stdio.h>
#include <string.h>

static size_t find(const Latency *latency, const char *id) {
        size_t i = 0;

        while (i < latency->n_events && strcmp(latency->events[i].id, id) != 0)
                i++;
        return i;
}

static void drop(Latency *latency, size_t i) {
        latency->events[i] = latency->events[--latency->n_events];
}

void latency_begin(Latency *latency, const char *id, uint64_t now) {
        size_t i = find(latency, id);

        if (i < latency->n_events || i == LATENCY_EVENTS_MAX)
                return;
        snprintf(latency->events[i].id, sizeof(latency->events[i].id), "%s", id);
        latency->events[i].usec = now;
        latency->events[i].known = false;
        latency->n_events++;
}

void latency_know(Latency *latency, const char *id, bool changed) {
        size_t i = find(latency, id);

        if (i == latency->n_events)
                return;
        if (changed)
                latency->events[i].known = true;
        else if (!latency->events[i].known)
                drop(latency, i);
}

void latency_finish(Latency *latency, uint64_t now, MetricsHistogram *histogram) {
        for (size_t i = latency->n_events; i-- > 0;)
                if (latency->events[i].known) {
                        metrics_observe(histogram, now - latency->events[i].usec);
                        drop(latency, i);
                }
}
