/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/docker/decode.h"
#include "daemon/docker/json.h"
#include "daemon/docker/label-prefix.h"
#include "daemon/docker/timestamp.h"

static int copy_id(const cJSON *json, Container **ret) {
        const char *id = json_text(json, "Id");
        Container *container;

        if (!id || !container_id_is_valid(id))
                return -EBADMSG;
        container = container_new(id);
        if (!container)
                return -ENOMEM;
        *ret = container;
        return 0;
}

/* Labels. */

static int compare_labels(const void *a, const void *b) {
        return strcmp(((const ContainerLabel *) a)->key, ((const ContainerLabel *) b)->key);
}

static int copy_label(Container *container, size_t *capacity, const char *key, const char *value) {
        ContainerLabel *label;
        int r;

        r = array_insert_gap(&container->labels, &container->n_labels, capacity, container->n_labels, sizeof(*label));
        if (r < 0)
                return r;
        label = &container->labels[container->n_labels - 1];
        label->value_size = strlen(value);
        label->key = strdup(key);
        label->value = strndup(value, CONTAINER_LABEL_SIZE_MAX);
        if (!label->key || !label->value)
                return -ENOMEM;
        if (label->value_size > CONTAINER_LABEL_SIZE_MAX)
                container->truncated = true;
        return 0;
}

static int decode_labels(const cJSON *labels, Container *container) {
        const cJSON *label;
        size_t capacity = 0;
        int r;

        cJSON_ArrayForEach(label, labels) {
                const char *value = cJSON_GetStringValue(label);

                if (!is_label_of_ours(label->string))
                        continue;
                /* A key that is cut would be another key. */
                if (!value || container->n_labels == CONTAINER_LABELS_MAX ||
                    strlen(label->string) > CONTAINER_LABEL_SIZE_MAX) {
                        container->truncated = true;
                        continue;
                }
                r = copy_label(container, &capacity, label->string, value);
                if (r < 0)
                        return r;
        }
        if (container->n_labels > 1)
                qsort(container->labels, container->n_labels, sizeof(ContainerLabel), compare_labels);
        return 0;
}

/* Networks. */

static int compare_networks(const void *a, const void *b) {
        return strcmp(((const ContainerNetwork *) a)->name, ((const ContainerNetwork *) b)->name);
}

