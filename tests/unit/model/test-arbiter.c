/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/model/arbiter.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

enum { RECORDS_MAX = 16 };

typedef struct Scene {
        Record *records[RECORDS_MAX];
        size_t n;
        HostPort host_ports[4]; /* sorted */
        size_t n_host_ports;
} Scene;

static Record *scene_add(Scene *scene, Container *container) {
        Record *record = record_new(container, &open_policy);

        assert_non_null(record);
        scene->records[scene->n++] = record;
        return record;
}

static void scene_decide(Scene *scene) {
        assert_int_equal(arbiter_decide(scene->records, scene->n, scene->host_ports, scene->n_host_ports), 0);
}

static void scene_done(Scene *scene) {
        for (size_t i = 0; i < scene->n; i++)
                record_free(scene->records[i]);
}

static void check(const Record *record, size_t claim, ClaimState claim_state, ClaimReason reason) {
        assert_int_equal(record->claims[claim].state, claim_state);
        assert_int_equal(record->claims[claim].reason, reason);
}

static void test_alone(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *web = scene_add(&scene, build_on_bridge(1, "80,x,443"));

        scene_decide(&scene);
        check(web, 0, CLAIM_EXPOSED, REASON_NONE);
        check(web, 1, CLAIM_INVALID, REASON_ENTRY);
        check(web, 2, CLAIM_EXPOSED, REASON_NONE);
}

static void test_oldest_first(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *late = scene_add(&scene, build_on_bridge(3, "80"));
        Record *first = scene_add(&scene, build_on_bridge(1, "80"));
        Record *middle = scene_add(&scene, build_on_bridge(2, "80"));

        scene_decide(&scene);
        check(first, 0, CLAIM_EXPOSED, REASON_NONE);
        check(middle, 0, CLAIM_CONFLICT, REASON_HELD);
        check(late, 0, CLAIM_CONFLICT, REASON_HELD);
        assert_ptr_equal(middle->claims[0].other, first);
}

static void test_holder_keeps(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *holder = scene_add(&scene, build_on_bridge(5, "80"));
        Record *older;

        scene_decide(&scene);
        older = scene_add(&scene, build_on_bridge(1, "80"));
        scene_decide(&scene);
        check(holder, 0, CLAIM_EXPOSED, REASON_NONE);
        check(older, 0, CLAIM_CONFLICT, REASON_HELD);
}

static void test_next_takes_over(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *first = scene_add(&scene, build_on_bridge(1, "80"));
        Record *second = scene_add(&scene, build_on_bridge(2, "80"));

        scene_decide(&scene);
        first->waiting = REASON_NO_ADDRESS;
        scene_decide(&scene);
        check(first, 0, CLAIM_WAITING, REASON_NO_ADDRESS);
        check(second, 0, CLAIM_EXPOSED, REASON_NONE);
        first->waiting = REASON_NONE;
        scene_decide(&scene);
        check(second, 0, CLAIM_EXPOSED, REASON_NONE);
        check(first, 0, CLAIM_CONFLICT, REASON_HELD);
}

static void test_tcp_and_udp(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *tcp = scene_add(&scene, build_on_bridge(1, "53"));
        Record *udp = scene_add(&scene, build_on_bridge(2, "53/udp"));

        scene_decide(&scene);
        check(tcp, 0, CLAIM_EXPOSED, REASON_NONE);
        check(udp, 0, CLAIM_EXPOSED, REASON_NONE);
}

/* A range that overlaps two others: who is refused frees what only the refused would have held. */
static void test_ranges(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *low = scene_add(&scene, build_on_bridge(1, "100-200"));
        Record *across = scene_add(&scene, build_on_bridge(2, "150-250"));
        Record *high = scene_add(&scene, build_on_bridge(3, "240-300"));
        Record *inside = scene_add(&scene, build_on_bridge(4, "160"));

        scene_decide(&scene);
        check(low, 0, CLAIM_EXPOSED, REASON_NONE);
        check(across, 0, CLAIM_CONFLICT, REASON_HELD);
        check(high, 0, CLAIM_EXPOSED, REASON_NONE);
        check(inside, 0, CLAIM_CONFLICT, REASON_HELD);
        assert_ptr_equal(inside->claims[0].other, low);
}

static void test_addresses(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *one = scene_add(&scene, build_on_bridge(1, "127.0.0.1:80"));
        Record *other = scene_add(&scene, build_on_bridge(2, "192.0.2.1:80"));
        Record *all = scene_add(&scene, build_on_bridge(3, "80"));
        Record *v6 = scene_add(&scene, build_on_bridge(4, "[::]:80"));

        scene_decide(&scene);
        check(one, 0, CLAIM_EXPOSED, REASON_NONE);
        check(other, 0, CLAIM_EXPOSED, REASON_NONE);
        check(all, 0, CLAIM_CONFLICT, REASON_HELD);
        check(v6, 0, CLAIM_EXPOSED, REASON_NONE);
}

static void test_ten_claimants(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        for (unsigned i = 10; i > 0; i--)
                scene_add(&scene, build_on_bridge(i, "80"));
        scene_decide(&scene);
        check(scene.records[9], 0, CLAIM_EXPOSED, REASON_NONE);
        for (size_t i = 0; i < 9; i++)
                check(scene.records[i], 0, CLAIM_CONFLICT, REASON_HELD);
}

static void test_no_family_address(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Container *container = build_container(1, "80,0.0.0.0:81,[::]:82");
        Record *web;

        build_network(container, "bridge", "172.17.0.2", "", true);
        web = scene_add(&scene, container);
        scene_decide(&scene);
        check(web, 0, CLAIM_EXPOSED, REASON_NONE);
        check(web, 1, CLAIM_EXPOSED, REASON_NONE);
        check(web, 2, CLAIM_WAITING, REASON_NO_FAMILY_ADDRESS);
}

