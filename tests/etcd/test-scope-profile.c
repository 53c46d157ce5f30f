/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Scope=profile: the rule goes into the endpoint's own profile, and out again when nobody on any host needs it. */

#include "tests/etcd/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_KEY "/calico/v1/policy/profile/web/rules"
#define LEDGER_KEY "/calico-exposed/v1/profile/web"
#define WITH(rule) "[{\"action\":\"allow\",\"src_tag\":\"web\"}," rule "]"
#define HTTP ALLOW("tcp", "80")

static Host *start(Cluster *cluster, unsigned i) {
        Host *host = cluster_start(cluster, i, CALICO_SCOPE_PROFILE);

        host_set_needs(host);
        return host;
}

static void test_rule_comes_and_goes(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        assert_string_equal(host->told[0].profile, "web");
        assert_string_equal(host->told[0].reason, "");
        assert_null(host->told[0].warning);
        assert_string_equal(get_inbound(cluster, "web"), WITH(HTTP));
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
}

/* The last to go takes it out, whichever host it is on. */
static void test_last_takes_it_out(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *first = start(cluster, 0), *second = start(cluster, 1);

        host_add_need(first, "e1", PROTOCOL_TCP, 80);
        host_add_need(second, "e2", PROTOCOL_TCP, 80);
        host_set_needs(first);
        host_set_needs(second);
        cluster_wait(cluster, first->told[0].state == CALICO_IN_PLACE && second->told[0].state == CALICO_IN_PLACE);
        assert_string_equal(get_inbound(cluster, "web"), WITH(HTTP));
        first->n_needs = 0;
        host_set_needs(first);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), WITH(HTTP));
        second->n_needs = 0;
        host_set_needs(second);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        assert_false(key_exists(cluster, LEDGER_KEY));
}

/* What calicoctl wrote, in its own style, is left as it is, byte for byte. */
static void test_others_bytes(void **state) {
        static const char before[] = "{ \"id\" : \"web\", \"inbound_rules\":[ {\"action\":\"allow\",\"icmp_type\":8.0e0, "
                                     "\"serial\":12345678901234567890} ],\t\"outbound_rules\": [], \"\\u0069d2\":null}";
        static const char after[] = "{ \"id\" : \"web\", \"inbound_rules\":[ {\"action\":\"allow\",\"icmp_type\":8.0e0, "
                                    "\"serial\":12345678901234567890}," HTTP " ],\t\"outbound_rules\": [], "
                                    "\"\\u0069d2\":null}";
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);
        char *text;

        api_put(&cluster->server, RULES_KEY, before);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        text = api_get(&cluster->server, RULES_KEY, NULL);
        assert_string_equal(text, after);
        free(text);
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        text = api_get(&cluster->server, RULES_KEY, NULL);
        assert_memory_equal(text, before, strlen(before));
        free(text);
}

static void put_rules(Cluster *cluster, const char *inbound) {
        char text[1024];

        snprintf(text, sizeof(text), "{\"id\": \"web\", \"inbound_rules\": %s, \"outbound_rules\": []}", inbound);
        api_put(&cluster->server, RULES_KEY, text);
}

/* A rule that a person had added before is used, and stays. */
static void test_persons_rule_stays(void **state) {
        static const char persons[] = "[{\"dst_ports\":[80],\"protocol\":\"tcp\",\"action\":\"allow\"}]";
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        put_rules(cluster, persons);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        assert_string_equal(get_inbound(cluster, "web"), persons);
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), persons);
        assert_false(key_exists(cluster, LEDGER_KEY));
}

/* A second copy beside ours is a person's. */
static void test_persons_copy_stays(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        put_rules(cluster, "[" HTTP ", " HTTP "]");
        cluster_settle(cluster);
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), "[" HTTP "]");
}

/* What is needed is put in again, for as long as it is needed. */
static void test_put_in_again(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        for (unsigned i = 0; i < 3; i++) {
                put_rules(cluster, "[{\"action\": \"deny\"}]");
                cluster_wait(cluster, strcmp(get_inbound(cluster, "web"), "[{\"action\":\"deny\"}," HTTP "]") == 0);
        }
        put_rules(cluster, "[]");
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), "[]");
}

/* calicoctl read the rules before ours went, and writes them back with an edit of its own after that. */
static void test_stale_write(void **state) {
        static const char stale[] = "[" HTTP ", {\"action\": \"deny\", \"protocol\": \"udp\"}]";
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        host->n_needs = 0;
        host_set_needs(host);
        cluster_wait(cluster, strcmp(get_inbound(cluster, "web"), OWN_INBOUND("web")) == 0);
        put_rules(cluster, stale);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), "[{\"action\":\"deny\",\"protocol\":\"udp\"}]");
        assert_false(key_exists(cluster, LEDGER_KEY));
}

