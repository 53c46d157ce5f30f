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

/* What Docker published for the containers of a list. */
typedef struct DockerPorts {
        DockerPort *items;
        size_t n_items; /* at most DOCKER_HOST_PORTS_MAX */
        size_t capacity;
        bool truncated; /* there are more, or one could not be read */
} DockerPorts;

/* One object of GET /containers/json. Returns 1, or 0 for a container without a label of ours, of which nothing is
 * read but what Docker published. That is added to *ports in any case, unless the container is stopped. */
int docker_row_decode(const char *text, size_t size, DockerPorts *ports, Container **ret);

/* In the order of host_port_compare(), and each once. */
void docker_ports_sort(DockerPorts *ports);
void docker_ports_done(DockerPorts *ports);

/* The answer to GET /containers/{id}/json. Returns 1. */
int docker_inspect_decode(const char *text, size_t size, Container **ret);

typedef struct DockerImage {
        ContainerLabel *labels; /* as Container.labels, of the image's own configuration */
        size_t n_labels;
} DockerImage;

/* The answer to GET /images/{id}/json. Returns 1. An image without a configuration has no labels. It must have an
 * ID, which is not compared: engines may write it otherwise than they write that of a container's image. */
int docker_image_decode(const char *text, size_t size, DockerImage *ret);
void docker_image_done(DockerImage *image);
