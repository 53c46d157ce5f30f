/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/docker/client.h"

/* What the handlers are to be told, in order. libcurl forbids most calls while it is at work, and that is when events
 * arrive; so they wait here until the loop runs, and a handler may call anything, docker_client_free() too. One
 * dispatch hands out all that waited when it began: a burst stays a burst.
 *
 * Where memory ends, what the handlers rely on could not be told: then the loop is left with -ENOMEM. */
typedef struct Notices Notices;

/* Copies the handlers. Returns 0, -ENOMEM, or what sd-event says. */
int notices_new(sd_event *event, const DockerHandlers *handlers, void *userdata, Notices **ret);
/* What waits is never told. Safe in a handler. */
Notices *notices_free(Notices *notices);
DEFINE_CLEANUP(Notices, notices_free)

/* What can be inspected; each kind has a handler of its own. */
typedef enum InspectKind {
        INSPECT_CONTAINER,
        INSPECT_IMAGE,
        _INSPECT_KIND_MAX,
} InspectKind;

/* Room for the ID of any of them. */
#define INSPECT_ID_SIZE (MAX(CONTAINER_ID_SIZE, DOCKER_IMAGE_ID_SIZE_MAX) + 1)

/* One for each handler; strings are copied, other pointers are handed over in any case. */
void notices_connected(Notices *notices, const char *version, const char *api);
void notices_disconnected(Notices *notices, const char *reason, uint64_t retry);
void notices_event(Notices *notices, const DockerEvent *event, char *network);
void notices_events_lost(Notices *notices, const char *reason);
/* Returns 0 or -ENOMEM: then the list is not told whole, and fails. */
int notices_row(Notices *notices, Container *container);
void notices_listed(Notices *notices, DockerList *list);
void notices_list_failed(Notices *notices, int error, const char *reason);
void notices_inspected(Notices *notices, const char *id, Container *container);
void notices_image(Notices *notices, const char *image_id, ContainerLabel *labels, size_t n_labels);
/* outcome: not DOCKER_INSPECT_OK. */
void notices_inspect_failed(Notices *notices, InspectKind kind, const char *id, DockerInspectOutcome outcome,
                            const char *reason);
/* Told after a while, or with what is told before: a handler that asks again at each failure, with nobody there to
 * ask, would else keep the whole loop for itself. */
void notices_inspect_failed_later(Notices *notices, InspectKind kind, const char *id, const char *reason);

/* Frees what is left of it; takes what is empty, too. */
void docker_list_done(DockerList *list);
