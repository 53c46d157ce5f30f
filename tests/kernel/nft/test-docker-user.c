/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/kernel/nft/fixture.h"

/* IPTABLES_ROOT: a root file system whose iptables are used instead of the host's, to try another version. */
static const char *tool(int family, const char *suffix, char *command, size_t size) {
        const char *root = getenv("IPTABLES_ROOT");

        snprintf(command, size, "%s%s %s%s", root ? "chroot " : "", root ? root : "",
                 family == AF_INET ? "iptables" : "ip6tables", suffix);
        return command;
}

static const char *iptables(int family) {
        static char command[256];

        return tool(family, " -w", command, sizeof(command));
}

static const char *iptables_save(int family) {
        static char command[256];

        return tool(family, "-save", command, sizeof(command));
}

static const char *iptables_restore(int family) {
        static char command[256];

        return tool(family, "-restore", command, sizeof(command));
}

static const int families[] = { AF_INET, AF_INET6 };

#define OURS "-A DOCKER-USER -m mark --mark 0x80/0x80 -m comment --comment calico-exposed -j ACCEPT\n"

/* The chain as iptables reads it, without its first line; and iptables-save must be content, too. */
static void assert_chain(int family, const char *expected) {
        char *text = output_of("%s -S DOCKER-USER | tail -n +2", iptables(family));

        assert_string_equal(text, expected);
        free(text);
        text = output_of("%s 2>&1 | grep -i -e warn -e incompat -e unsupported || true", iptables_save(family));
        assert_string_equal(text, "");
        free(text);
}

static void assert_ensure(Fixture *fixture, int family, DockerUserState before, DockerUserState expected) {
        DockerUserState found;

        assert_int_equal(docker_user_check(fixture->nft, family, &fixture->options, &found), 0);
        assert_int_equal(found, before);
        assert_int_equal(docker_user_ensure(fixture->nft, family, &fixture->options, &found), 0);
        assert_int_equal(found, expected);
        assert_int_equal(docker_user_check(fixture->nft, family, &fixture->options, &found), 0);
        assert_int_equal(found, expected == DOCKER_USER_ABSENT ? DOCKER_USER_ABSENT : DOCKER_USER_IN_PLACE);
}

static void no_chain_is_normal(void **state) {
        Fixture *fixture = *state;
        char *text;

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                assert_ensure(fixture, families[i], DOCKER_USER_ABSENT, DOCKER_USER_ABSENT);
                run("%s -N OTHER", iptables(families[i]));
                assert_ensure(fixture, families[i], DOCKER_USER_ABSENT, DOCKER_USER_ABSENT);
                assert_int_equal(docker_user_remove(fixture->nft, families[i], &fixture->options), 0);
        }
        text = output_of("nft list ruleset | grep -c mark || true");
        assert_string_equal(text, "0\n");
        free(text);
}

static void the_rule_is_put_once(void **state) {
        Fixture *fixture = *state;

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                run("%s -N DOCKER-USER", iptables(families[i]));
                assert_ensure(fixture, families[i], DOCKER_USER_PUT, DOCKER_USER_PUT);
                assert_chain(families[i], OURS);
                assert_ensure(fixture, families[i], DOCKER_USER_IN_PLACE, DOCKER_USER_IN_PLACE);
                assert_chain(families[i], OURS);
        }
}

