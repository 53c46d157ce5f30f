/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/docker/client.h"

/* From the texts of the Docker Engine API (v1.40 of Docker 20.10 to v1.52 of Docker 29, and Podman's compatible
 * service) to values. Pure: no I/O. The texts come from outside, and parts of them from whoever wrote a label: any
 * bytes are harmless. A key that is missing or null counts as empty; a key of the wrong type, or one that a record
 * cannot do without (the ID, the state, the time of creation), makes the text unreadable: -EBADMSG. -ENOMEM is
 * memory alone. Nothing is written to ret_ parameters unless the value returned is positive. */

/* One line of GET /events. Returns 1 for an event that DockerEvent can say, 0 for another one (of an image, of a
 * network's life, of something that is no container).
 * replayed is left false: the text does not say. network points into *ret_network, which is the caller's; it is NULL
 * where the event has none (then network is ""). Podman gives the network's name where Docker gives its ID. */
int docker_event_decode(const char *text, size_t size, DockerEvent *ret, char **ret_network);

/* One object of GET /containers/json. Returns 1. */
int docker_row_decode(const char *text, size_t size, Container **ret);

/* The answer to GET /containers/{id}/json. Returns 1. */
int docker_inspect_decode(const char *text, size_t size, Container **ret);

/* The reason in the body of an answer that is no success, {"message": "..."}, or the body itself where it is
 * something else, in one line fit to be shown. Always terminates; returns the buffer. size is at least 4. */
const char *docker_error_decode(const char *text, size_t text_size, char *buffer, size_t size);
