/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The endpoints of our host: what is told of them, and when. */

#include "tests/etcd/harness.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKLOAD "/calico/v1/host/node1/workload"

/* Waits for the i-th thing that was told. */
static void expect(Cluster *cluster, size_t i, const char *what) {
        Host *host = &cluster->hosts[0];

        cluster_wait(cluster, host->n_endpoints > i);
        assert_string_equal(host->endpoints[i], what);
}

static bool was_told(const Host *host, const char *what) {
        for (size_t i = 0; i < host->n_endpoints; i++)
                if (strcmp(host->endpoints[i], what) == 0)
                        return true;
        return false;
}

static void test_both_networks(void **state) {
        Cluster *cluster = *state;
        Host *host;

        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "\"web\"");
        put_libnetwork_endpoint(cluster, "node2", "e9", "192.168.0.9", "\"web\"");
        host = cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        expect(cluster, 0, "e1 192.168.0.1 web");
        cluster_wait(cluster, host->connected == 1);
        put_docker_endpoint(cluster, "node1", "u2", "192.168.0.2", "");
        expect(cluster, 1, "u2 192.168.0.2  in d0c5");
        /* container ip add, profile append */
        put_docker_endpoint(cluster, "node1", "u2", "192.168.0.3", "\"a\", \"b\"");
        expect(cluster, 2, "u2 192.168.0.3 a,b in d0c5");
        delete_endpoint(cluster, "node1", "e1");
        expect(cluster, 3, "-e1");
        /* As calicoctl removes a workload: with all that is below it. */
        assert_true(api_delete(&cluster->server, WORKLOAD "/docker"));
        expect(cluster, 4, "-u2 in d0c5");
        assert_int_equal(host->n_endpoints, 5);
        /* The other host's was never told. */
}

/* What is no endpoint of a container's is passed by, and what cannot be read is said to be so. */
static void test_bad_records(void **state) {
        static const char *const others[] = {
                WORKLOAD "/docker/short/endpoint/x1",
                WORKLOAD "/libnetwork/other/endpoint/x2",
                WORKLOAD "/openstack/vm/endpoint/x3",
                WORKLOAD "/libnetwork/libnetwork/endpoint/x4/more",
                WORKLOAD "/libnetwork/libnetwork/other/x5",
                WORKLOAD "/libnetwork/libnetwork/endpoint/a%20b",
        };
        Cluster *cluster = *state;
        size_t size = 1 << 20;
        char *large = malloc(size + 1);

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                api_put(&cluster->server, others[i], "{}");
        (void) cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        put_libnetwork_endpoint(cluster, "node1", "e1", "127.0.0.1", "");
        expect(cluster, 0, "e1 ! one of its addresses is none that a container can have");
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        expect(cluster, 1, "e1 192.168.0.1 ");
        api_put(&cluster->server, WORKLOAD "/libnetwork/libnetwork/endpoint/e1", "{\"state\":[]}");
        expect(cluster, 2, "e1 ! its state is neither active nor inactive");
        memset(large, ' ', size);
        large[size] = '\0';
        api_put(&cluster->server, WORKLOAD "/libnetwork/libnetwork/endpoint/e1", large);
        expect(cluster, 3, "e1 ! it is over 256 KiB");
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        expect(cluster, 4, "e1 192.168.0.1 ");
        free(large);
}

