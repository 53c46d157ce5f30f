/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/metrics.h"

/* The file that Prometheus' node exporter reads. It is replaced as a whole, or not at all: that it cannot be written is
 * said once, and does no other harm. */
#define METRICS_PATH "/run/calico-exposed/metrics.prom"

/* At least so long between two writes, however much happens. */
#define METRICS_PERIOD_USEC UINT64_C(5000000)

typedef struct MetricsFile MetricsFile;

/* Asked before each write; every member is set. */
typedef void (*MetricsCollect)(void *userdata, Metrics *ret);

/* path stays the caller's. Returns 0 or a negative errno. */
int metrics_file_new(sd_event *event, const char *path, MetricsCollect collect, void *userdata, MetricsFile **ret);
MetricsFile *metrics_file_free(MetricsFile *file);
DEFINE_CLEANUP(MetricsFile, metrics_file_free)

/* Something changed: it is written as soon as may be. */
void metrics_file_update(MetricsFile *file);
