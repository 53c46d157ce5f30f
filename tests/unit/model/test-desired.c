/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/array.h"
#include "daemon/model/arbiter.h"
#include "daemon/model/desired.h"
#include "daemon/model/exposure.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

enum { RECORDS_MAX = 3 };

typedef struct Scene {
        Record *records[RECORDS_MAX];
        size_t n;
        Desired desired;
} Scene;

static void scene_done(Scene *scene) {
        for (size_t i = 0; i < scene->n; i++)
                record_free(scene->records[i]);
        desired_done(&scene->desired);
        names_free(scene->desired.names);
}

static Record *scene_add(Scene *scene, Container *container) {
        Record *record = record_new(container, &open_policy);

        assert_non_null(record);
        return scene->records[scene->n++] = record;
}

static void scene_make(Scene *scene, Container *container) {
        (void) scene_add(scene, container);
}

static void scene_desire(Scene *scene) {
        scene->desired.names = names_new();
        assert_non_null(scene->desired.names);
        assert_int_equal(arbiter_decide(scene->records, scene->n, NULL, 0), 0);
        for (size_t i = 0; i < scene->n; i++)
                assert_int_equal(desired_add_record(&scene->desired, scene->records[i]), 0);
        assert_int_equal(desired_settle(&scene->desired), 0);
}

static size_t count(const Scene *scene, ElementKind kind) {
        size_t n = 0;

        for (size_t i = 0; i < scene->desired.elements.count; i++)
                n += scene->desired.elements.items[i].kind == kind;
        return n;
}

static const Element *nth(const Scene *scene, ElementKind kind, size_t n) {
        for (size_t i = 0; i < scene->desired.elements.count; i++)
                if (scene->desired.elements.items[i].kind == kind && n-- == 0)
                        return &scene->desired.elements.items[i];
        fail_msg("no such element");
        return NULL;
}

static void check_address(const Address *address, const char *expected) {
        char text[ADDRESS_TEXT_SIZE];

        assert_string_equal(address_format(address, text), expected);
}

static void test_one_port(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        const Element *dnat;

        scene_make(&scene, build_on_bridge(2, "8080:80"));
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_PROFILE), 1);
        assert_int_equal(count(&scene, ELEMENT_ALLOW), 2);
        assert_int_equal(count(&scene, ELEMENT_ENDPOINT), 2);
        assert_int_equal(count(&scene, ELEMENT_DNAT), 2);
        assert_int_equal(scene.desired.elements.count, 7);

        dnat = nth(&scene, ELEMENT_DNAT, 0);
        assert_int_equal(dnat->ports.first, 8080);
        assert_int_equal(dnat->target_port, 80);
        check_address(&dnat->target, "172.17.0.2");
        check_address(&nth(&scene, ELEMENT_DNAT, 1)->target, "fd00:d0c::2");
        assert_int_equal(nth(&scene, ELEMENT_ALLOW, 0)->ports.first, 80);
        assert_string_equal(nth(&scene, ELEMENT_PROFILE, 0)->name, "bridge");
        assert_string_equal(nth(&scene, ELEMENT_ENDPOINT, 0)->name, "bridge");
}

static void test_families(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        scene_make(&scene, build_on_bridge(2, "0.0.0.0:80,[::]:81,[2001:db8::1]:82"));
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_DNAT), 2);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 0)->family, AF_INET);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 0)->ports.first, 80);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 1)->family, AF_INET6);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 1)->ports.first, 81);
        assert_int_equal(count(&scene, ELEMENT_DNAT_HOST), 1);
        check_address(&nth(&scene, ELEMENT_DNAT_HOST, 0)->address, "2001:db8::1");
}

static void test_nothing_for_what_is_not_exposed(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Container *container = build_on_bridge(2, "80");

        container->state = CONTAINER_RESTARTING;
        scene_make(&scene, container);
        scene_desire(&scene);
        assert_int_equal(scene.desired.elements.count, 0);
}