/* The history that the watch would go on from is gone while the datastore is stopped or busy. */
static void test_history_gone(void **state) {
        Cluster *cluster = *state;
        Host *host;

        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        put_libnetwork_endpoint(cluster, "node1", "e2", "192.168.0.2", "");
        put_libnetwork_endpoint(cluster, "node1", "e3", "192.168.0.3", "");
        host = cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        cluster_wait(cluster, host->connected == 1);
        assert_int_equal(host->n_endpoints, 3);
        /* Nobody turns the loop: the watch gets the first of these at most, and is too late for what follows. */
        put_libnetwork_endpoint(cluster, "node1", "e2", "192.168.0.7", "");
        for (unsigned i = 0; i < 1100; i++)
                api_put(&cluster->server, "/busy", "x");
        delete_endpoint(cluster, "node1", "e3");
        put_libnetwork_endpoint(cluster, "node1", "e2", "192.168.0.8", "");
        put_libnetwork_endpoint(cluster, "node1", "e4", "192.168.0.4", "");
        for (unsigned i = 0; i < 1100; i++)
                api_put(&cluster->server, "/busy", "x");
        cluster_wait(cluster, was_told(host, "e2 192.168.0.8 ") && was_told(host, "-e3") &&
                                      was_told(host, "e4 192.168.0.4 "));
        assert_int_equal(host->disconnected, 0);
}

static void test_datastore_restarted(void **state) {
        Cluster *cluster = *state;
        Host *host;

        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        host = cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        expect(cluster, 0, "e1 192.168.0.1 ");
        for (unsigned i = 1; i <= 3; i++) {
                char ip[32], told[64];

                cluster_wait(cluster, host->connected == i);
                server_kill(&cluster->server, i == 2 ? SIGTERM : SIGKILL);
                cluster_wait(cluster, host->disconnected >= i);
                /* What is not known is not gone. */
                assert_int_equal(host->n_endpoints, i);
                server_run(&cluster->server);
                snprintf(ip, sizeof(ip), "192.168.1.%u", i);
                put_libnetwork_endpoint(cluster, "node1", "e1", ip, "");
                snprintf(told, sizeof(told), "e1 %s ", ip);
                cluster_wait(cluster, host->n_endpoints > i);
                assert_string_equal(host->endpoints[host->n_endpoints - 1], told);
                host->disconnected = i;
        }
}

/* Data lost: a store that begins anew, and counts from 1. */
static void test_datastore_emptied(void **state) {
        Cluster *cluster = *state;
        Host *host;

        for (unsigned i = 0; i < 100; i++)
                api_put(&cluster->server, "/busy", "x");
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        host = cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        cluster_wait(cluster, host->connected == 1);
        server_kill(&cluster->server, SIGKILL);
        netns_run("rm -r %s/data", cluster->server.directory);
        server_run(&cluster->server);
        expect(cluster, 1, "-e1");
        put_libnetwork_endpoint(cluster, "node1", "e2", "192.168.0.2", "");
        expect(cluster, 2, "e2 192.168.0.2 ");
}

/* Before the datastore is there at all. */
static void test_datastore_later(void **state) {
        Cluster *cluster = *state;
        Host *host;

        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "");
        server_kill(&cluster->server, SIGKILL);
        host = cluster_start(cluster, 0, CALICO_SCOPE_ENDPOINT);
        cluster_wait(cluster, host->disconnected == 1);
        assert_string_equal(host->reason, "http://127.0.0.1:4001: cannot connect: Connection refused");
        server_run(&cluster->server);
        expect(cluster, 0, "e1 192.168.0.1 ");
        cluster_wait(cluster, host->connected == 1);
        assert_int_equal(host->disconnected, 1);
}

static void test_bad_hostname(void **state) {
        static const char *const names[] = { "", ".", "..", "a/b", "a b" };
        static const CalicoHandlers handlers = {};
        Cluster *cluster = *state;
        const char *url = cluster->server.url;
        Calico *calico = NULL;

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                assert_int_equal(calico_new(cluster->event,
                                            &(CalicoOptions) { .endpoints = &url, .n_endpoints = 1,
                                                    .hostname = names[i] },
                                            &handlers, NULL, &calico),
                                 -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_both_networks),       TEST(test_bad_records),      TEST(test_history_gone),
                TEST(test_datastore_restarted), TEST(test_datastore_emptied), TEST(test_datastore_later),
                TEST(test_bad_hostname),
        };

        return cmocka_run_group_tests_name("endpoints", tests, cluster_enter, NULL);
}
