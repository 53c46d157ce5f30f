/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/docker/link.h"
#include "daemon/docker/splitter.h"

/* GET /containers/{id}/json, for many containers: at most DOCKER_INSPECTS_MAX at a time, in the order asked for. */

typedef struct Inspect Inspect;

typedef struct Inspector {
        const DockerLink *link;
        Inspect **items; /* sorted by container */
        size_t n_items;
        size_t capacity;
        STAILQ_HEAD(, Inspect) queue; /* those that are not under way */
        size_t n_running;
} Inspector;

void inspector_init(Inspector *inspector, const DockerLink *link);
/* See docker_client_inspect(). The link has an Http. */
int inspector_add(Inspector *inspector, const char *id);
/* The connection is lost: all have failed. */
void inspector_fail(Inspector *inspector, const char *reason);
void inspector_done(Inspector *inspector);
