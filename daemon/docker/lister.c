/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/lister.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

/* A long list is read when nothing else is to be done: what is decided goes to the kernel before. */
#define LISTER_PRIORITY (SD_EVENT_PRIORITY_IDLE + 50)

static int on_row(void *userdata, const char *text, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;
        Lister *lister = userdata;
        DockerList *list = &lister->list;
        int r;

        r = text ? docker_row_decode(text, size, &lister->ports, &container) : -EBADMSG;
        if (r == -EBADMSG) {
                list->truncated = true;
                return 0;
        }
        if (r <= 0)
                return r;
        r = array_reserve(&list->containers, &lister->capacity, list->n_containers + 1, sizeof(Container *));
        if (r < 0)
                return r;
        list->containers[list->n_containers++] = TAKE_PTR(container);
        return 0;
}

static int on_body(void *userdata, const char *data, size_t size) {
        Lister *lister = userdata;

        return array_splitter_feed(&lister->rows, data, size, on_row, lister);
}

static int compare_containers(const void *a, const void *b) {
        return strcmp((*(Container *const *) a)->id, (*(Container *const *) b)->id);
}

/* In order, and each ID once. */
static void sort_list(DockerList *list) {
        size_t n = 0;

        if (list->n_containers < 2)
                return;
        qsort(list->containers, list->n_containers, sizeof(Container *), compare_containers);
        for (size_t i = 1; i < list->n_containers; i++)
                if (compare_containers(&list->containers[n], &list->containers[i]) == 0)
                        container_free(list->containers[i]);
                else
                        list->containers[++n] = list->containers[i];
        list->n_containers = n + 1;
}

static void take_ports(DockerPorts *ports, DockerList *list) {
        docker_ports_sort(ports);
        list->host_ports = TAKE_PTR(ports->items);
        list->n_host_ports = ports->n_items;
        list->truncated |= ports->truncated;
        docker_ports_done(ports);
}

static void lister_clear(Lister *lister) {
        lister->request = http_request_free(lister->request);
        array_splitter_done(&lister->rows);
        lister->rows = (ArraySplitter) {};
        docker_list_done(&lister->list);
        lister->capacity = 0;
        docker_ports_done(&lister->ports);
}

static void tell(Lister *lister, const HttpResult *result) {
        /* Broken off by us at the cap: what was read until then is true. */
        if (result->error == -EMSGSIZE)
                lister->list.truncated = true;
        else if (result->error == -EBADMSG || (result->error == 0 && !array_splitter_is_complete(&lister->rows))) {
                notices_list_failed(lister->link->notices, -EBADMSG, "the answer is no list of containers");
                return;
        } else if (result->error < 0) {
                notices_list_failed(lister->link->notices, result->error, result->reason);
                return;
        }
        sort_list(&lister->list);
        take_ports(&lister->ports, &lister->list);
        notices_listed(lister->link->notices, &lister->list);
}

static void on_done(void *userdata, const HttpResult *result) {
        Lister *lister = userdata;
        int r;

        tell(lister, result);
        lister_clear(lister);
        if (!lister->again)
                return;
        lister->again = false;
        r = lister_start(lister);
        if (r < 0)
                notices_list_failed(lister->link->notices, r, strerror(-r));
}

int lister_start(Lister *lister) {
        char path[64];

        if (lister->request) {
                lister->again = true;
                return 0;
        }
        snprintf(path, sizeof(path), "%s/containers/json", lister->link->prefix);
        return http_send(lister->link->http,
                         &(HttpOptions) {
                                 .path = path,
                                 .timeout = lister->link->times.list,
                                 .priority = LISTER_PRIORITY,
                                 .body = on_body,
                                 .done = on_done,
                                 .userdata = lister,
                         },
                         &lister->request);
}

void lister_fail(Lister *lister, const char *reason) {
        bool pending = lister->request;

        lister_clear(lister);
        lister->again = false;
        if (pending)
                notices_list_failed(lister->link->notices, -ENOTCONN, reason);
}

void lister_done(Lister *lister) {
        lister_clear(lister);
}