/* Killed at any moment: what is left is taken up again. */
static void test_killed_anywhere(void **state) {
        Cluster *cluster = cluster_begin(state);

        cluster_kill_anywhere(cluster, CALICO_SCOPE_PROFILE);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        assert_false(key_exists(cluster, LEDGER_KEY));
}

/* Nothing is decided before all is known. */
static void test_restart_keeps(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);
        uint64_t before, after;

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        cluster_settle(cluster);
        free(api_get(&cluster->server, RULES_KEY, &before));
        cluster_kill(cluster, 0);
        host = cluster_start(cluster, 0, CALICO_SCOPE_PROFILE);
        cluster_wait(cluster, host->connected > 0);
        assert_int_equal(calico_is_settled(host->calico), false);
        host_set_needs(host);
        cluster_settle(cluster);
        assert_int_equal(host->told[0].state, CALICO_IN_PLACE);
        free(api_get(&cluster->server, RULES_KEY, &after));
        assert_int_equal(before, after);
}

static void test_no_profile(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        put_libnetwork_endpoint(cluster, "node1", "e3", "192.168.0.3", "\"absent\"");
        put_libnetwork_endpoint(cluster, "node1", "e4", "192.168.0.4", "");
        host_add_need(host, "e3", PROTOCOL_TCP, 80);
        host_add_need(host, "e4", PROTOCOL_TCP, 80);
        host_add_need(host, "e5", PROTOCOL_TCP, 80);
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host->needs[3].profile = "db";
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_REFUSED && host->told[1].state == CALICO_REFUSED &&
                                      host->told[3].state == CALICO_REFUSED);
        assert_string_equal(host->told[0].reason, "there is no profile absent in Calico's datastore");
        assert_string_equal(host->told[1].reason, "the endpoint has no profile: give it one with calicoctl");
        assert_int_equal(host->told[2].state, CALICO_PENDING);
        assert_string_equal(host->told[2].reason, "Calico's datastore has no record of the endpoint yet");
        assert_string_equal(host->told[3].reason, "the endpoint does not have the profile db");
        cluster_settle(cluster);
        assert_false(key_exists(cluster, "/calico/v1/policy/profile/absent"));
        assert_false(key_exists(cluster, "/calico/v1/policy/profile/db"));
        /* Nothing more is needed than what each waits for. */
        put_profile(cluster, "absent");
        put_libnetwork_endpoint(cluster, "node1", "e5", "192.168.0.5", "\"web\"");
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && host->told[2].state == CALICO_IN_PLACE);
}

/* Felix drops such a profile: nothing is written into it. */
static void test_unreadable_profile(void **state) {
        static const char *const texts[] = { "", "[]", "{", "{\"inbound_rules\":{},\"outbound_rules\":[]}",
                                             "{\"inbound_rules\":[]}",
                                                     "{\"inbound_rules\":[1],\"outbound_rules\":[]}" };
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        for (unsigned i = 0; i < ELEMENTSOF(texts); i++) {
                char *text;

                api_put(&cluster->server, RULES_KEY, texts[i]);
                host_set_needs(host);
                cluster_wait(cluster, host->told[0].state == CALICO_REFUSED);
                assert_ptr_equal(strstr(host->told[0].reason, "the rules of profile web cannot be read: "),
                                 host->told[0].reason);
                cluster_settle(cluster);
                text = api_get(&cluster->server, RULES_KEY, NULL);
                assert_string_equal(text, texts[i]);
                free(text);
                put_profile(cluster, "web");
                cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        }
}

static void test_unreadable_ledger(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);
        char *text;

        api_put(&cluster->server, LEDGER_KEY, "{\"rules\":[{}]}");
        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_REFUSED);
        assert_string_equal(host->told[0].reason, "the ledger " LEDGER_KEY " cannot be read");
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        text = api_get(&cluster->server, LEDGER_KEY, NULL);
        assert_string_equal(text, "{\"rules\":[{}]}");
        free(text);
}

