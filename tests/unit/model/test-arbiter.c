/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/model/arbiter.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

enum { RECORDS_MAX = 16 };

typedef struct Scene {
        Record *records[RECORDS_MAX];
        size_t n;
} Scene;

static Record *scene_add(Scene *scene, Container *container) {
        Record *record = record_new(container);

        assert_non_null(record);
        scene->records[scene->n++] = record;
        return record;
}

static void scene_decide(Scene *scene) {
        assert_int_equal(arbiter_decide(scene->records, scene->n), 0);
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
        };

        return cmocka_run_group_tests_name("arbiter", tests, NULL, NULL);
}
