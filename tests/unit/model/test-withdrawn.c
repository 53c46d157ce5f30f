/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/withdrawn.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static void add(Elements *elements, Element element) {
        element.name = "";
        assert_int_equal(elements_append(elements, &element), 0);
        elements_sort(elements);
}

static Element dnat(uint16_t port, uint16_t container_port) {
        return (Element) { .kind = ELEMENT_DNAT, .family = AF_INET, .protocol = PROTOCOL_TCP, .ports = { port, port },
                           .target = build_address("172.17.0.2"), .target_port = container_port };
}

static void test_conversion(void **state _unused_) {
        Exposure exposure = { .protocol = PROTOCOL_SCTP, .family = AF_INET6,
                              .destination = { build_address("2001:db8::1"), 128 }, .ports = { 100, 200 },
                              .container = build_address("fd00::2"), .container_first = 300 };
        Element element = withdrawn_of_exposure(&exposure);
        Exposure back = withdrawn_to_exposure(&element);

        assert_int_equal(element.kind, ELEMENT_WITHDRAWN);
        assert_true(exposures_meet(&(Exposures) { &exposure, 1, 1 }, &(Exposures) { &back, 1, 1 }));
}

static void test_between(void **state _unused_) {
        Elements before = {}, after = {}, withdrawn;

        add(&before, dnat(80, 80));
        add(&before, dnat(81, 81));
        add(&after, dnat(81, 81));
        add(&after, dnat(82, 82));
        assert_int_equal(withdrawn_between(&before, &after, &withdrawn), 0);
        assert_int_equal(withdrawn.count, 1);
        assert_int_equal(withdrawn.items[0].ports.first, 80);
        assert_int_equal(withdrawn.items[0].target_port, 80);
        elements_done(&withdrawn);
        elements_done(&after);
        elements_done(&before);
}

static void test_remembered(void **state _unused_) {
        const Exposure gone = { .protocol = PROTOCOL_TCP, .family = AF_INET, .destination = { { AF_INET, {} }, 0 },
                                .ports = { 80, 80 }, .container = build_address("172.17.0.2"),
                                .container_first = 80 };
        Elements before = {}, after = {}, withdrawn;

        add(&before, withdrawn_of_exposure(&gone));
        assert_int_equal(withdrawn_between(&before, &after, &withdrawn), 0);
        assert_int_equal(withdrawn.count, 1);
        assert_int_equal(element_compare(&withdrawn.items[0], &before.items[0]), 0);
        elements_done(&withdrawn);

        add(&after, dnat(80, 80)); /* exposed again */
        assert_int_equal(withdrawn_between(&before, &after, &withdrawn), 0);
        assert_int_equal(withdrawn.count, 0);
        elements_done(&withdrawn);
        elements_done(&after);
        elements_done(&before);
}

/* The kernel holds a key once. */
static void test_one_for_each_key(void **state _unused_) {
        const Exposure gone = { .protocol = PROTOCOL_TCP, .family = AF_INET, .destination = { { AF_INET, {} }, 0 },
                                .ports = { 80, 80 }, .container = build_address("172.17.0.2"),
                                .container_first = 8080 };
        Elements before = {}, after = {}, withdrawn;

        add(&before, withdrawn_of_exposure(&gone));
        add(&before, dnat(80, 80));
        assert_int_equal(withdrawn_between(&before, &after, &withdrawn), 0);
        assert_int_equal(withdrawn.count, 1);
        elements_done(&withdrawn);
        elements_done(&before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_conversion),
                cmocka_unit_test(test_between),
                cmocka_unit_test(test_remembered),
                cmocka_unit_test(test_one_for_each_key),
        };

        return cmocka_run_group_tests_name("withdrawn", tests, NULL, NULL);
}
