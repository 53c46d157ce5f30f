/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

static const char *id_of(const char *key) {
        return strrchr(key, '/') + 1;
}

static int id_compare(const void *id, const void *item) {
        return strcmp(id, (*(Endpoint *const *) item)->id);
}

static int endpoint_compare(const void *key, const void *item) {
        int r = id_compare(id_of(key), item);

        return r != 0 ? r : strcmp(key, (*(Endpoint *const *) item)->key);
}

static Endpoint *endpoint_free(Endpoint *endpoint) {
        if (!endpoint)
                return NULL;
        for (size_t i = 0; i < endpoint->n_wanted; i++)
                free(endpoint->wanted[i]);
        free(endpoint->wanted);
        endpoint_record_done(&endpoint->record);
        free(endpoint->key);
        free(endpoint);
        return NULL;
}
DEFINE_CLEANUP(Endpoint, endpoint_free)

/* The next part of a key; false if there is none. */
static bool next_part(const char **key, char *ret, size_t size) {
        size_t part;

        if (**key != '/')
                return false;
        part = strcspn(*key + 1, "/");
        if (part >= size)
                return false;
        memcpy(ret, *key + 1, part);
        ret[part] = '\0';
        *key += 1 + part;
        return true;
}

static bool is_container_id(const char *text) {
        return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* /calico/v1/host/<host>/workload/<orchestrator>/<workload>/endpoint/<id>: the orchestrators that Docker's containers
 * come with. */
static bool parse_key(const char *key, char container[static 65]) {
        char parts[8][CALICO_NAME_MAX + 1];

        for (size_t i = 0; i < 8; i++)
                if (!next_part(&key, parts[i], sizeof(parts[i])) || !calico_name_is_valid(parts[i]))
                        return false;
        if (!next_part(&key, parts[0], sizeof(parts[0])) || *key != '\0' || strcmp(parts[4], "workload") != 0 ||
            strcmp(parts[7], "endpoint") != 0 || !calico_name_is_valid(parts[0]))
                return false;
        container[0] = '\0';
        if (strcmp(parts[5], "libnetwork") == 0)
                return strcmp(parts[6], "libnetwork") == 0;
        if (strcmp(parts[5], "docker") != 0 || !is_container_id(parts[6]))
                return false;
        strcpy(container, parts[6]);
        return true;
}

static Endpoint *add(Endpoints *endpoints, const char *key, size_t at, const char *container) {
        _cleanup_(endpoint_freep) Endpoint *endpoint = calloc(1, sizeof(*endpoint));

        if (!endpoint)
                return NULL;
        endpoint->key = strdup(key);
        if (!endpoint->key || array_insert_gap(&endpoints->items, &endpoints->n_items, &endpoints->capacity, at,
                                               sizeof(*endpoints->items)) < 0)
                return NULL;
        endpoint->id = id_of(endpoint->key);
        strcpy(endpoint->container, container);
        return endpoints->items[at] = TAKE_PTR(endpoint);
}

static size_t find(const Endpoints *endpoints, const char *key) {
        return array_lower_bound(key, endpoints->items, endpoints->n_items, sizeof(*endpoints->items),
                                 endpoint_compare);
}

int endpoints_take(Endpoints *endpoints, const char *key, const char *value, uint64_t index) {
        size_t at = find(endpoints, key);
        char container[65];
        Endpoint *endpoint;
        int r;

        if (!parse_key(key, container))
                return 0;
        if (at < endpoints->n_items && strcmp(endpoints->items[at]->key, key) == 0)
                endpoint = endpoints->items[at];
        else
                endpoint = add(endpoints, key, at, container);
        if (!endpoint)
                return -ENOMEM;
        endpoint->index = index;
        endpoint->changed = true;
        endpoint->gone = false;
        endpoint->reason[0] = '\0';
        endpoint_record_done(&endpoint->record);
        r = endpoint_record_decode(value, strlen(value), &endpoint->record, endpoint->reason);
        return r == -ENOMEM ? r : 0;
}

void endpoints_drop(Endpoints *endpoints, const char *key) {
        size_t at = find(endpoints, key);

        if (at == endpoints->n_items || strcmp(endpoints->items[at]->key, key) != 0)
                return;
        endpoints->items[at]->changed = endpoints->items[at]->gone = true;
        endpoint_record_done(&endpoints->items[at]->record);
}

Endpoint *endpoints_find(const Endpoints *endpoints, const char *id) {
        size_t i = array_lower_bound(id, endpoints->items, endpoints->n_items, sizeof(*endpoints->items), id_compare);

        for (; i < endpoints->n_items && strcmp(endpoints->items[i]->id, id) == 0; i++)
                if (!endpoints->items[i]->gone)
                        return endpoints->items[i];
        return NULL;
}

bool endpoint_has_profile(const Endpoint *endpoint, const char *profile) {
        for (size_t i = 0; i < endpoint->record.n_profiles; i++)
                if (strcmp(endpoint->record.profiles[i], profile) == 0)
                        return true;
        return false;
}

CalicoEndpoint endpoint_view(const Endpoint *endpoint) {
        return (CalicoEndpoint) {
                .id = endpoint->id,
                .container = endpoint->container,
                .active = endpoint->record.active,
                .addresses = endpoint->record.addresses,
                .n_addresses = endpoint->record.n_addresses,
                .profiles = endpoint->record.profiles,
                .n_profiles = endpoint->record.n_profiles,
                .reason = endpoint->reason,
        };
}

void endpoints_hand_out(Endpoints *endpoints,
                        void (*handler)(void *userdata, const CalicoEndpoint *endpoint, bool gone), void *userdata) {
        for (size_t i = 0; i < endpoints->n_items;) {
                Endpoint *endpoint = endpoints->items[i];

                if (endpoint->changed) {
                        CalicoEndpoint view = endpoint_view(endpoint);

                        endpoint->changed = false;
                        handler(userdata, &view, endpoint->gone);
                }
                if (endpoint->gone) {
                        array_remove(&endpoints->items, &endpoints->n_items, i, sizeof(*endpoints->items));
                        endpoint_free(endpoint);
                } else
                        i++;
        }
}

void endpoints_done(Endpoints *endpoints) {
        for (size_t i = 0; i < endpoints->n_items; i++)
                endpoint_free(endpoints->items[i]);
        free(endpoints->items);
        *endpoints = (Endpoints) {};
}
