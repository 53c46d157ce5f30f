/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/metrics.h"
#include "daemon/model/model.h"
#include "daemon/status.h"

/* Docker's side of the daemon: keeps the model's records what Docker says of its containers. An event only names a
 * container to look at; what counts is the answer to an inspect, or the first list. */
typedef struct Containers Containers;

typedef struct ContainersHandlers {
        void (*changed)(void *userdata);    /* the model's records */
        void (*connection)(void *userdata); /* Docker came or went: containers_docker_status() */
        void (*starting)(void *userdata);   /* a container started, and Docker is being asked about it; or NULL */
} ContainersHandlers;

/* Copies socket_path and the handlers. Returns 0 or a negative errno. */
int containers_new(sd_event *event, const char *socket_path, Model *model, const ContainersHandlers *handlers,
                   void *userdata, Containers **ret);
Containers *containers_free(Containers *containers);
DEFINE_CLEANUP(Containers, containers_free)

/* True once all that the first list named is in the model: from then on "not there" means gone. */
bool containers_are_known(Containers *containers);

const DockerStatus *containers_docker_status(const Containers *containers);

/* What was counted since the start. */
const MetricsDocker *containers_metrics(const Containers *containers);

/* The kernel holds what is in the model. */
void containers_set_carried_out(Containers *containers);

/* Asks Docker for everything once more: what no event told is found so. */
void containers_refresh(Containers *containers);

/* The ports that Docker itself published, as of its last list, and which of their containers stopped since; valid until
 * the loop runs. */
const DockerPort *containers_published(const Containers *containers, size_t *ret_count);

/* Another socket, another Docker: the records stay until it has said what it knows. */
int containers_set_socket(Containers *containers, const char *socket_path);
