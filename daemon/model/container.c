/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/container.h"

#include <string.h>

Container *container_new(const char *id) {
        Container *container = calloc(1, sizeof(*container));

        if (container)
                strncpy(container->id, id, CONTAINER_ID_SIZE);
        return container;
}

Container *container_free(Container *container) {
        if (!container)
                return NULL;
        for (size_t i = 0; i < container->n_networks; i++) {
                free(container->networks[i].name);
                free(container->networks[i].id);
                free(container->networks[i].endpoint_id);
        }
        for (size_t i = 0; i < container->n_labels; i++) {
                free(container->labels[i].key);
                free(container->labels[i].value);
        }
        free(container->networks);
        free(container->labels);
        free(container->published);
        free(container->network_mode);
        free(container->image_id);
        free(container->name);
        free(container);
        return NULL;
}

bool container_id_is_valid(const char *id) {
        return strspn(id, "0123456789abcdef") == CONTAINER_ID_SIZE && id[CONTAINER_ID_SIZE] == '\0';
}

const ContainerLabel *container_find_label(const Container *container, const char *key) {
        for (size_t i = 0; i < container->n_labels; i++)
                if (strcmp(container->labels[i].key, key) == 0)
                        return &container->labels[i];
        return NULL;
}

static bool text_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool network_equal(const ContainerNetwork *a, const ContainerNetwork *b) {
        return text_equal(a->name, b->name) && text_equal(a->id, b->id) &&
               text_equal(a->endpoint_id, b->endpoint_id) && address_compare(&a->ipv4, &b->ipv4) == 0 &&
               address_compare(&a->ipv6, &b->ipv6) == 0 && address_compare(&a->gateway4, &b->gateway4) == 0 &&
               address_compare(&a->gateway6, &b->gateway6) == 0 && memcmp(a->mac, b->mac, MAC_SIZE) == 0;
}

static bool label_equal(const ContainerLabel *a, const ContainerLabel *b) {
        return text_equal(a->key, b->key) && text_equal(a->value, b->value) && a->value_size == b->value_size &&
               a->from_image == b->from_image;
}

static bool published_equal(const PublishedPort *a, const PublishedPort *b) {
        return address_compare(&a->host, &b->host) == 0 && a->protocol == b->protocol && a->port == b->port;
}

/* Podman's list does not say it. */
static bool network_mode_equal(const char *a, const char *b) {
        return !a || !b || *a == '\0' || *b == '\0' || strcmp(a, b) == 0;
}

static bool health_equal(ContainerHealth a, ContainerHealth b) {
        return a == b || a == HEALTH_UNKNOWN || b == HEALTH_UNKNOWN;
}

bool container_equal(const Container *a, const Container *b) {
        if (strcmp(a->id, b->id) != 0 || !text_equal(a->name, b->name) || !text_equal(a->image_id, b->image_id) ||
            a->created != b->created || a->state != b->state || !health_equal(a->health, b->health) ||
            !network_mode_equal(a->network_mode, b->network_mode) || a->truncated != b->truncated ||
            a->n_networks != b->n_networks || a->n_labels != b->n_labels || a->n_published != b->n_published)
                return false;
        for (size_t i = 0; i < a->n_networks; i++)
                if (!network_equal(&a->networks[i], &b->networks[i]))
                        return false;
        for (size_t i = 0; i < a->n_labels; i++)
                if (!label_equal(&a->labels[i], &b->labels[i]))
                        return false;
        for (size_t i = 0; i < a->n_published; i++)
                if (!published_equal(&a->published[i], &b->published[i]))
                        return false;
        return true;
}

static const char *const state_names[_CONTAINER_STATE_MAX] = {
        [CONTAINER_RUNNING] = "running",
        [CONTAINER_PAUSED] = "paused",
        [CONTAINER_RESTARTING] = "restarting",
        [CONTAINER_STOPPED] = "stopped",
};

const char *container_state_to_string(ContainerState state) {
        return state_names[state];
}

static const char *const health_names[_CONTAINER_HEALTH_MAX] = {
        [HEALTH_UNKNOWN] = "unknown",   [HEALTH_NONE] = "none",           [HEALTH_STARTING] = "starting",
        [HEALTH_HEALTHY] = "healthy",   [HEALTH_UNHEALTHY] = "unhealthy",
};

const char *container_health_to_string(ContainerHealth health) {
        return health_names[health];
}
