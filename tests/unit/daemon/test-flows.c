/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"
#include "tests/cmocka.h"

static Element dnat(uint8_t protocol, uint16_t port, uint8_t host) {
        return (Element) { .kind = ELEMENT_DNAT, .family = AF_INET, .protocol = protocol, .ports = { port, port },
                           .name = "", .target = { AF_INET, { 172, 17, 0, host } }, .target_port = 80 };
}

static Element withdrawn(uint16_t port) {
        return (Element) { .kind = ELEMENT_WITHDRAWN, .family = AF_INET, .protocol = PROTOCOL_TCP,
                           .prefix = { { .family = AF_INET }, 0 }, .address = { AF_INET, { 172, 17, 0, 2 } },
                           .ports = { port, port }, .name = "", .target_port = 80 };
}

/* Withdrawn flows of all protocols go; only UDP could have been pinned before an exposure. */
static void test_between(void **state _unused_) {
        Element before[] = { dnat(PROTOCOL_TCP, 80, 2), dnat(PROTOCOL_TCP, 81, 2), withdrawn(79) };
        Element after[] = { dnat(PROTOCOL_TCP, 81, 2), dnat(PROTOCOL_TCP, 82, 3), dnat(PROTOCOL_UDP, 53, 3),
                            withdrawn(79), withdrawn(80) };
        _cleanup_free_ FlowFilter *filters = NULL;
        Element remembered;
        size_t n;

        assert_int_equal(flows_between(&(Elements) { before, 3, 3 }, &(Elements) { after, 5, 5 }, &filters, &n), 0);
        assert_int_equal(n, 2);
        assert_int_equal(filters[0].kind, FLOW_TRANSLATED);
        assert_int_equal(filters[0].ports.first, 80);
        assert_int_equal(filters[0].container_first, 80);
        assert_int_equal(filters[0].destination.length, 0);
        assert_int_equal(filters[1].kind, FLOW_UNTRANSLATED);
        assert_int_equal(filters[1].ports.first, 53);
        assert_true(flows_get_withdrawn(&filters[0], &remembered));
        assert_int_equal(element_compare(&remembered, &after[4]), 0);
        assert_false(flows_get_withdrawn(&filters[1], &remembered));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_between),
        };

        return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
