/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/docker/client.h"
#include "daemon/model/model.h"

/* What the daemon counts since its start, as plain values, and Prometheus' text format of them
 * (prometheus.io/docs/instrumenting/exposition_formats). docs/metrics.md says what they mean. */

/* How long something took, as the number of times that it took not more than each limit. */
#define METRICS_LIMITS 10
typedef struct MetricsHistogram {
        uint64_t counts[METRICS_LIMITS + 1]; /* the last one: more than all limits */
        uint64_t sum_usec;
} MetricsHistogram;

void metrics_observe(MetricsHistogram *histogram, uint64_t usec);

typedef enum MetricsRequest {
        METRICS_LIST,
        METRICS_INSPECT,
        METRICS_IMAGE,
        _METRICS_REQUEST_MAX,
} MetricsRequest;

typedef struct MetricsDocker {
        uint64_t events[_DOCKER_EVENT_MAX];
        uint64_t events_lost; /* times that some were, however many */
        uint64_t connections;
        uint64_t requests[_METRICS_REQUEST_MAX]; /* that were answered, or failed */
        uint64_t failures[_METRICS_REQUEST_MAX];
        MetricsHistogram latency; /* from an event to the kernel that is made right */
} MetricsDocker;

typedef struct MetricsKernel {
        uint64_t batches;
        uint64_t added, removed; /* elements */
        uint64_t heals;
        uint64_t flows_deleted;
} MetricsKernel;

/* Calico's datastore; all zero where it is not used. */
typedef struct MetricsProfiles {
        bool used, up;
        uint64_t connections;
        uint64_t in_place, pending, refused; /* rules, as they are now */
        uint64_t pending_since; /* of the one that is pending for the longest, microseconds since the epoch; 0: none is */
        MetricsHistogram latency; /* from an exposure to its rule in the datastore */
} MetricsProfiles;

typedef struct MetricsPasses {
        uint64_t changed, unchanged, failed;
} MetricsPasses;

typedef struct Metrics {
        const char *version;
        uint64_t start_usec; /* since the epoch */
        bool docker_up;
        ModelCounts model;
        MetricsDocker docker;
        MetricsKernel kernel;
        MetricsPasses passes;
        MetricsProfiles profiles;
} Metrics;

/* Errors are the stream's: ferror(3). */
void metrics_print(const Metrics *metrics, FILE *file);
