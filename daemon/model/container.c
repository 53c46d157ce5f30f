/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/container.h"

#include <errno.h>
#include <string.h>

Container *container_new(const char *id) {
        Container *container = calloc(1, sizeof(*container));

        if (container)
                strncpy(container->id, id, CONTAINER_ID_SIZE);
        return container;
}

ContainerLabel *container_labels_free(ContainerLabel *labels, size_t n_labels) {
        for (size_t i = 0; labels && i < n_labels; i++) {
                free(labels[i].key);
                free(labels[i].value);
        }
        free(labels);
        return NULL;
}

static void free_parts(Container *container) {
        for (size_t i = 0; i < container->n_networks; i++) {
                free(container->networks[i].name);
                free(container->networks[i].id);
                free(container->networks[i].endpoint_id);
        }
        container_labels_free(container->labels, container->n_labels);
        free(container->networks);
        free(container->network_mode);
        free(container->image_id);
        free(container->name);
}

static void release_texts(Container *container) {
        for (size_t i = 0; i < container->n_networks; i++) {
                text_release(container->networks[i].name);
                text_release(container->networks[i].id);
        }
        for (size_t i = 0; i < container->n_labels; i++)
                text_release(container->labels[i].key);
        text_release(container->network_mode);
}

Container *container_free(Container *container) {
        if (container && container->in_one_piece)
                release_texts(container);
        else if (container)
                free_parts(container);
        free(container);
        return NULL;
}

/* NULL stays NULL; sets *failed if there is no memory. */
static char *text_copy(const char *text, bool *failed) {
        char *copy = text ? strdup(text) : NULL;

        *failed |= text && !copy;
        return copy;
}

static void *array_copy(const void *items, size_t n, size_t size, bool *failed) {
        void *copy = n > 0 ? malloc(n * size) : NULL;

        if (copy)
                memcpy(copy, items, n * size);
        *failed |= n > 0 && !copy;
        return copy;
}

int container_labels_copy(const ContainerLabel *labels, size_t n_labels, ContainerLabel **ret) {
        bool failed = false;
        ContainerLabel *copy = array_copy(labels, n_labels, sizeof(*labels), &failed);

        for (size_t i = 0; copy && i < n_labels; i++) {
                copy[i].key = text_copy(labels[i].key, &failed);
                copy[i].value = text_copy(labels[i].value, &failed);
        }
        if (failed) {
                container_labels_free(copy, copy ? n_labels : 0);
                return -ENOMEM;
        }
        *ret = copy;
        return 0;
}

/* In one piece: the container, its networks, its labels, and behind them the texts of its own. */

static size_t text_size(const char *text) {
        return text ? strlen(text) + 1 : 0;
}

static size_t size_in_one_piece(const Container *container) {
        size_t size = sizeof(*container) + container->n_networks * sizeof(ContainerNetwork) +
                      container->n_labels * sizeof(ContainerLabel) + text_size(container->name);

        for (size_t i = 0; i < container->n_networks; i++)
                size += text_size(container->networks[i].endpoint_id);
        for (size_t i = 0; i < container->n_labels; i++)
                size += text_size(container->labels[i].value);
        return size;
}

/* Return where it was put; NULL stays NULL. */

static void *put(char **at, const void *data, size_t size) {
        char *to = *at;

        if (!data)
                return NULL;
        memcpy(to, data, size);
        *at += size;
        return to;
}

static char *put_text(char **at, const char *text) {
        return put(at, text, text_size(text));
}

/* NULL stays NULL; sets *failed if there is no memory. */
static char *share_text(Texts *texts, const char *text, bool *failed) {
        char *shared = text ? texts_share(texts, text) : NULL;

        *failed |= text && !shared;
        return shared;
}

Container *container_copy(const Container *container, Texts *texts) {
        Container *copy = malloc(size_in_one_piece(container));
        char *at = (char *) copy;
        bool failed = false;

        if (!copy)
                return NULL;
        (void) put(&at, container, sizeof(*container));
        copy->in_one_piece = true;
        copy->image_id = NULL;
        copy->networks = put(&at, container->networks, container->n_networks * sizeof(ContainerNetwork));
        copy->labels = put(&at, container->labels, container->n_labels * sizeof(ContainerLabel));
        copy->name = put_text(&at, container->name);
        copy->network_mode = share_text(texts, container->network_mode, &failed);
        for (size_t i = 0; i < copy->n_networks; i++) {
                copy->networks[i].name = share_text(texts, container->networks[i].name, &failed);
                copy->networks[i].id = share_text(texts, container->networks[i].id, &failed);
                copy->networks[i].endpoint_id = put_text(&at, container->networks[i].endpoint_id);
        }
        for (size_t i = 0; i < copy->n_labels; i++) {
                copy->labels[i].key = share_text(texts, container->labels[i].key, &failed);
                copy->labels[i].value = put_text(&at, container->labels[i].value);
        }
        return failed ? container_free(copy) : copy;
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
               address_compare(&a->ipv6, &b->ipv6) == 0 && a->has_gateway == b->has_gateway &&
               memcmp(a->mac, b->mac, MAC_SIZE) == 0;
}

static bool label_equal(const ContainerLabel *a, const ContainerLabel *b) {
        return text_equal(a->key, b->key) && text_equal(a->value, b->value) && a->cut == b->cut &&
               a->from_image == b->from_image;
}

bool container_knows_network_mode(const Container *container) {
        return container->network_mode && *container->network_mode;
}

static bool network_mode_equal(const Container *a, const Container *b) {
        return !container_knows_network_mode(a) || !container_knows_network_mode(b) ||
               strcmp(a->network_mode, b->network_mode) == 0;
}

static bool health_equal(ContainerHealth a, ContainerHealth b) {
        return a == b || a == HEALTH_UNKNOWN || b == HEALTH_UNKNOWN;
}

bool container_equal(const Container *a, const Container *b) {
        if (strcmp(a->id, b->id) != 0 || !text_equal(a->name, b->name) || a->created != b->created ||
            a->state != b->state || !health_equal(a->health, b->health) ||
            !network_mode_equal(a, b) || a->labels_dropped != b->labels_dropped ||
            a->truncated != b->truncated || a->n_networks != b->n_networks || a->n_labels != b->n_labels)
                return false;
        for (size_t i = 0; i < a->n_networks; i++)
                if (!network_equal(&a->networks[i], &b->networks[i]))
                        return false;
        for (size_t i = 0; i < a->n_labels; i++)
                if (!label_equal(&a->labels[i], &b->labels[i]))
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
