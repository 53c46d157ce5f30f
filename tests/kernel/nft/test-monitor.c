/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <poll.h>

#include "netns.h"
#include "tests/kernel/nft/fixture.h"

/* What was changed since the last look. Commits are announced before the command that made them is through. */
static NftChanges changes_of(NftMonitor *monitor, const NftSocket *own) {
        NftChanges changes = { .table = true, .docker_user = { true, true } };

        assert_int_equal(nft_monitor_read(monitor, own, &changes), 0);
        return changes;
}

static void assert_changes(NftMonitor *monitor, const NftSocket *own, bool table, bool ip, bool ip6) {
        NftChanges changes = changes_of(monitor, own);

        assert_int_equal(changes.table, table);
        assert_int_equal(changes.docker_user[0], ip);
        assert_int_equal(changes.docker_user[1], ip6);
}

static bool is_readable(const NftMonitor *monitor) {
        struct pollfd wanted = { .fd = nft_monitor_fd(monitor), .events = POLLIN };

        return poll(&wanted, 1, 0) == 1;
}

static void own_changes_do_not_count(void **state) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;
        DockerUserState docker_user;

        run("iptables -N DOCKER-USER");
        assert_int_equal(nft_monitor_new(&monitor), 0);
        want_everything(fixture);
        settle(fixture);
        assert_true(is_readable(monitor));
        assert_changes(monitor, fixture->nft, false, false, false);
        assert_false(is_readable(monitor));
        assert_int_equal(docker_user_ensure(fixture->nft, AF_INET, &fixture->options, &docker_user), 0);
        assert_changes(monitor, fixture->nft, false, false, false);
        elements_done(&fixture->desired);
        settle(fixture);
        assert_changes(monitor, fixture->nft, false, false, false);
        /* to another socket they are somebody else's */
        want_everything(fixture);
        settle(fixture);
        assert_changes(monitor, NULL, true, false, false);
}

static void changes_of_our_table_are_told(void **state) {
        static const char *const commands[] = {
                "nft add element inet calico-exposed localnet { eth7 }",
                "nft delete element inet calico-exposed localnet { eth7 }",
                "nft add rule inet calico-exposed exposed accept",
                "nft flush chain inet calico-exposed exposed",
                "nft flush map inet calico-exposed dnat4",
                "nft add chain inet calico-exposed mine",
                "nft delete chain inet calico-exposed mine",
                "nft add set inet calico-exposed mine '{ type ipv4_addr; }'",
                "nft 'add chain inet calico-exposed forward { policy drop; }'",
                "nft 'add table inet calico-exposed { flags dormant; }'",
                "nft 'add counter inet calico-exposed mine'",
                "nft delete table inet calico-exposed",
                "nft add table inet calico-exposed",
                "nft flush ruleset",
        };
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        nft_socket_set_shared(fixture->nft, true);
        want_everything(fixture);
        settle(fixture);
        assert_int_equal(nft_monitor_new(&monitor), 0);
        for (size_t i = 0; i < ELEMENTSOF(commands); i++) {
                run("%s", commands[i]);
                if (!changes_of(monitor, fixture->nft).table)
                        fail_msg("not told: %s", commands[i]);
        }
        assert_changes(monitor, fixture->nft, false, false, false);
}

/* Our own commits are what is not listened to; that of anybody else meanwhile is known of. */
static void commits_while_it_pauses_are_counted(void **state) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;
        NftChanges changes = { .table = true };
        uint32_t generation = 0;

        assert_int_equal(nft_monitor_new(&monitor), 0);
        assert_int_equal(nft_monitor_pause(monitor, fixture->nft, &generation), 0);
        want_everything(fixture);
        settle(fixture);
        assert_int_equal(nft_monitor_resume(monitor, fixture->nft, generation, true, &changes), 0);
        assert_false(changes.table || changes.docker_user[0] || changes.docker_user[1]);
        assert_false(is_readable(monitor));

        /* Between one and the other, and what was not read before. */
        run("iptables -N DOCKER-USER");
        assert_int_equal(nft_monitor_pause(monitor, fixture->nft, &generation), 0);
        assert_int_equal(nft_monitor_resume(monitor, fixture->nft, generation, false, &changes), 0);
        assert_false(changes.table || changes.docker_user[0] || changes.docker_user[1]);
        assert_changes(monitor, fixture->nft, false, true, false);
        assert_int_equal(nft_monitor_pause(monitor, fixture->nft, &generation), 0);
        run("nft add table ip other");
        assert_false(is_readable(monitor));
        assert_int_equal(nft_monitor_resume(monitor, fixture->nft, generation, false, &changes), 0);
        assert_true(changes.table && changes.docker_user[0] && changes.docker_user[1]);

        /* Listening goes on. */
        run("iptables -A DOCKER-USER -j RETURN");
        assert_changes(monitor, fixture->nft, false, true, false);
}

