/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Scope=endpoint: profiles of our own are made, appended to the endpoints that need them, and removed with the last. */

#include "tests/etcd/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN "calico-exposed-tcp-80"
#define OWN_KEY "/calico/v1/policy/profile/" OWN
#define LEDGER_KEY "/calico-exposed/v1/profile/" OWN

static Host *start(Cluster *cluster, unsigned i) {
        Host *host = cluster_start(cluster, i, CALICO_SCOPE_ENDPOINT);

        host_set_needs(host);
        return host;
}

static void assert_value(Cluster *cluster, const char *key, const char *value) {
        _cleanup_free_ char *text = api_get(&cluster->server, key, NULL);

        assert_string_equal(text, value);
}

static void test_comes_and_goes(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        assert_string_equal(host->told[0].profile, OWN);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web," OWN);
        assert_string_equal(get_endpoint_profiles(cluster, "node2", "e2"), "web");
        assert_value(cluster, OWN_KEY "/tags", "[\"" OWN "\"]");
        assert_value(cluster, OWN_KEY "/labels", "{}");
        assert_value(cluster, OWN_KEY "/rules",
                     "{\"id\":\"" OWN "\",\"inbound_rules\":[" ALLOW("tcp", "80") "],\"outbound_rules\":[]}");
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        host->n_needs = 0;
        host_set_needs(host);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web");
        assert_false(key_exists(cluster, OWN_KEY));
}

static void test_shared_by_hosts(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *first = start(cluster, 0), *second = start(cluster, 1);

        host_add_need(first, "e1", PROTOCOL_TCP, 80);
        host_add_need(second, "e2", PROTOCOL_TCP, 80);
        host_set_needs(first);
        host_set_needs(second);
        cluster_wait(cluster, first->told[0].state == CALICO_IN_PLACE && second->told[0].state == CALICO_IN_PLACE);
        first->n_needs = 0;
        host_set_needs(first);
        cluster_settle(cluster);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web");
        assert_string_equal(get_endpoint_profiles(cluster, "node2", "e2"), "web," OWN);
        assert_true(key_exists(cluster, OWN_KEY));
        second->n_needs = 0;
        host_set_needs(second);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_false(key_exists(cluster, OWN_KEY));
}

/* Two host ports that lead to one port of the container: what was told of one of two equal needs holds on without the
 * other. */
static void test_needed_twice(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && host->told[1].state == CALICO_IN_PLACE);
        host_set_needs(host);
        assert_int_equal(host->told[0].state, CALICO_IN_PLACE);
        assert_int_equal(host->told[1].state, CALICO_IN_PLACE);
        host_remove_need(host, 0);
        host_set_needs(host);
        assert_int_equal(host->told[0].state, CALICO_IN_PLACE);
        cluster_settle(cluster);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web," OWN);
        host_remove_need(host, 0);
        host_set_needs(host);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
}

/* Whoever changes it, or takes it away: it is made again. */
static void test_made_again(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        api_put(&cluster->server, OWN_KEY "/rules",
                "{\"inbound_rules\":[{\"action\":\"allow\"}],\"outbound_rules\":[]}");
        cluster_wait(cluster, strcmp(get_inbound(cluster, OWN), "[" ALLOW("tcp", "80") "]") == 0);
        api_put(&cluster->server, OWN_KEY "/rules", "nonsense");
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, OWN), "[" ALLOW("tcp", "80") "]");
        assert_true(api_delete(&cluster->server, OWN_KEY));
        cluster_wait(cluster, strcmp(get_inbound(cluster, OWN), "[" ALLOW("tcp", "80") "]") == 0);
        assert_true(api_delete(&cluster->server, OWN_KEY "/tags"));
        cluster_wait(cluster, key_exists(cluster, OWN_KEY "/tags"));
        /* calicoctl container <c> profile set web */
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "\"web\"");
        cluster_wait(cluster, strcmp(get_endpoint_profiles(cluster, "node1", "e1"), "web," OWN) == 0);
}