static bool address_is_zero(const Address *address) {
        static const uint8_t zero[sizeof(address->bytes)];

        return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

/* "" is how Docker writes that there is none; an address of only zero bits is none either. */
static Address decode_address(const cJSON *json, const char *name, uint8_t family) {
        const char *text = json_text(json, name);
        Address address;

        if (!text || address_parse(text, &address) < 0 || address.family != family ||
            address_is_zero(&address))
                return (Address) {};
        return address;
}

/* "02:42:ac:11:00:02"; anything else is no address. */
static void decode_mac(const char *text, uint8_t mac[static MAC_SIZE]) {
        static const char digits[] = "0123456789abcdef";
        uint8_t bytes[MAC_SIZE] = {};

        if (!text || strlen(text) != MAC_SIZE * 3 - 1)
                return;
        for (size_t i = 0; i < MAC_SIZE * 3 - 1; i++) {
                const char *digit = strchr(digits, tolower((unsigned char) text[i]));

                if (i % 3 == 2 ? text[i] != ':' : !digit)
                        return;
                if (i % 3 < 2)
                        bytes[i / 3] = (uint8_t) (bytes[i / 3] << 4 | (digit - digits));
        }
        memcpy(mac, bytes, MAC_SIZE);
}

static int decode_network(const cJSON *json, ContainerNetwork *network) {
        int r;

        network->name = strdup(json->string);
        if (!network->name)
                return -ENOMEM;
        r = json_copy_text(json, "NetworkID", &network->id);
        if (r >= 0)
                r = json_copy_text(json, "EndpointID", &network->endpoint_id);
        if (r < 0)
                return r;
        network->ipv4 = decode_address(json, "IPAddress", AF_INET);
        network->ipv6 = decode_address(json, "GlobalIPv6Address", AF_INET6);
        network->gateway4 = decode_address(json, "Gateway", AF_INET);
        network->gateway6 = decode_address(json, "IPv6Gateway", AF_INET6);
        decode_mac(json_text(json, "MacAddress"), network->mac);
        return 0;
}

static int decode_networks(const cJSON *settings, Container *container) {
        const cJSON *networks, *network;
        size_t capacity = 0;
        int r;

        r = json_container(settings, "Networks", cJSON_Object, &networks);
        if (r < 0)
                return r;
        cJSON_ArrayForEach(network, networks) {
                if (!cJSON_IsObject(network) && !cJSON_IsNull(network))
                        return -EBADMSG;
                if (container->n_networks == CONTAINER_NETWORKS_MAX || strlen(network->string) > JSON_TEXT_SIZE_MAX) {
                        container->truncated = true;
                        continue;
                }
                r = array_insert_gap(&container->networks, &container->n_networks, &capacity, container->n_networks,
                                     sizeof(ContainerNetwork));
                if (r >= 0)
                        r = decode_network(network, &container->networks[container->n_networks - 1]);
                if (r < 0)
                        return r;
        }
        if (container->n_networks > 1)
                qsort(container->networks, container->n_networks, sizeof(ContainerNetwork), compare_networks);
        return 0;
}

/* Published ports. The list and the inspect say them in different shapes; sorted and each once, they compare. */

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

/* All addresses are written "0.0.0.0", "::", or "" (Podman): for us AF_UNSPEC. */
static int decode_host(const char *text, Address *ret) {
        Address address = {};

        if (text && *text && address_parse(text, &address) < 0)
                return -EINVAL;
        *ret = address_is_zero(&address) ? (Address) {} : address;
        return 0;
}

static int add_published(PublishedPorts *ports, const char *host, Protocol protocol, int64_t port) {
        Container *container = ports->container;
        Address address;
        int r;

        /* Twice as many, for most are there for IPv4 and for IPv6, and become one. */
        if (protocol == _PROTOCOL_INVALID || port < 1 || port > UINT16_MAX || decode_host(host, &address) < 0 ||
            container->n_published == 2 * CONTAINER_PUBLISHED_MAX) {
                container->truncated = true;
                return 0;
        }
        r = array_reserve(&container->published, &ports->capacity, container->n_published + 1, sizeof(PublishedPort));
        if (r < 0)
                return r;
        container->published[container->n_published++] = (PublishedPort) {
                .host = address,
                .protocol = protocol,
                .port = (uint16_t) port,
        };
        return 0;
}

/* [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]; without PublicPort it is only exposed. */
static int decode_row_ports(const cJSON *json, Container *container) {
        PublishedPorts ports = { .container = container };
        const cJSON *list, *item;
        int r;

        r = json_container(json, "Ports", cJSON_Array, &list);
        if (r < 0)
                return r;
        cJSON_ArrayForEach(item, list) {
                int64_t port = json_integer(item, "PublicPort");
                const char *type = json_text(item, "Type");

                if (port == 0)
                        continue;
                r = add_published(&ports, json_text(item, "IP"),
                                  type ? protocol_from_string(type, strlen(type)) : _PROTOCOL_INVALID, port);
                if (r < 0)
                        return r;
        }
        sort_published(container);
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
static int decode_inspect_ports(const cJSON *settings, Container *container) {
        PublishedPorts ports = { .container = container };
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
                        r = add_published(&ports, json_text(binding, "HostIp"), protocol,
                                          decode_port(json_text(binding, "HostPort")));
                        if (r < 0)
                                return r;
                }
        }
        sort_published(container);
        return 0;
}

/* State and health. */

static const struct {
        const char *name;
        ContainerState state;
} row_states[] = {
        { "running", CONTAINER_RUNNING },   { "paused", CONTAINER_PAUSED },
        { "restarting", CONTAINER_RESTARTING },
        { "created", CONTAINER_STOPPED },   { "exited", CONTAINER_STOPPED },
        { "dead", CONTAINER_STOPPED },      { "removing", CONTAINER_STOPPED },
        /* Podman */
        { "configured", CONTAINER_STOPPED }, { "initialized", CONTAINER_STOPPED },
        { "stopping", CONTAINER_STOPPED },  { "stopped", CONTAINER_STOPPED },
};

static int decode_row_state(const char *text, ContainerState *ret) {
        for (size_t i = 0; text && i < ELEMENTSOF(row_states); i++)
                if (strcmp(row_states[i].name, text) == 0) {
                        *ret = row_states[i].state;
                        return 0;
                }
        return -EBADMSG;
}

/* In an inspect, a restarting or paused container is running as well. */
static int decode_inspect_state(const cJSON *state, ContainerState *ret) {
        if (!cJSON_IsBool(json_member(state, "Running")))
                return -EBADMSG;
        if (json_is_true(state, "Restarting"))
                *ret = CONTAINER_RESTARTING;
        else if (json_is_true(state, "Paused"))
                *ret = CONTAINER_PAUSED;
        else if (json_is_true(state, "Running"))
                *ret = CONTAINER_RUNNING;
        else
                *ret = CONTAINER_STOPPED;
        return 0;
}

