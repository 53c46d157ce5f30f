/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/lister.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int on_row(void *userdata, const char *text, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;
        Lister *lister = userdata;
        int r;

        r = text ? docker_row_decode(text, size, &lister->ports, &container) : -EBADMSG;
        if (r == -EBADMSG) {
                lister->truncated = true;
                return 0;
        }
        return r <= 0 ? r : notices_row(lister->link->notices, TAKE_PTR(container));
}

static int on_body(void *userdata, const char *data, size_t size) {
        Lister *lister = userdata;

        return array_splitter_feed(&lister->rows, data, size, on_row, lister);
}

static void take_list(Lister *lister, DockerList *ret) {
        DockerPorts *ports = &lister->ports;

        docker_ports_sort(ports);
        ret->host_ports = TAKE_PTR(ports->items);
        ret->n_host_ports = ports->n_items;
        ret->truncated = lister->truncated || ports->truncated;
}

static void lister_clear(Lister *lister) {
        lister->request = http_request_free(lister->request);
        array_splitter_done(&lister->rows);
        lister->rows = (ArraySplitter) {};
        docker_ports_done(&lister->ports);
        lister->truncated = false;
}

static void tell(Lister *lister, const HttpResult *result) {
        DockerList list;

        /* Broken off by us at the cap: what was read until then is true. */
        if (result->error == -EMSGSIZE)
                lister->truncated = true;
        else if (result->error == -EBADMSG || (result->error == 0 && !array_splitter_is_complete(&lister->rows))) {
                notices_list_failed(lister->link->notices, -EBADMSG, "the answer is no list of containers");
                return;
        } else if (result->error < 0) {
                notices_list_failed(lister->link->notices, result->error, result->reason);
                return;
        }
        lister->listed = true;
        take_list(lister, &list);
        notices_listed(lister->link->notices, &list);
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
        return http_send(lister->link->list_http,
                         &(HttpOptions) {
                                 .path = path,
                                 .filters = lister->link->list_filters,
                                 .timeout = lister->link->times.list,
                                 .in_one_go = !lister->listed,
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
