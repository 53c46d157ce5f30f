/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "common/text.h"
#include "daemon/docker/decode-parts.h"

#define USER_PREFIX "Docker, for container "

/* Returns 0, or -EINVAL if we cannot say what is published there. */
static int read_binding(const cJSON *item, int64_t port, HostPort *ret) {
        const char *host = json_text(item, "IP"), *type = json_text(item, "Type");
        Protocol protocol = type ? protocol_from_string(type, strlen(type)) : _PROTOCOL_INVALID;
        Address address = {};

        if (protocol == _PROTOCOL_INVALID || port < 1 || port > UINT16_MAX ||
            (host && *host && address_parse(host, &address) < 0))
                return -EINVAL;
        *ret = (HostPort) {
                .protocol = protocol,
                .family = address.family,
                .port = (uint16_t) port,
                .docker = true,
        };
        if (!address_is_zero(&address))
                ret->address = address;
        return 0;
}

static int add_host_port(DockerPorts *ports, const cJSON *item, int64_t number, const char *id,
                         const char user[static HOST_PORT_USER_SIZE]) {
        DockerPort port = {};
        int r;

        if (ports->n_items == DOCKER_HOST_PORTS_MAX || read_binding(item, number, &port.host) < 0) {
                ports->truncated = true;
                return 0;
        }
        memcpy(port.host.user, user, sizeof(port.host.user));
        strcpy(port.container, id);
        r = array_reserve(&ports->items, &ports->capacity, ports->n_items + 1, sizeof(port));
        if (r < 0)
                return r;
        ports->items[ports->n_items++] = port;
        return 0;
}

/* [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]; without PublicPort it is only exposed. */
int decode_row_host_ports(const cJSON *row, const char *id, const char *name, DockerPorts *ports) {
        char user[HOST_PORT_USER_SIZE] = USER_PREFIX;
        const cJSON *list, *item;
        int r;

        text_escape(name, strlen(name), user + strlen(user), sizeof(user) - strlen(user));
        r = json_container(row, "Ports", cJSON_Array, &list);
        if (r < 0)
                return r;
        cJSON_ArrayForEach(item, list) {
                int64_t number = json_integer(item, "PublicPort");

                if (number == 0)
                        continue;
                r = add_host_port(ports, item, number, id, user);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int compare_host_ports(const void *a, const void *b) {
        const HostPort *x = &((const DockerPort *) a)->host, *y = &((const DockerPort *) b)->host;
        int r;

        r = host_port_compare(x, y);
        if (r == 0)
                r = (int) x->family - (int) y->family;
        if (r == 0)
                r = address_compare(&x->address, &y->address);
        return r;
}

/* With the user, so that of two who say that they have the same port it is always the same one. */
static int compare_host_ports_and_users(const void *a, const void *b) {
        int r;

        r = compare_host_ports(a, b);
        return r ? r : strcmp(((const DockerPort *) a)->host.user, ((const DockerPort *) b)->host.user);
}

void docker_ports_sort(DockerPorts *ports) {
        size_t n = 0;

        if (ports->n_items < 2)
                return;
        array_sort(ports->items, ports->n_items, sizeof(*ports->items), compare_host_ports_and_users);
        for (size_t i = 1; i < ports->n_items; i++)
                if (compare_host_ports(&ports->items[n], &ports->items[i]) != 0)
                        ports->items[++n] = ports->items[i];
        ports->n_items = n + 1;
}

void docker_ports_done(DockerPorts *ports) {
        free(ports->items);
        *ports = (DockerPorts) {};
}