static ContainerHealth decode_health(const cJSON *health) {
        const char *status = json_text(health, "Status");

        if (!status)
                return HEALTH_UNKNOWN;
        if (strcmp(status, "healthy") == 0)
                return HEALTH_HEALTHY;
        if (strcmp(status, "unhealthy") == 0)
                return HEALTH_UNHEALTHY;
        if (strcmp(status, "starting") == 0)
                return HEALTH_STARTING;
        return *status == '\0' || strcmp(status, "none") == 0 ? HEALTH_NONE : HEALTH_UNKNOWN;
}

/* The whole. */

static int copy_name(const char *text, Container *container) {
        if (!text)
                text = "";
        container->name = strndup(*text == '/' ? text + 1 : text, JSON_TEXT_SIZE_MAX);
        return container->name ? 0 : -ENOMEM;
}

/* A container that others have links to (--link) has names like "/other/alias" beside its own "/name". */
static const char *find_own_name(const cJSON *names) {
        const cJSON *name;

        cJSON_ArrayForEach(name, names) {
                const char *text = cJSON_GetStringValue(name);

                if (text && *text && !strchr(text + 1, '/'))
                        return text;
        }
        return NULL;
}

/* What both shapes have in common. */
static int decode_common(const cJSON *json, const cJSON *labels_of, Container *container) {
        const cJSON *labels, *settings, *host_config;
        int r;

        if (json_container(labels_of, "Labels", cJSON_Object, &labels) < 0 ||
            json_container(json, "NetworkSettings", cJSON_Object, &settings) < 0 ||
            json_container(json, "HostConfig", cJSON_Object, &host_config) < 0)
                return -EBADMSG;
        r = decode_labels(labels, container);
        if (r >= 0)
                r = decode_networks(settings, container);
        if (r >= 0)
                r = json_copy_text(host_config, "NetworkMode", &container->network_mode);
        return r;
}

static int decode_row(const cJSON *json, Container *container) {
        const cJSON *names;
        int r;

        if (json_container(json, "Names", cJSON_Array, &names) < 0 ||
            !cJSON_IsNumber(json_member(json, "Created")) ||
            decode_row_state(json_text(json, "State"), &container->state) < 0)
                return -EBADMSG;
        container->created = json_integer(json, "Created");
        container->health = decode_health(json_member(json, "Health"));
        r = copy_name(find_own_name(names), container);
        if (r >= 0)
                r = json_copy_text(json, "ImageID", &container->image_id);
        if (r >= 0)
                r = decode_common(json, json, container);
        if (r >= 0)
                r = decode_row_ports(json, container);
        return r;
}

static int decode_inspect(const cJSON *json, Container *container) {
        const cJSON *state = json_member(json, "State"), *health = json_member(state, "Health");
        const cJSON *config = json_member(json, "Config");
        const char *created = json_text(json, "Created"), *started = json_text(state, "StartedAt");
        Timestamp timestamp;
        int r;

        if (!created || timestamp_parse(created, &timestamp) < 0 || !cJSON_IsObject(config) ||
            decode_inspect_state(state, &container->state) < 0)
                return -EBADMSG;
        container->created = timestamp.seconds;
        if (started && timestamp_parse(started, &timestamp) >= 0)
                container->started = timestamp_to_nanoseconds(&timestamp);
        container->health = health ? decode_health(health) : HEALTH_NONE;
        r = copy_name(json_text(json, "Name"), container);
        if (r >= 0)
                r = json_copy_text(json, "Image", &container->image_id);
        if (r >= 0)
                r = decode_common(json, config, container);
        if (r >= 0)
                r = decode_inspect_ports(json_member(json, "NetworkSettings"), container);
        return r;
}

static int decode_object(const char *text, size_t size, int (*decode)(const cJSON *json, Container *container),
                         Container **ret) {
        _cleanup_(container_freep) Container *container = NULL;
        _cleanup_(json_freep) cJSON *json = NULL;
        int r;

        r = json_parse(text, size, &json);
        if (r >= 0)
                r = copy_id(json, &container);
        if (r >= 0)
                r = decode(json, container);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(container);
        return 1;
}

int docker_row_decode(const char *text, size_t size, Container **ret) {
        return decode_object(text, size, decode_row, ret);
}

int docker_inspect_decode(const char *text, size_t size, Container **ret) {
        return decode_object(text, size, decode_inspect, ret);
}