static void test_duplicate_address(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Container *stale = build_container(1, "80"), *fresh = build_container(2, "81");
        Record *a, *b, *c;

        build_network(stale, "bridge", "172.17.0.2", "", true);
        build_network(fresh, "bridge", "172.17.0.2", "", true);
        a = scene_add(&scene, stale);
        b = scene_add(&scene, fresh);
        c = scene_add(&scene, build_on_bridge(3, "82"));
        scene_decide(&scene);
        check(a, 0, CLAIM_WAITING, REASON_DUPLICATE_ADDRESS);
        check(b, 0, CLAIM_WAITING, REASON_DUPLICATE_ADDRESS);
        check(c, 0, CLAIM_EXPOSED, REASON_NONE);
        assert_ptr_equal(a->claims[0].other, b);
}

static Container *balanced(Container *container) {
        build_label(container, "calico.expose.mode", "balance");
        return container;
}

static void test_balance(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        for (unsigned i = 1; i <= 3; i++)
                scene_add(&scene, balanced(build_on_bridge(i, "8080:80")));
        scene_add(&scene, balanced(build_on_bridge(4, "8080:81")));
        scene_decide(&scene);
        for (size_t i = 0; i < scene.n; i++)
                check(scene.records[i], 0, CLAIM_EXPOSED, REASON_NONE);
}

static void test_balance_wants_all_to_agree(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Record *first = scene_add(&scene, balanced(build_on_bridge(1, "80,100-110")));
        Record *alone = scene_add(&scene, build_on_bridge(2, "80"));
        Record *narrow = scene_add(&scene, balanced(build_on_bridge(3, "127.0.0.1:80,105")));
        Container *limited = balanced(build_on_bridge(4, "80"));
        Record *other;

        build_label(limited, "calico.expose.from", "10.0.0.0/8");
        other = scene_add(&scene, limited);
        scene_decide(&scene);
        check(first, 0, CLAIM_EXPOSED, REASON_NONE);
        check(alone, 0, CLAIM_CONFLICT, REASON_NOT_BALANCED);
        check(narrow, 0, CLAIM_CONFLICT, REASON_BALANCE_DIFFERS);
        check(narrow, 1, CLAIM_CONFLICT, REASON_BALANCE_DIFFERS);
        check(other, 0, CLAIM_CONFLICT, REASON_BALANCE_DIFFERS);
        assert_ptr_equal(other->claims[0].other, first);
}

static void test_host_ports(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {
                .host_ports = {
                        { .protocol = PROTOCOL_TCP, .family = AF_INET, .port = 80, .user = "somebody" },
                        { .protocol = PROTOCOL_TCP, .family = AF_INET, .address = build_address("127.0.0.1"),
                          .port = 631 },
                        { .protocol = PROTOCOL_TCP, .family = AF_UNSPEC, .port = 5000 },
                        { .protocol = PROTOCOL_UDP, .family = AF_UNSPEC, .port = 53 },
                },
                .n_host_ports = 4,
        };
        Record *web = scene_add(&scene, build_on_bridge(
                                                1, "80,[::]:81,192.0.2.1:631,53,4000-6000,80/udp"));
        Record *v6 = scene_add(&scene, build_on_bridge(2, "[::]:80,53/udp,127.0.0.1:631:80"));

        scene_decide(&scene);
        check(web, 0, CLAIM_CONFLICT, REASON_HOST_PORT);
        assert_string_equal(web->claims[0].host_port->user, "somebody");
        check(web, 1, CLAIM_EXPOSED, REASON_NONE);
        check(web, 2, CLAIM_EXPOSED, REASON_NONE);
        check(web, 3, CLAIM_EXPOSED, REASON_NONE);
        check(web, 4, CLAIM_CONFLICT, REASON_HOST_PORT);
        check(web, 5, CLAIM_EXPOSED, REASON_NONE);
        check(v6, 0, CLAIM_EXPOSED, REASON_NONE);
        check(v6, 1, CLAIM_CONFLICT, REASON_HOST_PORT);
        check(v6, 2, CLAIM_CONFLICT, REASON_HOST_PORT);

        scene.n_host_ports = 0;
        scene_decide(&scene);
        check(web, 4, CLAIM_EXPOSED, REASON_NONE);
        check(web, 0, CLAIM_CONFLICT, REASON_HELD); /* the other container's [::]:80 was first */
}

static void test_a_holder_does_not_meet_host_ports(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {
                .host_ports = { { .protocol = PROTOCOL_TCP, .port = 80 } },
        };
        Record *web = scene_add(&scene, build_on_bridge(1, "80"));

        scene_decide(&scene);
        scene.n_host_ports = 1;
        scene_decide(&scene);
        check(web, 0, CLAIM_EXPOSED, REASON_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_alone),
                cmocka_unit_test(test_oldest_first),
                cmocka_unit_test(test_holder_keeps),
                cmocka_unit_test(test_next_takes_over),
                cmocka_unit_test(test_tcp_and_udp),
                cmocka_unit_test(test_ranges),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_ten_claimants),
                cmocka_unit_test(test_no_family_address),
                cmocka_unit_test(test_duplicate_address),
                cmocka_unit_test(test_balance),
                cmocka_unit_test(test_balance_wants_all_to_agree),
                cmocka_unit_test(test_host_ports),
                cmocka_unit_test(test_a_holder_does_not_meet_host_ports),
        };

        return cmocka_run_group_tests_name("arbiter", tests, NULL, NULL);
}
