/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/model/builder.h"

#include <stdio.h>
#include <string.h>

const Policy open_policy = {
        .ports = &(PortRange) { 1, 65535 },
        .n_ports = 1,
        .localhost = true,
};

static void *must(void *pointer) {
        if (!pointer)
                abort();
        return pointer;
}

Address build_address(const char *text) {
        Address address = {};

        if (*text && address_parse(text, &address) < 0)
                abort();
        return address;
}

Container *build_container(unsigned number, const char *expose) {
        char id[CONTAINER_ID_SIZE + 1], name[16];
        Container *container;

        snprintf(id, sizeof(id), "%064x", number);
        snprintf(name, sizeof(name), "c%u", number);
        container = must(container_new(id));
        container->name = must(strdup(name));
        container->image_id = must(strdup("sha256:0"));
        container->network_mode = must(strdup("default"));
        container->created = number;
        container->health = HEALTH_NONE;
        if (expose)
                build_label(container, "calico.expose", expose);
        return container;
}

void build_label(Container *container, const char *key, const char *value) {
        size_t n = container->n_labels++;

        container->labels = must(realloc(container->labels, container->n_labels * sizeof(*container->labels)));
        container->labels[n] = (ContainerLabel) {
                .key = must(strdup(key)),
                .value = must(strdup(value)),
        };
}

void build_network(Container *container, const char *name, const char *ipv4, const char *ipv6, bool gateway) {
        size_t n = container->n_networks++;

        container->networks = must(realloc(container->networks, container->n_networks * sizeof(*container->networks)));
        container->networks[n] = (ContainerNetwork) {
                .name = must(strdup(name)),
                .id = must(strdup(name)),
                .endpoint_id = must(strdup("")),
                .ipv4 = build_address(ipv4),
                .ipv6 = build_address(ipv6),
                .has_gateway = gateway && (*ipv4 || *ipv6),
                .mac = { 2, 0x42, 0, 0, (uint8_t) (container->created >> 8), (uint8_t) container->created },
        };
}

Container *build_on_bridge(unsigned number, const char *expose) {
        Container *container = build_container(number, expose);
        char ipv4[ADDRESS_TEXT_SIZE], ipv6[ADDRESS_TEXT_SIZE];

        snprintf(ipv4, sizeof(ipv4), "172.17.%u.%u", number >> 8 & 0xff, number & 0xff);
        snprintf(ipv6, sizeof(ipv6), "fd00:d0c::%x", number);
        build_network(container, "bridge", ipv4, ipv6, true);
        return container;
}
