/* SPDX-License-Identifier: GPL-2.0-or-later */

/* How flows are deleted: in which order, beside what, and what comes of failures. */

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "conntrack_fixture.h"
#include "flows.h"
#include "netns.h"

#define NOBODY 65534

static bool first_gone(void *userdata) {
        (void) userdata;
        return flows_count("sport=1111") == 0;
}

static const FlowMade made = { IPPROTO_UDP, "198.51.100.9", 1111, "198.51.100.1", 8080, "172.30.0.2", 80, 0 };

static void it_looks_a_second_time(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        loop_until(fixture->event, first_gone, NULL);
        assert_true(conntrack_is_busy(fixture->conntrack));
        assert_int_equal(fixture->n_through, 0);
        /* A packet that was on its way. */
        flows_make(&made);
        loop_until(fixture->event, fixture_is_done, fixture);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->n_done, 1);
        assert_int_equal(fixture->last_through, 8080);
        assert_int_equal(fixture->deleted, 2);
        /* And not a third time. */
        flows_make(&made);
        loop_settle(fixture->event);
        assert_int_equal(flows_count("dport=8080"), 1);
}

static void filters_join_while_it_runs(void **state) {
        Fixture *fixture = *state;
        FlowFilter one = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);
        FlowFilter two = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make_many(5000);
        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &one, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        assert_int_equal(conntrack_delete(fixture->conntrack, &two, 1), 0);
        loop_until(fixture->event, fixture_is_done, fixture);
        assert_int_equal(flows_count("dport=5000"), 0);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->deleted, 5001);
}

static int pass_again(sd_event_source *source _unused_, void *userdata) {
        unsigned *passes = userdata;

        (*passes)++;
        return 0;
}

/* Its turn would never come: the pass is before it. */
static void old_flows_go_beside_passes_without_end(void **state) {
        Fixture *fixture = *state;
        unsigned passes = 0;
        sd_event_source *pass = NULL;

        assert_return_code(sd_event_add_defer(fixture->event, &pass, pass_again, &passes), 0);
        assert_return_code(sd_event_source_set_priority(pass, SD_EVENT_PRIORITY_IDLE), 0);
        assert_return_code(sd_event_source_set_enabled(pass, SD_EVENT_ON), 0);
        flows_make(&made);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_true(passes > 0);
        sd_event_source_disable_unref(pass);
}

typedef struct Gaps {
        uint64_t last, longest; /* turns of the loop */
} Gaps;

static int pass_once_more(sd_event_source *source, void *userdata) {
        Gaps *gaps = userdata;
        uint64_t now = 0;

        assert_return_code(sd_event_get_iteration(sd_event_source_get_event(source), &now), 0);
        if (gaps->last > 0)
                gaps->longest = MAX(gaps->longest, now - gaps->last);
        gaps->last = now;
        return 0;
}

/* A sweep that is late goes before the pass in parts: what is withdrawn then does not wait for all of a large table. */
static void passes_go_beside_a_long_sweep(void **state) {
        enum { FLOWS = 15000, TURNS_MAX = 10 }; /* all parts: some 100 */
        Fixture *fixture = *state;
        sd_event_source *pass = NULL;
        Gaps gaps = {};

        flows_make_many(FLOWS);
        flows_make(&made);
        assert_return_code(sd_event_add_defer(fixture->event, &pass, pass_once_more, &gaps), 0);
        assert_return_code(sd_event_source_set_priority(pass, SD_EVENT_PRIORITY_IDLE), 0);
        assert_return_code(sd_event_source_set_enabled(pass, SD_EVENT_ON), 0);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_in_range(gaps.longest, 2, TURNS_MAX);
        sd_event_source_disable_unref(pass);
}

static void zones_are_kept_apart(void **state) {
        Fixture *fixture = *state;
        FlowMade in_zone = made;

        in_zone.zone = 7;
        flows_make(&in_zone);
        flows_make(&made);
        assert_int_equal(flows_count("dport=8080"), 2);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 2);
        assert_int_equal(flows_count("dport=8080"), 0);
}

static void what_has_no_ports_is_passed_over(void **state) {
        Fixture *fixture = *state;

        /* An ICMP error's flow and an echo: bash's /dev/udp is not everywhere, ping neither; raw sockets are. */
        int fd;
        Endpoint to;
        socklen_t size = endpoint_parse("172.30.0.2", 0, &to);
        const uint8_t echo[8] = { 8, 0, 0xf7, 0xff };

        netns_enter(fixture->client);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        netns_enter(fixture->host);
        assert_int_equal(sendto(fd, echo, sizeof(echo), 0, &to.any, size), sizeof(echo));
        close_fd(fd);
        flows_await("icmp", 1);
        fixture_delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET, 53), 0);
        assert_int_equal(flows_count("icmp"), 1);
}

