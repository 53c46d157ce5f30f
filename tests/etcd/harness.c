/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/etcd/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 4001
#define SETTLE_USEC 200000

int cluster_enter(_unused_ void **state) {
        server_enter_namespace();
        return 0;
}

int cluster_setup(void **state) {
        Cluster *cluster = calloc(1, sizeof(*cluster));

        assert_non_null(cluster);
        assert_true(sd_event_new(&cluster->event) >= 0);
        server_start(&cluster->server, PORT, false);
        for (unsigned i = 0; i < HOSTS_MAX; i++)
                snprintf(cluster->hosts[i].name, sizeof(cluster->hosts[i].name), "node%u", i + 1);
        *state = cluster;
        return 0;
}

int cluster_teardown(void **state) {
        Cluster *cluster = *state;

        for (unsigned i = 0; i < HOSTS_MAX; i++)
                cluster_kill(cluster, i);
        sd_event_unref(cluster->event);
        server_done(&cluster->server);
        free(cluster);
        return 0;
}

/* What it is told. */

static void on_connected(void *userdata) {
        ((Host *) userdata)->connected++;
}

static void on_disconnected(void *userdata, const char *reason) {
        Host *host = userdata;

        host->disconnected++;
        snprintf(host->reason, sizeof(host->reason), "%s", reason);
}

static void write_list(FILE *file, const CalicoEndpoint *endpoint) {
        char text[ADDRESS_TEXT_SIZE];

        fprintf(file, "%s ", endpoint->id);
        for (size_t i = 0; i < endpoint->n_addresses; i++)
                fprintf(file, "%s%s", i > 0 ? "," : "", address_format(&endpoint->addresses[i], text));
        fputc(' ', file);
        for (size_t i = 0; i < endpoint->n_profiles; i++)
                fprintf(file, "%s%s", i > 0 ? "," : "", endpoint->profiles[i]);
}

static void on_endpoint(void *userdata, const CalicoEndpoint *endpoint, bool gone) {
        Host *host = userdata;
        size_t size;
        FILE *file;

        assert_true(host->n_endpoints < ELEMENTSOF(host->endpoints));
        file = open_memstream(&host->endpoints[host->n_endpoints++], &size);
        if (gone)
                fprintf(file, "-%s", endpoint->id);
        else if (*endpoint->reason)
                fprintf(file, "%s ! %s", endpoint->id, endpoint->reason);
        else
                write_list(file, endpoint);
        if (*endpoint->container)
                fprintf(file, " in %.4s", endpoint->container);
        fclose(file);
}

static void on_outcome(void *userdata, size_t i, const CalicoOutcome *outcome) {
        Host *host = userdata;
        Told *told = &host->told[i];

        told->state = outcome->state;
        told->warning = outcome->warning;
        told->times++;
        snprintf(told->profile, sizeof(told->profile), "%s", outcome->profile);
        snprintf(told->reason, sizeof(told->reason), "%s", outcome->reason);
}

static void on_warning(void *userdata, _unused_ const char *text) {
        ((Host *) userdata)->warnings++;
}

Host *cluster_start(Cluster *cluster, unsigned i, CalicoScope scope) {
        static const CalicoHandlers handlers = { on_connected, on_disconnected, on_endpoint, on_outcome, on_warning };
        Host *host = &cluster->hosts[i];
        const char *endpoint = cluster->server.url;
        const CalicoOptions options = {
                .endpoints = &endpoint,
                .n_endpoints = 1,
                .hostname = host->name,
                .scope = scope,
        };

        assert_int_equal(calico_new(cluster->event, &options, &handlers, host, &host->calico), 0);
        calico_set_settle(host->calico, SETTLE_USEC);
        return host;
}

void cluster_kill(Cluster *cluster, unsigned i) {
        Host *host = &cluster->hosts[i];

        host->calico = calico_free(host->calico);
        while (host->n_endpoints > 0)
                free(host->endpoints[--host->n_endpoints]);
        memset(host->told, 0, sizeof(host->told));
        host->connected = host->disconnected = 0;
}

void host_set_needs(Host *host) {
        if (!host->calico)
                return;
        assert_int_equal(calico_set_needs(host->calico, host->needs, host->n_needs), 0);
        for (size_t i = 0; i < host->n_needs; i++) {
                CalicoOutcome outcome = calico_get_outcome(host->calico, i);

                host->told[i].state = outcome.state;
        }
}

void host_add_need(Host *host, const char *endpoint, Protocol protocol, uint16_t port) {
        assert_true(host->n_needs < NEEDS_MAX);
        host->needs[host->n_needs++] = (CalicoNeed) {
                .endpoint = endpoint,
                .protocol = protocol,
                .ports = { port, port },
        };
}

void host_remove_need(Host *host, size_t i) {
        memmove(&host->needs[i], &host->needs[i + 1], (host->n_needs - i - 1) * sizeof(host->needs[0]));
        host->n_needs--;
}

bool cluster_is_settled(const Cluster *cluster) {
        for (unsigned i = 0; i < HOSTS_MAX; i++)
                if (cluster->hosts[i].calico && !calico_is_settled(cluster->hosts[i].calico))
                        return false;
        return true;
}

