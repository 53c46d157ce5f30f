/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h> /* before linux/..., which would else define the same */
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/net/xtables.h"
#include "netns.h"
#include "tests/cmocka.h"

/* A kernel may have been built without the older kind. */
static bool kernel_has(const char *tool) {
        char command[128];

        snprintf(command, sizeof(command), "%s -P FORWARD DROP >/dev/null 2>&1", tool);
        return system(command) == 0; /* NOLINT(cert-env33-c): it is a test */
}

static void assert_forward(int family, bool drops, bool passes) {
        XtablesForward forward;

        assert_int_equal(xtables_read_forward(family, 0x80, 0x80, &forward), 1);
        assert_int_equal(forward.drops, drops);
        assert_int_equal(forward.passes, passes);
}

static void assert_read(int family, const char *tool) {
        XtablesForward forward;

        netns_enter_fresh();
        assert_int_equal(xtables_read_forward(family, 0x80, 0x80, &forward), 0);
        /* The question has not made the table. */
        assert_int_equal(xtables_read_forward(family, 0x80, 0x80, &forward), 0);
        if (!kernel_has(tool))
                return;
        assert_forward(family, true, false);
        netns_run("%s -N USER; %s -A FORWARD -j USER; %s -A USER -m mark --mark 0x81/0x80 -j DROP", tool, tool, tool);
        netns_run("%s -A USER -m mark ! --mark 0x80/0x80 -j ACCEPT; %s -A USER -m mark --mark 0x80 -j ACCEPT", tool, tool);
        netns_run("%s -A USER -p tcp -m mark --mark 0x80/0x80 -m tcp --dport 80 -j ACCEPT", tool);
        assert_forward(family, true, false);
        netns_run("%s -A USER -m mark --mark 0x80/0x80 -j ACCEPT", tool);
        assert_forward(family, true, true);
        netns_run("%s -P FORWARD ACCEPT", tool);
        assert_forward(family, false, true);
        netns_run("%s -F USER; %s -A FORWARD -i eth0 -j DROP", tool, tool);
        assert_forward(family, false, false);
        netns_run("%s -A FORWARD -j REJECT", tool);
        assert_forward(family, true, false);
        netns_run("%s -I FORWARD -j ACCEPT", tool);
        assert_forward(family, false, false);
}

static void test_ipv4(void **state _unused_) {
        assert_read(AF_INET, "iptables-legacy");
}

static void test_ipv6(void **state _unused_) {
        assert_read(AF_INET6, "ip6tables-legacy");
}

enum { HEAD = sizeof(struct ipt_entry), POLICY_SIZE = HEAD + sizeof(struct xt_standard_target) };

/* A table of one rule, the policy. */
static void make_policy(char bytes[static POLICY_SIZE], uint16_t target, uint16_t next) {
        const struct xt_standard_target verdict = { .verdict = -NF_DROP - 1 };

        memset(bytes, 0, POLICY_SIZE);
        memcpy(bytes + offsetof(struct ipt_entry, target_offset), &target, sizeof(target));
        memcpy(bytes + offsetof(struct ipt_entry, next_offset), &next, sizeof(next));
        memcpy(bytes + HEAD, &verdict, sizeof(verdict));
}

/* Whatever the bytes, nothing behind them is read. */
static void test_cut(void **state _unused_) {
        char policy[POLICY_SIZE];
        XtablesForward forward;

        make_policy(policy, HEAD, POLICY_SIZE);
        assert_int_equal(xtables_judge(AF_INET, policy, sizeof(policy), 0, 0, 1, 1, &forward), 0);
        assert_true(forward.drops);
        assert_int_equal(xtables_judge(AF_INET, NULL, 0, 0, 0, 1, 1, &forward), -EBADMSG);
        for (size_t size = 1; size < sizeof(policy); size++) {
                char *cut = malloc(size);

                assert_non_null(cut);
                memcpy(cut, policy, size);
                assert_int_equal(xtables_judge(AF_INET, cut, size, 0, 0, 1, 1, &forward), -EBADMSG);
                free(cut);
        }
        make_policy(policy, HEAD, 0);
        assert_int_equal(xtables_judge(AF_INET, policy, sizeof(policy), 0, 0, 1, 1, &forward), -EBADMSG);
        make_policy(policy, POLICY_SIZE - 1, POLICY_SIZE);
        assert_int_equal(xtables_judge(AF_INET, policy, sizeof(policy), 0, 0, 1, 1, &forward), -EBADMSG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ipv4),
                cmocka_unit_test(test_ipv6),
                cmocka_unit_test(test_cut),
        };

        return cmocka_run_group_tests_name("xtables", tests, NULL, NULL);
}