static void test_limits_and_ranges(void **state) {
        Prefix from[2];
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        assert_int_equal(prefix_parse("192.0.2.0/24", &from[0]), 0);
        assert_int_equal(prefix_parse("2001:db8::/32", &from[1]), 0);
        host_add_need(host, "e1", PROTOCOL_UDP, 53);
        host->needs[0].from = from;
        host->needs[0].n_from = 2;
        host_add_need(host, "e1", PROTOCOL_TCP, 8000);
        host->needs[1].ports.last = 8002;
        host_add_need(host, "e1", PROTOCOL_TCP, 9000);
        host->needs[2].ports.last = 9999;
        host_add_need(host, "e1", PROTOCOL_SCTP, 36412);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE && host->told[1].state == CALICO_IN_PLACE &&
                                      host->told[2].state == CALICO_IN_PLACE && host->told[3].state == CALICO_IN_PLACE);
        assert_null(host->told[0].warning);
        assert_null(host->told[1].warning);
        assert_string_equal(host->told[2].warning, "a range of ports");
        assert_string_equal(host->told[3].warning, "SCTP");
        assert_string_equal(
                get_inbound(cluster, "web"),
                WITH(ALLOW("tcp", "8000,8001,8002") "," ALLOW("tcp", "\"9000:9999\"") ","
                     "{\"action\":\"allow\",\"protocol\":\"udp\",\"dst_ports\":[53],\"src_net\":\"192.0.2.0/24\"},"
                     "{\"action\":\"allow\",\"protocol\":\"udp\",\"dst_ports\":[53],\"src_net\":\"2001:db8::/32\"},"
                     ALLOW("sctp", "36412")));
        host->n_needs = 0;
        host_set_needs(host);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
}

/* A host that will never come back: its key is deleted, and the others give up its share. */
static void test_host_given_up(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *first = start(cluster, 0), *second = start(cluster, 1);

        host_add_need(first, "e1", PROTOCOL_TCP, 80);
        host_set_needs(first);
        cluster_wait(cluster, first->told[0].state == CALICO_IN_PLACE);
        cluster_settle(cluster);
        cluster_kill(cluster, 0);
        cluster_settle(cluster);
        assert_string_equal(get_inbound(cluster, "web"), WITH(HTTP));
        assert_true(api_delete(&cluster->server, "/calico-exposed/v1/host/node1"));
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
        /* Of one that lives it is made anew. */
        assert_true(api_delete(&cluster->server, "/calico-exposed/v1/host/node2"));
        cluster_wait(cluster, key_exists(cluster, "/calico-exposed/v1/host/node2"));
        (void) second;
}

/* And where nobody was there when it was deleted. */
static void test_host_given_up_unseen(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *first = start(cluster, 0);

        host_add_need(first, "e1", PROTOCOL_TCP, 80);
        host_set_needs(first);
        cluster_wait(cluster, first->told[0].state == CALICO_IN_PLACE);
        cluster_kill(cluster, 0);
        assert_true(api_delete(&cluster->server, "/calico-exposed/v1/host/node1"));
        (void) start(cluster, 1);
        cluster_wait(cluster, !key_exists(cluster, LEDGER_KEY));
        assert_string_equal(get_inbound(cluster, "web"), OWN_INBOUND("web"));
}

/* The datastore goes and comes: what was in place is said to be so, what is new waits. */
static void test_datastore_away(void **state) {
        Cluster *cluster = cluster_begin(state);
        Host *host = start(cluster, 0);

        host_add_need(host, "e1", PROTOCOL_TCP, 80);
        host_set_needs(host);
        cluster_wait(cluster, host->told[0].state == CALICO_IN_PLACE);
        server_kill(&cluster->server, SIGKILL);
        cluster_wait(cluster, strcmp(host->reason, "http://127.0.0.1:4001: cannot connect: Connection refused") == 0);
        host_add_need(host, "e1", PROTOCOL_TCP, 443);
        host_set_needs(host);
        cluster_wait(cluster, host->told[1].times > 0);
        assert_int_equal(host->told[0].state, CALICO_IN_PLACE);
        assert_int_equal(host->told[1].state, CALICO_PENDING);
        server_run(&cluster->server);
        cluster_wait(cluster, host->told[1].state == CALICO_IN_PLACE && host->connected == 2);
        assert_string_equal(get_inbound(cluster, "web"), WITH(HTTP "," ALLOW("tcp", "443")));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_rule_comes_and_goes, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_last_takes_it_out, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_others_bytes, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_persons_rule_stays, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_persons_copy_stays, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_put_in_again, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_stale_write, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_killed_anywhere, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_restart_keeps, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_no_profile, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_unreadable_profile, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_unreadable_ledger, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_limits_and_ranges, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_host_given_up, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_host_given_up_unseen, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_datastore_away, cluster_setup, cluster_teardown),
        };

        return cmocka_run_group_tests_name("scope-profile", tests, cluster_enter, NULL);
}