static void test_range_is_one_element(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        const Element *range;

        scene_make(&scene, build_on_bridge(2, "20000-29999/udp,127.0.0.1:300-301"));
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_DNAT_RANGE), 3);
        assert_int_equal(count(&scene, ELEMENT_DNAT), 0);
        range = nth(&scene, ELEMENT_DNAT_RANGE, 0);
        assert_int_equal(range->prefix.length, 0);
        assert_int_equal(range->prefix.address.family, AF_INET);
        assert_int_equal(range->ports.last, 29999);
        range = nth(&scene, ELEMENT_DNAT_RANGE, 1);
        assert_int_equal(range->prefix.length, 32);
        check_address(&range->prefix.address, "127.0.0.1");
}

static void test_shifted_range(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        scene_make(&scene, build_on_bridge(2, "0.0.0.0:8000-8010:9000-9010"));
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_DNAT), 11);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 10)->ports.first, 8010);
        assert_int_equal(nth(&scene, ELEMENT_DNAT, 10)->target_port, 9010);
        assert_int_equal(count(&scene, ELEMENT_ALLOW), 1);
        assert_int_equal(nth(&scene, ELEMENT_ALLOW, 0)->ports.last, 9010);
}

/* Several host ports may lead to one port of the container, and to ranges that overlap there. */
static void test_allowed_ranges_merge(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        const Element *allow;

        scene_make(&scene, build_on_bridge(2, "0.0.0.0:1:80,0.0.0.0:2:80,0.0.0.0:100-110,"
                                              "0.0.0.0:200-210:105-115,0.0.0.0:3:112"));
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_ALLOW), 2);
        allow = nth(&scene, ELEMENT_ALLOW, 0);
        assert_int_equal(allow->ports.first, 80);
        assert_int_equal(allow->ports.last, 80);
        allow = nth(&scene, ELEMENT_ALLOW, 1);
        assert_int_equal(allow->ports.first, 100);
        assert_int_equal(allow->ports.last, 115);
}

static void test_paths(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        scene_make(&scene, build_on_bridge(2, "80"));
        scene.records[0]->path4 = (RecordPath) { .known = true, .neighbours = 16, .ifname = "docker0", .localnet = true };
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_HAIRPIN), 0);
        assert_int_equal(count(&scene, ELEMENT_NEIGHBOURS), 1);
        assert_int_equal(nth(&scene, ELEMENT_NEIGHBOURS, 0)->prefix.length, 16);
        check_address(&nth(&scene, ELEMENT_NEIGHBOURS, 0)->prefix.address, "172.17.0.0");
        assert_int_equal(count(&scene, ELEMENT_LOCALNET), 1);
        assert_string_equal(nth(&scene, ELEMENT_LOCALNET, 0)->name, "docker0");
}

static void test_a_container_without_neighbours(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        scene_make(&scene, build_on_bridge(2, "80"));
        scene.records[0]->path4 = (RecordPath) { .known = true, .neighbours = 32, .ifname = "cali123" };
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_NEIGHBOURS), 0);
        assert_int_equal(count(&scene, ELEMENT_HAIRPIN), 1);
        check_address(&nth(&scene, ELEMENT_HAIRPIN, 0)->address, "172.17.0.2");
}

/* Networks one inside the other are no members of one interval set. */
static void test_networks_merge(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};

        for (unsigned i = 0; i < 3; i++) {
                Record *record = scene_add(&scene, build_on_bridge(2 + i, i == 0 ? "80" : i == 1 ? "81" : "82"));

                if (i == 2)
                        record->ipv4 = build_address("172.18.0.2");
                record->path4 = (RecordPath) { .known = true, .neighbours = i == 0 ? 24 : 16 };
        }
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_NEIGHBOURS), 2);
        assert_int_equal(nth(&scene, ELEMENT_NEIGHBOURS, 0)->prefix.length, 16);
}

