/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/inspector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "daemon/docker/decode.h"

#define STATUS_NOT_FOUND 404

struct Inspect {
        STAILQ_ENTRY(Inspect) entry;
        Inspector *inspector;
        InspectKind kind;
        char id[INSPECT_ID_SIZE];
        HttpRequest *request; /* NULL while it waits in the queue */
        TextBuffer body;
        bool again; /* asked for once more while it is under way */
};

/* They decode the answer and tell it. Return 0, -EBADMSG, or -ENOMEM: then nothing is told yet. */

static int tell_container(const Inspect *inspect, Notices *notices) {
        Container *container;
        int r;

        r = docker_inspect_decode(inspect->body.text, inspect->body.size, &container);
        if (r < 0)
                return r;
        if (strcmp(container->id, inspect->id) != 0) {
                container_free(container);
                return -EBADMSG;
        }
        notices_inspected(notices, inspect->id, container);
        return 0;
}

static int tell_image(const Inspect *inspect, Notices *notices) {
        DockerImage image;
        int r;

        r = docker_image_decode(inspect->body.text, inspect->body.size, &image);
        if (r < 0)
                return r;
        notices_image(notices, inspect->id, image.labels, image.n_labels);
        return 0;
}

static const struct {
        const char *collection; /* in the path */
        int (*tell)(const Inspect *inspect, Notices *notices);
} kinds[_INSPECT_KIND_MAX] = {
        [INSPECT_CONTAINER] = { "containers", tell_container },
        [INSPECT_IMAGE] = { "images", tell_image },
};

static void inspect_free(Inspect *inspect) {
        http_request_free(inspect->request);
        text_buffer_done(&inspect->body);
        free(inspect);
}

typedef struct InspectKey {
        InspectKind kind;
        const char *id;
} InspectKey;

static int compare_inspect(const void *key, const void *item) {
        const Inspect *inspect = *(Inspect *const *) item;
        const InspectKey *k = key;

        if (k->kind != inspect->kind)
                return (int) k->kind - (int) inspect->kind;
        return strcmp(k->id, inspect->id);
}

static size_t inspector_find(const Inspector *inspector, InspectKind kind, const char *id, Inspect **ret) {
        const InspectKey key = { .kind = kind, .id = id };
        size_t i = array_lower_bound(&key, inspector->items, inspector->n_items, sizeof(Inspect *), compare_inspect);
        bool found = i < inspector->n_items && compare_inspect(&key, &inspector->items[i]) == 0;

        *ret = found ? inspector->items[i] : NULL;
        return i;
}

/* It is not in the queue. */
static void inspector_remove(Inspector *inspector, Inspect *inspect) {
        Inspect *found;
        size_t i = inspector_find(inspector, inspect->kind, inspect->id, &found);

        array_remove(&inspector->items, &inspector->n_items, i, sizeof(Inspect *));
        inspect_free(inspect);
}

static int on_body(void *userdata, const char *data, size_t size) {
        Inspect *inspect = userdata;

        return text_buffer_append(&inspect->body, data, size, OBJECT_SIZE_MAX);
}

static void tell_failed(const Inspect *inspect, DockerInspectOutcome outcome, const char *reason) {
        notices_inspect_failed(inspect->inspector->link->notices, inspect->kind, inspect->id, outcome, reason);
}

static void tell(const Inspect *inspect, const HttpResult *result) {
        int r;

        if (result->status == STATUS_NOT_FOUND) {
                tell_failed(inspect, DOCKER_INSPECT_GONE, result->reason);
                return;
        }
        if (result->error < 0) {
                tell_failed(inspect, DOCKER_INSPECT_FAILED, result->reason);
                return;
        }
        r = kinds[inspect->kind].tell(inspect, inspect->inspector->link->notices);
        if (r < 0)
                tell_failed(inspect, DOCKER_INSPECT_FAILED,
                            r == -ENOMEM ? strerror(ENOMEM) : "the answer is no description of it");
}

static void inspector_run(Inspector *inspector);

static void on_done(void *userdata, const HttpResult *result) {
        Inspect *inspect = userdata;
        Inspector *inspector = inspect->inspector;

        inspector->n_running--;
        if (inspect->again) {
                inspect->again = false;
                inspect->request = http_request_free(inspect->request);
                text_buffer_clear(&inspect->body);
                STAILQ_INSERT_TAIL(&inspector->queue, inspect, entry);
        } else {
                tell(inspect, result);
                inspector_remove(inspector, inspect);
        }
        inspector_run(inspector);
}

static int inspect_start(Inspect *inspect) {
        const DockerLink *link = inspect->inspector->link;
        char path[128];

        snprintf(path, sizeof(path), "%s/%s/%s/json", link->prefix, kinds[inspect->kind].collection, inspect->id);
        return http_send(link->http,
                         &(HttpOptions) {
                                 .path = path,
                                 .timeout = link->times.inspect,
                                 .body = on_body,
                                 .done = on_done,
                                 .userdata = inspect,
                         },
                         &inspect->request);
}

static void inspector_run(Inspector *inspector) {
        while (inspector->n_running < DOCKER_INSPECTS_MAX && !STAILQ_EMPTY(&inspector->queue)) {
                Inspect *inspect = STAILQ_FIRST(&inspector->queue);
                int r;

                STAILQ_REMOVE_HEAD(&inspector->queue, entry);
                r = inspect_start(inspect);
                if (r < 0) {
                        tell_failed(inspect, DOCKER_INSPECT_FAILED, strerror(-r));
                        inspector_remove(inspector, inspect);
                } else
                        inspector->n_running++;
        }
}

void inspector_init(Inspector *inspector, const DockerLink *link) {
        *inspector = (Inspector) { .link = link };
        STAILQ_INIT(&inspector->queue);
}

int inspector_add(Inspector *inspector, InspectKind kind, const char *id) {
        Inspect *inspect;
        size_t i;
        int r;

        i = inspector_find(inspector, kind, id, &inspect);
        if (inspect) {
                /* An image does not change: the answer that comes is as good as another. */
                inspect->again = inspect->request && kind == INSPECT_CONTAINER;
                return 0;
        }
        inspect = calloc(1, sizeof(*inspect));
        if (!inspect)
                return -ENOMEM;
        r = array_insert_gap(&inspector->items, &inspector->n_items, &inspector->capacity, i, sizeof(Inspect *));
        if (r < 0) {
                free(inspect);
                return r;
        }
        inspect->inspector = inspector;
        inspect->kind = kind;
        strcpy(inspect->id, id);
        inspector->items[i] = inspect;
        STAILQ_INSERT_TAIL(&inspector->queue, inspect, entry);
        inspector_run(inspector);
        return 0;
}

void inspector_fail(Inspector *inspector, const char *reason) {
        for (size_t i = 0; i < inspector->n_items; i++) {
                tell_failed(inspector->items[i], DOCKER_INSPECT_FAILED, reason);
                inspect_free(inspector->items[i]);
        }
        inspector->n_items = inspector->n_running = 0;
        STAILQ_INIT(&inspector->queue);
}

void inspector_done(Inspector *inspector) {
        for (size_t i = 0; i < inspector->n_items; i++)
                inspect_free(inspector->items[i]);
        free(inspector->items);
        *inspector = (Inspector) {};
}
