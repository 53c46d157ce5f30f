/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/texts.h"

/* What Docker says of one container, as plain values: filled by docker/decode, read by the model, never changed in
 * place but replaced whole. Strings are UTF-8 from outside: not trusted, to be escaped before they are shown. */

#define CONTAINER_ID_SIZE 64 /* hex digits in a full container ID */
#define MAC_SIZE 6

/* Limits on what comes from outside; what is over them is cut off by docker/decode, which sets `truncated`. */
#define CONTAINER_LABELS_MAX 32
#define CONTAINER_LABEL_SIZE_MAX 4096
#define CONTAINER_NETWORKS_MAX 64

typedef enum _packed_ ContainerState {
        CONTAINER_RUNNING,
        CONTAINER_PAUSED,
        CONTAINER_RESTARTING, /* between two runs: Docker says "running" too, but there is no address */
        CONTAINER_STOPPED,    /* created, exited, dead, removing */
        _CONTAINER_STATE_MAX,
} ContainerState;

typedef enum _packed_ ContainerHealth {
        HEALTH_UNKNOWN, /* Docker did not say: a list before API 1.52 does not say that there is no health check */
        HEALTH_NONE,    /* the container has no health check */
        HEALTH_STARTING,
        HEALTH_HEALTHY,
        HEALTH_UNHEALTHY,
        _CONTAINER_HEALTH_MAX,
} ContainerHealth;

typedef struct ContainerNetwork {
        char *name;        /* the key in NetworkSettings.Networks */
        char *id;          /* NetworkID, may be "" */
        char *endpoint_id; /* EndpointID, may be "" */
        Address ipv4;      /* AF_UNSPEC if there is none */
        Address ipv6;
        uint8_t mac[MAC_SIZE]; /* all zero if unknown */
        bool has_gateway;      /* of either family: else it holds no default route */
} ContainerNetwork;

typedef struct ContainerLabel {
        char *key; /* begins with "calico.expose", in any case */
        char *value;
        bool cut;        /* of more than CONTAINER_LABEL_SIZE_MAX bytes the rest is missing */
        bool from_image; /* set only once the image was compared */
} ContainerLabel;

typedef struct Container {
        char *name;         /* without the leading slash */
        char *image_id;     /* "sha256:..."; NULL in a copy: it never changes */
        char *network_mode; /* HostConfig.NetworkMode: "default", "host", "none", "container:<id>", a name; "" or NULL
                               if unknown (Podman's list does not say) */
        ContainerNetwork *networks; /* sorted by name */
        size_t n_networks;
        ContainerLabel *labels; /* those that begin with "calico.expose"; sorted by key */
        size_t n_labels;
        int64_t created; /* seconds since the epoch (the list says no finer) */
        int64_t started; /* nanoseconds since the epoch, 0 if unknown (the list does not say) */
        int32_t pid;     /* of its first process, 0 if unknown (the list does not say): no fact to compare */
        ContainerState state;
        ContainerHealth health;
        bool labels_dropped; /* there are more labels of ours than CONTAINER_LABELS_MAX: which ones is not known */
        bool truncated;      /* something was over a limit above and is missing here */
        bool in_one_piece;   /* a copy: see container_copy() */
        char id[CONTAINER_ID_SIZE + 1]; /* lower-case hex */
} Container;

/* An empty container with that ID, or NULL if there is no memory. The ID is not checked. */
Container *container_new(const char *id);
Container *container_free(Container *container);
DEFINE_CLEANUP(Container, container_free)

/* Whether it is known whose network it uses. Until then it is taken to have one of its own. */
bool container_knows_network_mode(const Container *container);

/* Copies that many labels; *ret is NULL where there are none. Returns 0 or -ENOMEM. */
int container_labels_copy(const ContainerLabel *labels, size_t n_labels, ContainerLabel **ret);
/* Frees that many labels and the array; takes NULL. Returns NULL. */
ContainerLabel *container_labels_free(ContainerLabel *labels, size_t n_labels);

/* A copy of what a claim depends on, in one piece of memory, which takes far less than many; but what very many have
 * alike (names and IDs of networks, the network mode, the labels' keys) are the pool's texts. NULL: no memory. */
Container *container_copy(const Container *container, Texts *texts);

/* True if it is a full container ID: 64 lower-case hex digits. */
bool container_id_is_valid(const char *id);

/* NULL if the container has no such label (keys compare exactly). */
const ContainerLabel *container_find_label(const Container *container, const char *key);

/* True if both say the same of everything that a claim depends on: not `started` or the image, and neither `health` nor
 * `network_mode` where one of the two does not know it. */
bool container_equal(const Container *a, const Container *b);

const char *container_state_to_string(ContainerState state);
const char *container_health_to_string(ContainerHealth health);