static void changes_of_docker_user_are_told(void **state) {
        static const struct {
                const char *command;
                bool ip, ip6;
        } cases[] = {
                { "iptables -N DOCKER-USER", true, false },
                { "ip6tables -N DOCKER-USER", false, true },
                { "iptables -A DOCKER-USER -j RETURN", true, false },
                { "iptables -A FORWARD -j DOCKER-USER", false, false },
                { "ip6tables -A FORWARD -j ACCEPT", false, false },
                { "nft insert rule ip6 filter DOCKER-USER accept", false, true },
                { "iptables -D DOCKER-USER -j RETURN", true, false },
                { "ip6tables -F DOCKER-USER", false, true },
                { "nft add table inet filter; nft add chain inet filter DOCKER-USER", false, false },
                { "nft add chain ip other DOCKER-USER 2>/dev/null || nft add table ip other", false, false },
                { "nft add chain ip other DOCKER-USER", false, false },
                { "iptables -F; iptables -X DOCKER-USER", true, false },
                { "iptables -N OTHER && iptables -E OTHER DOCKER-USER", true, false },
                { "iptables-save | iptables-restore", true, false },
                { "nft flush ruleset", true, true },
        };
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        settle(fixture);
        assert_int_equal(nft_monitor_new(&monitor), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                NftChanges changes;

                run("%s", cases[i].command);
                changes = changes_of(monitor, fixture->nft);
                if (changes.table || changes.docker_user[0] != cases[i].ip || changes.docker_user[1] != cases[i].ip6)
                        fail_msg("table %d, ip %d, ip6 %d after: %s", changes.table, changes.docker_user[0],
                                 changes.docker_user[1], cases[i].command);
        }
}

static void what_is_not_ours_is_not_told(void **state) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        settle(fixture);
        assert_int_equal(nft_monitor_new(&monitor), 0);
        run("nft add table ip calico-exposed; nft add table inet other; nft add chain inet other exposed");
        run("nft add set inet other s '{ type ipv4_addr; flags interval; }'");
        run("seq -f '10.0.0.%%g' 1 2 200 | paste -sd, | sed 's/.*/add element inet other s { & }/' | nft -f -");
        run("nft delete table inet other");
        assert_true(is_readable(monitor));
        assert_changes(monitor, fixture->nft, false, false, false);
}

/* Our own large commits must not drown what others do. */
static void ten_thousand_own_elements_fit(void **state) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        assert_int_equal(nft_monitor_new(&monitor), 0);
        for (uint16_t port = 0; port < 10000; port++)
                want(fixture, dnat_host("2001:db8::1", PROTOCOL_UDP, port, "fd00::1", port));
        settle(fixture);
        for (int i = 0; i < 10 && is_readable(monitor); i++)
                assert_changes(monitor, fixture->nft, false, false, false);
        assert_false(is_readable(monitor));
}

static void after_an_overrun_all_may_have_changed(void **state) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        assert_int_equal(nft_monitor_new(&monitor), 0);
        netns_limit_monitor(1);
        want_everything(fixture);
        settle(fixture);
        assert_changes(monitor, fixture->nft, true, true, true);
        assert_changes(monitor, fixture->nft, false, false, false);
}

/* The last that one call reads is the last that there is: nothing makes it readable again. */
static void a_loss_is_told_where_a_call_reads_just_all(void **state) {
        enum { DATAGRAMS_OF_A_CALL = 4096 };
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = NULL;
        Fixture *fixture = *state;

        assert_int_equal(nft_monitor_new(&monitor), 0);
        netns_crowd_monitor(DATAGRAMS_OF_A_CALL - 1); /* the loss is the first */
        netns_limit_monitor(1);
        run("nft add table inet other");
        assert_changes(monitor, fixture->nft, true, true, true);
        assert_false(is_readable(monitor));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(own_changes_do_not_count),
                NFT_TEST(changes_of_our_table_are_told),
                NFT_TEST(commits_while_it_pauses_are_counted),
                NFT_TEST(changes_of_docker_user_are_told),
                NFT_TEST(what_is_not_ours_is_not_told),
                NFT_TEST(ten_thousand_own_elements_fit),
                NFT_TEST(after_an_overrun_all_may_have_changed),
                NFT_TEST(a_loss_is_told_where_a_call_reads_just_all),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