static void test_limits(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        Container *container = build_on_bridge(2, "80,0.0.0.0:100-110");
        const Element *limited;
        LimitName name;

        build_label(container, "calico.expose.from", "10.0.0.0/8,2001:db8::/32,10.1.0.0/16");
        build_label(container, "calico.expose.interface", "eth0,lo");
        scene_make(&scene, container);
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_LIMIT), 1);
        assert_int_equal(count(&scene, ELEMENT_LIMIT_FROM), 2);
        assert_int_equal(count(&scene, ELEMENT_LIMIT_INTERFACE), 2);
        assert_int_equal(count(&scene, ELEMENT_DNAT_LIMIT), 3);
        limited = nth(&scene, ELEMENT_DNAT_LIMIT, 0);
        assert_true(limit_name_parse(limited->name, &name));
        assert_true(name.from && name.interfaces && name.local);
        assert_string_equal(nth(&scene, ELEMENT_LIMIT_INTERFACE, 0)->interface, "eth0");
}

static void test_balance(void **state _unused_) {
        _cleanup_(scene_done) Scene scene = {};
        const Element *dnat;
        BalanceName name;

        for (unsigned i = 1; i <= 3; i++) {
                Container *container = build_on_bridge(i, i == 2 ? "0.0.0.0:80:8080" : "0.0.0.0:80");

                build_label(container, "calico.expose.mode", "balance");
                scene_add(&scene, container);
        }
        scene_desire(&scene);
        assert_int_equal(count(&scene, ELEMENT_BALANCE), 1);
        assert_int_equal(count(&scene, ELEMENT_BACKEND), 3);
        assert_int_equal(count(&scene, ELEMENT_DNAT), 0);
        assert_int_equal(count(&scene, ELEMENT_DNAT_BALANCE), 1);
        dnat = nth(&scene, ELEMENT_DNAT_BALANCE, 0);
        assert_true(balance_name_parse(dnat->name, &name));
        assert_int_equal(name.backends, 3);
        assert_int_equal(name.family, AF_INET);
        assert_int_equal(nth(&scene, ELEMENT_BACKEND, 1)->ports.first, 1);
        assert_int_equal(nth(&scene, ELEMENT_BACKEND, 1)->target_port, 8080);
}

static void append_exposures(Exposures *all, const Record *record) {
        for (size_t i = 0; i < record->n_claims; i++) {
                Exposures some;

                assert_int_equal(exposures_of_claim(record, &record->claims[i], &some), 0);
                assert_int_equal(array_reserve(&all->items, &all->capacity, all->count + some.count, sizeof(*all->items)), 0);
                for (size_t k = 0; k < some.count; k++)
                        all->items[all->count++] = some.items[k];
                exposures_done(&some);
        }
}

/* What a claim says that it makes is what the elements of all of them make. */
static void test_exposures_of_claims(void **state _unused_) {
        static const char *const exposes[] = {
                "80,8080:81/udp,90-99/tcp,8000-8010:9000-9010",
                "[::]:80:80,0.0.0.0:81:81,127.0.0.1:82:8082,[2001:db8::1]:8000-8002:9000-9002",
                "192.0.2.1:90-99:90-99/udp,80x,22",
        };

        for (unsigned balance = 0; balance < 2; balance++)
                for (size_t i = 0; i < ELEMENTSOF(exposes); i++) {
                        _cleanup_(scene_done) Scene scene = {};
                        Container *container = build_on_bridge(2, exposes[i]);
                        Exposures claimed = {}, made;

                        if (balance)
                                build_label(container, "calico.expose.mode", "balance");
                        scene_make(&scene, container);
                        scene_desire(&scene);
                        append_exposures(&claimed, scene.records[0]);
                        assert_int_equal(exposures_of_elements(&scene.desired.elements, &made), 0);
                        assert_int_equal(claimed.count, made.count);
                        assert_true(made.count > 2);
                        assert_true(exposures_include(&claimed, &made));
                        exposures_done(&made);
                        exposures_done(&claimed);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_port),
                cmocka_unit_test(test_families),
                cmocka_unit_test(test_nothing_for_what_is_not_exposed),
                cmocka_unit_test(test_range_is_one_element),
                cmocka_unit_test(test_shifted_range),
                cmocka_unit_test(test_allowed_ranges_merge),
                cmocka_unit_test(test_paths),
                cmocka_unit_test(test_a_container_without_neighbours),
                cmocka_unit_test(test_networks_merge),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_balance),
                cmocka_unit_test(test_exposures_of_claims),
        };

        return cmocka_run_group_tests_name("desired", tests, NULL, NULL);
}
