/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/model/container.h"
#include "daemon/model/hostport.h"

/* The Docker Engine API (HTTP over a unix socket), by libcurl's multi interface in the caller's event loop. Nothing
 * here blocks, and nothing here knows of exposures. The client connects, negotiates the version (GET /_ping),
 * subscribes to /events, reconnects for ever with capped exponential backoff and jitter (and at once when the socket's
 * file appears), and notices a dead peer by a probe on a fresh connection. */

typedef enum DockerEventAction {
        DOCKER_EVENT_START,
        DOCKER_EVENT_DIE,        /* died (Podman), too */
        DOCKER_EVENT_PAUSE,      /* pause and unpause */
        DOCKER_EVENT_RENAME,
        DOCKER_EVENT_HEALTH,     /* health_status */
        DOCKER_EVENT_DESTROY,    /* remove (Podman), too */
        DOCKER_EVENT_CONNECT,    /* a network was connected */
        DOCKER_EVENT_DISCONNECT, /* and disconnected */
        _DOCKER_EVENT_MAX,
} DockerEventAction;

typedef struct DockerEvent {
        DockerEventAction action;
        char container[CONTAINER_ID_SIZE + 1];
        int64_t time;        /* nanoseconds since the epoch, by the engine's clock; 0 if absent */
        bool replayed;       /* older than this subscription: it only says "look again" */
        bool labelled;       /* attributes hold a label that begins with "calico.expose" (any case); never set for
                                CONNECT and DISCONNECT: these do not carry labels */
        const char *network; /* CONNECT, DISCONNECT: the network's ID; with Podman its name, or "" from older ones;
                                "" otherwise. Valid during the call. */
} DockerEvent;

typedef enum DockerInspectOutcome {
        DOCKER_INSPECT_OK,
        DOCKER_INSPECT_GONE,   /* 404 */
        DOCKER_INSPECT_FAILED, /* refused, unreadable, timed out, disconnected: ask again */
} DockerInspectOutcome;

/* Of all containers together: every port of one address is fewer. */
#define DOCKER_HOST_PORTS_MAX 65536

/* A port of the host that Docker published, and for which container. */
typedef struct DockerPort {
        HostPort host;
        char container[CONTAINER_ID_SIZE + 1];
        bool stopped; /* the container, since; a list never says so */
} DockerPort;

/* What a list says beside its rows. */
typedef struct DockerList {
        DockerPort *host_ports; /* that Docker published for any container, with a label of ours or without; each once,
                                   sorted by host_port_compare(). Handed over: a handler may take it and leave NULL */
        size_t n_host_ports;
        bool truncated; /* the answer was over a cap, or a row or port could not be read: absent does not mean gone */
} DockerList;

/* All are set, but `image` may be NULL. They are called from the loop, in the order in which things happened; each may
 * call anything here, docker_client_free() too. Strings are valid during the call; version, api and reason are in one
 * line and fit to be shown. */
typedef struct DockerHandlers {
        /* The subscription stands: events flow from now on. version: "20.10.24", "Podman 4.3.1", "unknown"; api: what
         * both sides speak, "1.41". */
        void (*connected)(void *userdata, const char *version, const char *api);
        /* The engine is away. reason: one line for the log; retry: microseconds until the next attempt. Called once
         * when a connection is lost or the first attempt fails, and again only when the reason changes. */
        void (*disconnected)(void *userdata, const char *reason, uint64_t retry);
        void (*event)(void *userdata, const DockerEvent *event);
        /* Events were lost (a line over the cap, unreadable JSON): list again. */
        void (*events_lost)(void *userdata, const char *reason);
        /* A row of the list that is under way, handed over: a running, paused or restarting container that carries a
         * label of ours. They come as they are read, in no order; and nothing says that an ID comes but once. */
        void (*row)(void *userdata, Container *container);
        /* The list is over: those that came since the last call are all of its rows. error: 0, or negative errno with
         * list == NULL and the reason: what came is no list then, and says nothing of what did not come; -ENOTCONN: the
         * connection was lost meanwhile. */
        void (*listed)(void *userdata, DockerList *list, int error, const char *reason);
        /* container: handed over, with DOCKER_INSPECT_OK only (else NULL). */
        void (*inspected)(void *userdata, const char *id, DockerInspectOutcome outcome, Container *container,
                          const char *reason);
        /* labels: those of the image's own configuration that begin with "calico.expose", as Container.labels; with
         * DOCKER_INSPECT_OK only (else NULL and 0), and valid during the call. */
        void (*image)(void *userdata, const char *image_id, DockerInspectOutcome outcome, const ContainerLabel *labels,
                      size_t n_labels, const char *reason);
} DockerHandlers;

typedef struct DockerClient DockerClient;

/* Copies socket_path and the handlers. The first attempt to connect is made when the loop runs. Returns 0, -ENOMEM,
 * -ENAMETOOLONG for a path that no unix socket can have, or what sd-event says. Where memory ends later, so that the
 * handlers cannot be told what they rely on, the loop is left (sd_event_exit()) with -ENOMEM. */
int docker_client_new(sd_event *event, const char *socket_path, const DockerHandlers *handlers, void *userdata,
                      DockerClient **ret);
DockerClient *docker_client_free(DockerClient *client);
DEFINE_CLEANUP(DockerClient, docker_client_free)

bool docker_client_is_connected(const DockerClient *client);

/* Asks for a list; one that is under way is followed by a second one, and handlers->listed comes for both. Does nothing
 * when not connected. Returns 0 or -ENOMEM. */
int docker_client_list(DockerClient *client);

/* Asks for one container. A request for one that is under way already is made after it (its answer may be older than
 * the reason for asking): handlers->inspected comes once for the last one only. At most DOCKER_INSPECTS_MAX are under
 * way at a time, the others queue. Fails the request (DOCKER_INSPECT_FAILED, from the loop) when not connected.
 * Returns 0, -EINVAL if that is no full container ID, or -ENOMEM. */
#define DOCKER_INSPECTS_MAX 8
int docker_client_inspect(DockerClient *client, const char *id);

/* The same for an image, with handlers->image, and within the same limit; but an image does not change, so that one
 * request under way is enough. image_id: as Container.image_id says it, "sha256:<64 hex digits>" with Docker. Returns 0,
 * -EINVAL if it is empty, over DOCKER_IMAGE_ID_SIZE_MAX characters, or of others than [a-z0-9:], or -ENOMEM. */
#define DOCKER_IMAGE_ID_SIZE_MAX 80
int docker_client_inspect_image(DockerClient *client, const char *image_id);
bool docker_image_id_is_valid(const char *image_id);
