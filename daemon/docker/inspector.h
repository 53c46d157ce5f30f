/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/queue.h>

#include "daemon/docker/link.h"
#include "daemon/docker/splitter.h"

/* GET /containers/{id}/json and /images/{id}/json, for many containers and images: at most DOCKER_INSPECTS_MAX at a
 * time of both together, in the order asked for. */

typedef struct Inspect Inspect;

typedef struct Inspector {
        const DockerLink *link;
        Inspect **items; /* sorted by kind and ID */
        size_t n_items;
        size_t capacity;
        STAILQ_HEAD(InspectQueue, Inspect) queue; /* those that are not under way */
        size_t n_running;
} Inspector;

void inspector_init(Inspector *inspector, const DockerLink *link);
/* See docker_client_inspect(). The link has an Http; the ID is a valid one of its kind. */
int inspector_add(Inspector *inspector, InspectKind kind, const char *id);
/* The connection is lost: all have failed. */
void inspector_fail(Inspector *inspector, const char *reason);
void inspector_done(Inspector *inspector);