/* Needed again while it is being taken out: an endpoint never has a profile that is not there. */
static void test_needed_again(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        for (unsigned i = 0; i < 20; i++) {
                host->n_needs = 1;
                host_set_needs(host);
                cluster_wait(cluster, strstr(get_endpoint_profiles(cluster, "node1", "e1"), OWN));
                assert_true(key_exists(cluster, OWN_KEY "/rules"));
                cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
                host->n_needs = 0;
                host_set_needs(host);
                cluster_wait(cluster, !strstr(get_endpoint_profiles(cluster, "node1", "e1"), OWN));
                /* Some turns of the loop later, ever more. */
                for (unsigned k = 0; k < i; k++)
                        assert_true(sd_event_run(cluster->event, 1000) >= 0);
        }
}

/* An endpoint without a profile, as `calicoctl container add` leaves it, and one whose record comes late and goes. */
static void test_records_come_and_go(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e3", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].times > 0);
        assert_int_equal(host->told[0].state, CALICO_PENDING);
        put_libnetwork_endpoint(cluster, "node1", "e3", "192.168.0.3", "");
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e3"), OWN);
        delete_endpoint(cluster, "node1", "e3");
        cluster_wait(cluster, host->told[0].state == CALICO_PENDING);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_false(key_exists(cluster, OWN_KEY));
}

static void test_limits(void **state) {
        Prefix from[2];
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        assert_int_equal(prefix_parse("192.0.2.0/24", &from[0]), 0);
        assert_int_equal(prefix_parse("2001:db8::/32", &from[1]), 0);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host->needs[1].from = from;
        host->needs[1].n_from = 2;
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && host->told[1].state == CALICO_IN_PLACE);
        assert_string_equal(get_inbound(cluster, OWN), "[" ALLOW("tcp", "80") "]");
        assert_ptr_equal(strstr(host->told[1].profile, OWN "-from-"), host->told[1].profile);
        assert_string_equal(get_inbound(cluster, host->told[1].profile),
                            "[{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"192.0.2.0/24\"},"
                            "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"2001:db8::/32\"}]");
        host->n_needs = 1;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web," OWN);
}

/* calico.expose.profile names the one that gets the rule. */
static void test_named_profile(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host->needs[0].profile = "web";
        host_add_need(host, "e1", PROTOCOL_TCP, 81);
        host->needs[1].profile = "a/b";
        host_add_need(host, "e1", PROTOCOL_TCP, 82);
        host->needs[2].profile = OWN;
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && host->told[1].state == CALICO_REFUSED &&
                                      host->told[2].state == CALICO_REFUSED);
        assert_string_equal(get_inbound(cluster, "web"),
                            "[{\"action\":\"allow\",\"src_tag\":\"web\"}," ALLOW("tcp", "80") "]");
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web");
}

/* What a daemon left that was killed, and whose containers went meanwhile. */
static void test_killed_anywhere(void **state) {
        Cluster *cluster = cluster_begin(state);

        cluster_kill_anywhere(cluster, CALICO_SCOPE_ENDPOINT);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY) && cluster_is_settled(cluster));
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web");
        assert_false(key_exists(cluster, OWN_KEY));
}

static void test_host_given_up(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        (void) start(cluster, 1);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        cluster_kill(cluster, 0);
        assert_true(api_delete(&cluster->server, "/calico-exposed/v1/host/node1"));
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_false(key_exists(cluster, OWN_KEY));
}

/* A daemon that changes its scope leaves nothing of the other. */
static void test_scope_changes(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        cluster_kill(cluster, 0);
        host = cluster_start(cluster, 0, CALICO_SCOPE_PROFILE);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && !key_exists(cluster, LEDGER_KEY));
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web");
        assert_false(key_exists(cluster, OWN_KEY));
        cluster_kill(cluster, 0);
        host = start(cluster, 0);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        cluster_settle(cluster);
        assert_string_equal(get_endpoint_profiles(cluster, "node1", "e1"), "web," OWN);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_comes_and_goes),      TEST(test_needed_twice), TEST(test_shared_by_hosts), TEST(test_made_again), TEST(test_needed_again),
                TEST(test_records_come_and_go), TEST(test_limits),          TEST(test_named_profile),
                TEST(test_killed_anywhere),     TEST(test_host_given_up),   TEST(test_scope_changes),
        };

        return cmocka_run_group_tests_name("scope-endpoint", tests, cluster_enter, NULL);
}
