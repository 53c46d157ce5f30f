/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/docker/decode-parts.h"
#include "daemon/docker/timestamp.h"

#define SHORT_ID_SIZE 12 /* as Docker shows it */

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

/* Networks. */

static int compare_networks(const void *a, const void *b) {
        return strcmp(((const ContainerNetwork *) a)->name, ((const ContainerNetwork *) b)->name);
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
        Address gateway4, gateway6;
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
        gateway4 = decode_address(json, "Gateway", AF_INET);
        gateway6 = decode_address(json, "IPv6Gateway", AF_INET6);
        network->has_gateway = address_is_set(&gateway4) || address_is_set(&gateway6);
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
        array_sort(container->networks, container->n_networks, sizeof(ContainerNetwork), compare_networks);
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

/* Before API 1.52 a row has no Health, but says it behind its Status: "Up 9 seconds (healthy)", "(unhealthy)", "(health:
 * starting)" (moby, container/state.go). What else is there says nothing of it. */
static ContainerHealth decode_row_health(const cJSON *row) {
        static const struct {
                const char *end;
                ContainerHealth health;
        } ends[] = {
                { "(healthy)", HEALTH_HEALTHY },
                { "(unhealthy)", HEALTH_UNHEALTHY },
                { "(health: starting)", HEALTH_STARTING },
        };
        const cJSON *health = json_member(row, "Health");
        const char *status = json_text(row, "Status");

        if (health)
                return decode_health(health);
        for (size_t i = 0; status && i < ELEMENTSOF(ends); i++) {
                size_t size = strlen(status), end = strlen(ends[i].end);

                if (size >= end && strcmp(status + size - end, ends[i].end) == 0)
                        return ends[i].health;
        }
        return HEALTH_UNKNOWN;
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

static int decode_labels_of(const cJSON *json, Container *container) {
        const cJSON *labels;
        int r;

        r = json_container(json, "Labels", cJSON_Object, &labels);
        return r < 0 ? r : decode_labels(labels, &container->labels, &container->n_labels, &container->labels_dropped,
                                           &container->truncated);
}

/* What both shapes have in common beside the labels. */
static int decode_common(const cJSON *json, Container *container) {
        const cJSON *settings, *host_config;
        int r;

        if (json_container(json, "NetworkSettings", cJSON_Object, &settings) < 0 ||
            json_container(json, "HostConfig", cJSON_Object, &host_config) < 0)
                return -EBADMSG;
        r = decode_networks(settings, container);
        if (r >= 0)
                r = json_copy_text(host_config, "NetworkMode", &container->network_mode);
        return r;
}

static int decode_own_host_ports(const cJSON *json, const Container *container, DockerPorts *ports) {
        char short_id[SHORT_ID_SIZE + 1];

        if (*container->name)
                return decode_row_host_ports(json, container->id, container->name, ports);
        snprintf(short_id, sizeof(short_id), "%.*s", SHORT_ID_SIZE, container->id);
        return decode_row_host_ports(json, container->id, short_id, ports);
}

/* What is asked of containers without a label, too. */
static int decode_row_basics(const cJSON *json, Container *container, DockerPorts *ports) {
        const cJSON *names;
        int r;

        if (json_container(json, "Names", cJSON_Array, &names) < 0 ||
            decode_row_state(json_text(json, "State"), &container->state) < 0)
                return -EBADMSG;
        r = copy_name(find_own_name(names), container);
        if (r >= 0 && container->state != CONTAINER_STOPPED)
                r = decode_own_host_ports(json, container, ports);
        if (r >= 0)
                r = decode_labels_of(json, container);
        return r;
}

static int decode_row_rest(const cJSON *json, Container *container) {
        int r;

        if (!cJSON_IsNumber(json_member(json, "Created")))
                return -EBADMSG;
        container->created = json_integer(json, "Created");
        container->health = decode_row_health(json);
        r = json_copy_text(json, "ImageID", &container->image_id);
        if (r >= 0)
                r = decode_common(json, container);
        return r;
}

static int32_t decode_pid(const cJSON *state) {
        int64_t pid = json_integer(state, "Pid");

        return pid > 0 && pid <= INT32_MAX ? (int32_t) pid : 0;
}

/* An engine that does not say here whose network it uses never will. */
static int settle_network_mode(Container *container) {
        if (container_knows_network_mode(container))
                return 0;
        free(container->network_mode);
        container->network_mode = strdup("default");
        return container->network_mode ? 0 : -ENOMEM;
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
        container->pid = decode_pid(state);
        container->health = health ? decode_health(health) : HEALTH_NONE;
        r = copy_name(json_text(json, "Name"), container);
        if (r >= 0)
                r = json_copy_text(json, "Image", &container->image_id);
        if (r >= 0)
                r = decode_labels_of(config, container);
        if (r >= 0)
                r = decode_common(json, container);
        return r < 0 ? r : settle_network_mode(container);
}

/* The ID is what both shapes must have. */
static int decode_start(const char *text, size_t size, cJSON **ret_json, Container **ret) {
        int r;

        r = json_parse(text, size, ret_json);
        return r < 0 ? r : copy_id(*ret_json, ret);
}

int docker_row_decode(const char *text, size_t size, DockerPorts *ports, Container **ret) {
        _cleanup_(container_freep) Container *container = NULL;
        _cleanup_(json_freep) cJSON *json = NULL;
        int r;

        r = decode_start(text, size, &json, &container);
        if (r >= 0)
                r = decode_row_basics(json, container, ports);
        if (r < 0 || container->n_labels == 0)
                return r;
        r = decode_row_rest(json, container);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(container);
        return 1;
}

int docker_inspect_decode(const char *text, size_t size, Container **ret) {
        _cleanup_(container_freep) Container *container = NULL;
        _cleanup_(json_freep) cJSON *json = NULL;
        int r;

        r = decode_start(text, size, &json, &container);
        if (r >= 0)
                r = decode_inspect(json, container);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(container);
        return 1;
}
