/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Scope=profile: the rule goes into the endpoint's own profile, and out again when nobody on any host needs it. */

#include "tests/etcd/harness.h"

#include <stdio.h>
#include <string.h>

#define RULES_KEY "/calico/v1/policy/profile/web/rules"
#define LEDGER_KEY "/calico-exposed/v1/profile/web"
#define WITH(rule) "[{\"action\":\"allow\",\"src_tag\":\"web\"}," rule "]"
#define HTTP ALLOW("tcp", "80")

static Cluster *begin(void **state) {
        Cluster *cluster = *state;

        put_profile(cluster, "web");
        put_libnetwork_endpoint(cluster, "node1", "e1", "192.168.0.1", "\"web\"");
        put_libnetwork_endpoint(cluster, "node2", "e2", "192.168.0.2", "\"web\"");
        return cluster;
}

static Host *start(Cluster *cluster, unsigned i) {
        Host *host = cluster_start(cluster, i, CALICO_SCOPE_PROFILE);

        host_set_needs(host);
        return host;
}

static void test_rule_comes_and_goes(void **state) {
        Cluster *cluster = begin(state);
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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_rule_comes_and_goes, cluster_setup, cluster_teardown),
        };

        return cmocka_run_group_tests_name("scope-profile", tests, cluster_enter, NULL);
}