static bool failed(void *userdata) {
        Fixture *fixture = userdata;

        return fixture->n_done > 0;
}

static void a_failure_is_told_and_made_good(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make(&made);
        assert_int_equal(seteuid(NOBODY), 0);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        loop_until(fixture->event, failed, fixture);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fixture->error, -EPERM);
        assert_int_equal(fixture->deleted, 0);
        loop_until(fixture->event, fixture_is_done, fixture);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->deleted, 1);
}

/* The socket that a sweep reads from. */
static int sweep_fd(void) {
        for (int fd = 3; fd < 256; fd++) {
                int domain = 0, protocol = 0;
                socklen_t size = sizeof(domain);

                if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
                    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                    protocol == NETLINK_NETFILTER && (fcntl(fd, F_GETFL) & O_NONBLOCK))
                        return fd;
        }
        fail_msg("no sweep");
        return -1;
}

static ino_t sweep_inode(void) {
        struct stat status;

        assert_int_equal(fstat(sweep_fd(), &status), 0);
        return status.st_ino;
}

/* Closing one waits for what nf_tables has to free, which is just what comes before a sweep. */
static void the_socket_of_the_sweeps_is_kept(void **state) {
        Fixture *fixture = *state;
        ino_t inode;

        flows_make(&made);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        inode = sweep_inode();
        flows_make(&made);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "fd00:30::2", 80), 0);
        assert_int_equal(sweep_inode(), inode);
}

static void a_dump_without_end_is_given_up(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);
        char stolen[32768];

        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        while (recv(sweep_fd(), stolen, sizeof(stolen), MSG_DONTWAIT) > 0)
                ;
        loop_until(fixture->event, failed, fixture);
        assert_int_equal(fixture->error, -ETIMEDOUT);
        loop_until(fixture->event, fixture_is_done, fixture);
        assert_int_equal(fixture->deleted, 1);
        assert_int_equal(flows_count("dport=8080"), 0);
}

static void it_can_be_freed_at_any_time(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);

        flows_make_many(5000);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        fixture->conntrack = conntrack_free(fixture->conntrack);
        loop_settle(fixture->event);
        assert_null(conntrack_free(NULL));
}

static void nothing_asked_is_nothing_done(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(conntrack_delete(fixture->conntrack, NULL, 0), 0);
        assert_false(conntrack_is_busy(fixture->conntrack));
        loop_settle(fixture->event);
        assert_int_equal(fixture->n_done, 0);
}

/* A thousand filters against a large table: neither does the loop stand still, nor does it take for ever. */
static void measure(Fixture *fixture, const FlowFilter *filters, size_t n, size_t deleted, const char *what) {
        uint64_t start = now_usec(), longest;

        fixture->deleted = 0;
        assert_int_equal(conntrack_delete(fixture->conntrack, filters, n), 0);
        longest = loop_until(fixture->event, fixture_is_done, fixture);
        print_message("%s: %u ms, longest turn of the loop %u us\n", what, (unsigned) ((now_usec() - start) / 1000),
                      (unsigned) longest);
        assert_int_equal(fixture->deleted, deleted);
        assert_int_equal(fixture->error, 0);
        assert_true(longest < 50000);
}

static void a_large_table_does_not_hold_the_loop(void **state) {
        Fixture *fixture = *state;
        const char *size = getenv("FLOWS");
        unsigned count = size ? (unsigned) atoi(size) : 20000;
        FlowFilter filters[1001];

        flows_make_many(count);
        assert_int_equal(flows_count("dport=5000"), count);
        for (size_t i = 0; i < 1000; i++)
                filters[i] = translated(PROTOCOL_UDP, (uint16_t) (6000 + i), "172.30.0.9", (uint16_t) (6000 + i));
        filters[1000] = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);

        measure(fixture, filters, 1, 0, "one filter, nothing found");
        measure(fixture, filters, 1000, 0, "1000 filters, nothing found");
        measure(fixture, filters, 1001, count, "1001 filters, all deleted");
        assert_int_equal(flows_count("dport=5000"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_looks_a_second_time, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(filters_join_while_it_runs, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(old_flows_go_beside_passes_without_end, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(passes_go_beside_a_long_sweep, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(zones_are_kept_apart, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(what_has_no_ports_is_passed_over, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_failure_is_told_and_made_good, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(the_socket_of_the_sweeps_is_kept, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_dump_without_end_is_given_up, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(it_can_be_freed_at_any_time, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(nothing_asked_is_nothing_done, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_large_table_does_not_hold_the_loop, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
