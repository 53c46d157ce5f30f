/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/exposure.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static void add(Elements *elements, Element element) {
        if (!element.name)
                element.name = "";
        assert_int_equal(elements_append(elements, &element), 0);
}

static Element dnat(uint16_t port, const char *target, uint16_t target_port) {
        return (Element) { .kind = ELEMENT_DNAT, .family = AF_INET, .protocol = PROTOCOL_TCP, .ports = { port, port },
                           .target = build_address(target), .target_port = target_port };
}

static void test_of_elements(void **state _unused_) {
        Elements elements = {};
        Exposures exposures;

        add(&elements, (Element) { .kind = ELEMENT_PROFILE, .name = "bridge" });
        add(&elements, dnat(8080, "172.17.0.2", 80));
        add(&elements, (Element) { .kind = ELEMENT_DNAT_RANGE, .family = AF_INET, .protocol = PROTOCOL_UDP,
                                   .prefix = { { .family = AF_INET }, 0 }, .ports = { 100, 200 },
                                   .target = build_address("172.17.0.3") });
        add(&elements, (Element) { .kind = ELEMENT_BACKEND, .family = AF_INET, .name = "b", .ports = { 0, 0 },
                                   .target = build_address("172.17.0.4"), .target_port = 80 });
        add(&elements, (Element) { .kind = ELEMENT_BACKEND, .family = AF_INET, .name = "b", .ports = { 1, 1 },
                                   .target = build_address("172.17.0.5"), .target_port = 81 });
        add(&elements, (Element) { .kind = ELEMENT_BACKEND, .family = AF_INET, .name = "c", .ports = { 0, 0 },
                                   .target = build_address("172.17.0.6"), .target_port = 81 });
        add(&elements, (Element) { .kind = ELEMENT_DNAT_BALANCE, .family = AF_INET, .protocol = PROTOCOL_TCP,
                                   .prefix = { { .family = AF_INET }, 0 }, .ports = { 443, 443 }, .name = "b" });
        elements_sort(&elements);
        assert_int_equal(exposures_of_elements(&elements, &exposures), 0);
        assert_int_equal(exposures.count, 4);
        assert_int_equal(exposures.items[0].ports.first, 443);
        assert_int_equal(exposures.items[0].container_first, 80);
        assert_int_equal(exposures.items[1].container_first, 81);
        assert_int_equal(exposures.items[2].ports.first, 8080);
        assert_int_equal(exposures.items[3].container_first, 100);
        exposures_done(&exposures);
        elements_done(&elements);
}

static void test_subtract(void **state _unused_) {
        Elements before = {}, after = {};
        Exposures a, b, rest;

        add(&before, dnat(80, "172.17.0.2", 80));
        add(&before, dnat(81, "172.17.0.2", 81));
        add(&before, dnat(82, "172.17.0.2", 82));
        add(&after, dnat(80, "172.17.0.2", 80));
        add(&after, dnat(81, "172.17.0.9", 81)); /* elsewhere now */
        assert_int_equal(exposures_of_elements(&before, &a), 0);
        assert_int_equal(exposures_of_elements(&after, &b), 0);
        assert_true(exposures_meet(&b, &a));
        assert_int_equal(exposures_subtract(&a, &b, &rest), 0);
        assert_int_equal(rest.count, 2);
        assert_int_equal(rest.items[0].ports.first, 81);
        assert_int_equal(rest.items[1].ports.first, 82);
        assert_false(exposures_meet(&rest, &b));
        assert_true(exposures_include(&rest, &a));
        assert_false(exposures_include(&a, &b));
        assert_true(exposures_include(&(Exposures) {}, &(Exposures) {}));
        assert_false(exposures_include(&a, &(Exposures) {}));
        exposures_done(&rest);
        exposures_done(&b);
        exposures_done(&a);
        elements_done(&after);
        elements_done(&before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_of_elements),
                cmocka_unit_test(test_subtract),
        };

        return cmocka_run_group_tests_name("exposure", tests, NULL, NULL);
}