void cluster_settle(Cluster *cluster) {
        /* What one host writes last the others are told a moment later. */
        uint64_t quiet = 0;

        cluster_wait(cluster, ({
                             if (!cluster_is_settled(cluster))
                                     quiet = now_usec();
                             now_usec() - quiet > UINT64_C(3) * SETTLE_USEC;
                     }));
}

/* Records. */

static const char *docker_key(const char *host, const char *endpoint, char buffer[static 512]) {
        snprintf(buffer, 512,
                 "/calico/v1/host/%s/workload/docker/"
                 "d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5d0c5/endpoint/%s",
                 host, endpoint);
        return buffer;
}

static const char *libnetwork_key(const char *host, const char *endpoint, char buffer[static 512]) {
        snprintf(buffer, 512, "/calico/v1/host/%s/workload/libnetwork/libnetwork/endpoint/%s", host, endpoint);
        return buffer;
}

static void put_endpoint(Cluster *cluster, const char *key, const char *address, const char *profiles) {
        char value[1024];

        snprintf(value, sizeof(value),
                 "{\"state\": \"active\", \"name\": \"calif2a1b3c4d5e\", \"mac\": \"EE:EE:EE:EE:EE:EE\", "
                 "\"profile_ids\": [%s], \"ipv4_nets\": [\"%s/32\"], \"ipv6_nets\": [], \"ipv4_gateway\": null, "
                 "\"serial\": 9007199254740993}",
                 profiles, address);
        api_put(&cluster->server, key, value);
}

void put_docker_endpoint(Cluster *cluster, const char *host, const char *endpoint, const char *address,
                         const char *profiles) {
        char key[512];

        put_endpoint(cluster, docker_key(host, endpoint, key), address, profiles);
}

void put_libnetwork_endpoint(Cluster *cluster, const char *host, const char *endpoint, const char *address,
                             const char *profiles) {
        char key[512];

        put_endpoint(cluster, libnetwork_key(host, endpoint, key), address, profiles);
}

void delete_endpoint(Cluster *cluster, const char *host, const char *endpoint) {
        char key[512];

        assert_true(api_delete(&cluster->server, libnetwork_key(host, endpoint, key)));
}

const char *get_endpoint_profiles(Cluster *cluster, const char *host, const char *endpoint) {
        static char list[1024];
        char key[512];
        _cleanup_free_ char *value = api_get(&cluster->server, libnetwork_key(host, endpoint, key), NULL);
        cJSON *json = cJSON_Parse(value), *item;

        list[0] = '\0';
        assert_non_null(json);
        /* What nobody here knows is never touched. */
        assert_non_null(strstr(value, "\"ipv4_gateway\": null, \"serial\": 9007199254740993}"));
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "profile_ids"))
                snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", *list ? "," : "", item->valuestring);
        cJSON_Delete(json);
        return list;
}

void put_profile(Cluster *cluster, const char *profile) {
        char key[512], value[512];

        snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s/tags", profile);
        snprintf(value, sizeof(value), "[\"%s\"]", profile);
        api_put(&cluster->server, key, value);
        snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s/labels", profile);
        api_put(&cluster->server, key, "{}");
        snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s/rules", profile);
        snprintf(value, sizeof(value),
                 "{\"id\": \"%s\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"%s\"}], "
                 "\"outbound_rules\": [{\"action\": \"allow\"}]}",
                 profile, profile);
        api_put(&cluster->server, key, value);
}

const char *get_inbound(Cluster *cluster, const char *profile) {
        static char list[65536];
        char key[512], *text;
        _cleanup_free_ char *value = NULL;
        cJSON *json;

        snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s/rules", profile);
        value = api_get(&cluster->server, key, NULL);
        if (!value)
                return "-";
        json = cJSON_Parse(value);
        assert_non_null(json);
        text = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, "inbound_rules"));
        snprintf(list, sizeof(list), "%s", text);
        free(text);
        cJSON_Delete(json);
        return list;
}

bool key_exists(Cluster *cluster, const char *key) {
        Reply reply = api_call(&cluster->server, "GET", key, NULL);
        bool found = reply.status == 200;

        reply_done(&reply);
        return found;
}

Cluster *cluster_begin(void **state) {
        Cluster *cluster = *state;

        put_profile(cluster, "web");
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "\"web\"");
        put_libnetwork_endpoint(cluster, "node2", "e2", "192.168.0.2", "\"web\"");
        return cluster;
}

void cluster_kill_anywhere(Cluster *cluster, CalicoScope scope) {
        Host *host = &cluster->hosts[0];

        for (unsigned turns = 0; turns < 24; turns++) {
                (void) cluster_start(cluster, 0, scope);
                host->n_needs = 0;
                if (turns % 2 == 0)
                        host_add_need(host, "e1", PROTOCOL_TCP, 80);
                host_set_needs(host);
                for (unsigned i = 0; i < turns * 3; i++)
                        assert_true(sd_event_run(cluster->event, 1000) >= 0);
                cluster_kill(cluster, 0);
        }
        host->n_needs = 0;
        host_set_needs(cluster_start(cluster, 0, scope));
}