static void others_rules_stay_and_ours_is_first(void **state) {
        static const char *const others = "-A DOCKER-USER -s 192.0.2.7/32 -j DROP\n"
                                          "-A DOCKER-USER -m mark --mark 0x40/0x40 -j ACCEPT\n"
                                          "-A DOCKER-USER -m comment --comment hello -j RETURN\n";
        Fixture *fixture = *state;
        char expected[1024];

        run("%s -N DOCKER-USER", iptables(AF_INET));
        run("%s -A DOCKER-USER -s 192.0.2.7 -j DROP", iptables(AF_INET));
        run("%s -A DOCKER-USER -m mark --mark 0x40/0x40 -j ACCEPT", iptables(AF_INET));
        run("%s -A DOCKER-USER -m comment --comment hello -j RETURN", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        snprintf(expected, sizeof(expected), "%s%s", OURS, others);
        assert_chain(AF_INET, expected);

        /* somebody puts a rule before ours */
        run("%s -I DOCKER-USER -i eth9 -j DROP", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        snprintf(expected, sizeof(expected), "%s-A DOCKER-USER -i eth9 -j DROP\n%s", OURS, others);
        assert_chain(AF_INET, expected);

        assert_int_equal(docker_user_remove(fixture->nft, AF_INET, &fixture->options), 0);
        assert_chain(AF_INET, expected + strlen(OURS));
}

static void duplicates_go(void **state) {
        static const char *const same = "nft add rule ip6 filter DOCKER-USER meta mark and 0x80 == 0x80 counter accept";
        static const char *const others = "-A DOCKER-USER -m mark --mark 0x80/0x80 -j ACCEPT\n"
                                          "-A DOCKER-USER -j RETURN\n";
        Fixture *fixture = *state;
        char expected[512];

        run("%s -N DOCKER-USER", iptables(AF_INET6));
        for (int i = 0; i < 3; i++)
                run("%s comment calico-exposed", same);
        run("%s", same); /* without our name on it, it is somebody else's */
        run("%s comment calico-exposed", same);
        run("%s -A DOCKER-USER -j RETURN", iptables(AF_INET6));
        run("%s comment calico-exposed", same);
        assert_ensure(fixture, AF_INET6, DOCKER_USER_PUT, DOCKER_USER_PUT);
        snprintf(expected, sizeof(expected), "%s%s", OURS, others);
        assert_chain(AF_INET6, expected);
        run("%s comment calico-exposed", same);
        assert_int_equal(docker_user_remove(fixture->nft, AF_INET6, &fixture->options), 0);
        assert_chain(AF_INET6, others);
}

static void another_mark_replaces_the_old_one(void **state) {
        Fixture *fixture = *state;

        run("%s -N DOCKER-USER", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        fixture->options.mark = 0x500;
        fixture->options.mask = 0xf00;
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        assert_chain(AF_INET, "-A DOCKER-USER -m mark --mark 0x500/0xf00 -m comment --comment calico-exposed "
                              "-j ACCEPT\n");
}

static void it_comes_back_after_a_flush(void **state) {
        Fixture *fixture = *state;

        run("%s -N DOCKER-USER", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        run("%s -F DOCKER-USER", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        run("%s -F; %s -X", iptables(AF_INET), iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_ABSENT, DOCKER_USER_ABSENT);
        run("%s -N DOCKER-USER", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        assert_chain(AF_INET, OURS);
}

/* What iptables writes for the same is a rule of its own, and its owner's. */
static void a_rule_by_iptables_is_not_ours(void **state) {
        static const char *const theirs = "-A DOCKER-USER -m mark --mark 0x80/0x80 -j DROP\n";
        Fixture *fixture = *state;
        char expected[512];

        run("%s -N DOCKER-USER", iptables(AF_INET));
        run("%s -A DOCKER-USER -m mark --mark 0x80/0x80 -j DROP", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        snprintf(expected, sizeof(expected), "%s%s", OURS, theirs);
        assert_chain(AF_INET, expected);
        assert_int_equal(docker_user_remove(fixture->nft, AF_INET, &fixture->options), 0);
        assert_chain(AF_INET, theirs);
}

/* iptables takes ours for one of its own: it lists it, and what it saved it restores, though in its own form. Ours
 * does not pile up by that. */
static void a_restored_rule_is_not_doubled(void **state) {
        Fixture *fixture = *state;

        run("%s -N DOCKER-USER", iptables(AF_INET));
        assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
        for (int i = 0; i < 3; i++) {
                run("%s | %s", iptables_save(AF_INET), iptables_restore(AF_INET));
                assert_chain(AF_INET, OURS);
                assert_ensure(fixture, AF_INET, DOCKER_USER_PUT, DOCKER_USER_PUT);
                assert_chain(AF_INET, OURS);
        }
        run("%s | %s", iptables_save(AF_INET), iptables_restore(AF_INET));
        assert_int_equal(docker_user_remove(fixture->nft, AF_INET, &fixture->options), 0);
        assert_chain(AF_INET, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(no_chain_is_normal),
                NFT_TEST(the_rule_is_put_once),
                NFT_TEST(others_rules_stay_and_ours_is_first),
                NFT_TEST(duplicates_go),
                NFT_TEST(another_mark_replaces_the_old_one),
                NFT_TEST(it_comes_back_after_a_flush),
                NFT_TEST(a_rule_by_iptables_is_not_ours),
                NFT_TEST(a_restored_rule_is_not_doubled),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
