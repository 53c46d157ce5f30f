/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/text.h"
#include "daemon/docker/decode-parts.h"

#define USER_PREFIX "Docker, for container "

/* Returns 0, or -EINVAL if we cannot say what is published there. */
static int read_binding(const char *host, Protocol protocol, int64_t port, HostPort *ret) {
        Address address = {};

        if (protocol == _PROTOCOL_INVALID || port < 1 || port > UINT16_MAX ||
            (host && *host && address_parse(host, &address) < 0))
                return -EINVAL;
        *ret = (HostPort) {
                .protocol = protocol,
                .family = address.family,
                .address = address_is_zero(&address) ? (Address) {} : address,
                .port = (uint16_t) port,
                .docker = true,
        };
        return 0;
}

/* One port; NULL for one that cannot be read. */
typedef int (*PortHandler)(void *userdata, const HostPort *port);

/* [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]; without PublicPort it is only exposed. */
static int read_row_ports(const cJSON *row, PortHandler handler, void *userdata) {
        const cJSON *list, *item;
        int r;

        r = json_container(row, "Ports", cJSON_Array, &list);
        if (r < 0)
                return r;
        cJSON_ArrayForEach(item, list) {
                int64_t number = json_integer(item, "PublicPort");
                const char *type = json_text(item, "Type");
                Protocol protocol = type ? protocol_from_string(type, strlen(type)) : _PROTOCOL_INVALID;
                HostPort port;

                if (number == 0)
                        continue;
                r = handler(userdata, read_binding(json_text(item, "IP"), protocol, number, &port) < 0 ? NULL : &port);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int64_t decode_port(const char *text) {
        int64_t port = 0;

        if (!text || *text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 5)
                return 0;
        for (; *text; text++)
                port = port * 10 + (*text - '0');
        return port;
}

/* {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}], "443/tcp": null} */
static int read_inspect_ports(const cJSON *settings, PortHandler handler, void *userdata) {
        const cJSON *map, *bindings, *binding;
        int r;

        r = json_container(settings, "Ports", cJSON_Object, &map);
        if (r < 0)
                return r;
        cJSON_ArrayForEach(bindings, map) {
                const char *slash = strchr(bindings->string, '/');
                Protocol protocol = slash ? protocol_from_string(slash + 1, strlen(slash + 1)) : PROTOCOL_TCP;

                if (!cJSON_IsArray(bindings) && !cJSON_IsNull(bindings))
                        return -EBADMSG;
                cJSON_ArrayForEach(binding, bindings) {
                        int64_t number = decode_port(json_text(binding, "HostPort"));
                        const char *host = json_text(binding, "HostIp");
                        HostPort port;

                        r = handler(userdata, read_binding(host, protocol, number, &port) < 0 ? NULL : &port);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* Of one container. The list and the inspect say the ports in different shapes; without the family, sorted and each
 * once, they compare. */

typedef struct PublishedPorts {
        Container *container;
        size_t capacity;
} PublishedPorts;

static int compare_published(const void *a, const void *b) {
        const PublishedPort *x = a, *y = b;

        if (x->protocol != y->protocol)
                return (int) x->protocol - (int) y->protocol;
        if (x->port != y->port)
                return (int) x->port - (int) y->port;
        return address_compare(&x->host, &y->host);
}

static void sort_published(Container *container) {
        PublishedPort *ports = container->published;
        size_t n = 0;

        if (container->n_published < 2)
                return;
        qsort(ports, container->n_published, sizeof(*ports), compare_published);
        for (size_t i = 1; i < container->n_published; i++)
                if (compare_published(&ports[n], &ports[i]) != 0)
                        ports[++n] = ports[i];
        container->n_published = n + 1;
        if (container->n_published > CONTAINER_PUBLISHED_MAX) {
                container->n_published = CONTAINER_PUBLISHED_MAX;
                container->truncated = true;
        }
}

static int add_published(void *userdata, const HostPort *port) {
        PublishedPorts *ports = userdata;
        Container *container = ports->container;
        int r;

        /* Twice as many, for most are there for IPv4 and for IPv6, and become one. */
        if (!port || container->n_published == 2 * CONTAINER_PUBLISHED_MAX) {
                container->truncated = true;
                return 0;
        }
        r = array_reserve(&container->published, &ports->capacity, container->n_published + 1, sizeof(PublishedPort));
        if (r < 0)
                return r;
        container->published[container->n_published++] = (PublishedPort) {
                .host = port->address,
                .protocol = port->protocol,
                .port = port->port,
        };
        return 0;
}

int decode_row_published(const cJSON *row, Container *container) {
        int r;

        r = read_row_ports(row, add_published, &(PublishedPorts) { .container = container });
        sort_published(container);
        return r;
}

int decode_inspect_published(const cJSON *settings, Container *container) {
        int r;

        r = read_inspect_ports(settings, add_published, &(PublishedPorts) { .container = container });
        sort_published(container);
        return r;
}

/* Of all containers. */

typedef struct HostPortReader {
        DockerPorts *ports;
        char user[HOST_PORT_USER_SIZE];
} HostPortReader;

static int add_host_port(void *userdata, const HostPort *port) {
        HostPortReader *reader = userdata;
        DockerPorts *ports = reader->ports;
        HostPort *item;
        int r;

        if (!port || ports->n_items == DOCKER_HOST_PORTS_MAX) {
                ports->truncated = true;
                return 0;
        }
        r = array_reserve(&ports->items, &ports->capacity, ports->n_items + 1, sizeof(HostPort));
        if (r < 0)
                return r;
        item = &ports->items[ports->n_items++];
        *item = *port;
        memcpy(item->user, reader->user, sizeof(item->user));
        return 0;
}

int decode_row_host_ports(const cJSON *row, const char *name, DockerPorts *ports) {
        HostPortReader reader = { .ports = ports, .user = USER_PREFIX };
        size_t size = strlen(USER_PREFIX);

        text_escape(name, strlen(name), reader.user + size, sizeof(reader.user) - size);
        return read_row_ports(row, add_host_port, &reader);
}

static int compare_host_ports(const void *a, const void *b) {
        const HostPort *x = a, *y = b;
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
        return r ? r : strcmp(((const HostPort *) a)->user, ((const HostPort *) b)->user);
}

void docker_ports_sort(DockerPorts *ports) {
        size_t n = 0;

        if (ports->n_items < 2)
                return;
        qsort(ports->items, ports->n_items, sizeof(HostPort), compare_host_ports_and_users);
        for (size_t i = 1; i < ports->n_items; i++)
                if (compare_host_ports(&ports->items[n], &ports->items[i]) != 0)
                        ports->items[++n] = ports->items[i];
        ports->n_items = n + 1;
}

void docker_ports_done(DockerPorts *ports) {
        free(ports->items);
        *ports = (DockerPorts) {};
}
