/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/macros.h"
#include "daemon/net/hairpin.h"
#include "daemon/net/known.h"
#include "tests/cmocka.h"
#include "tests/values.h"

static const uint8_t mac1[MAC_SIZE] = { 2, 0, 0, 0, 0, 1 }, mac2[MAC_SIZE] = { 2, 0, 0, 0, 0, 2 };

static void add_route(KnownRoutes *routes, unsigned ifindex, const char *text) {
        Prefix p = prefix(text);

        assert_int_equal(known_routes_add(routes, ifindex, &p), 0);
}

static void assert_next(KnownRoutes *routes, unsigned ifindex, Prefix *after, const char *expected) {
        char text[PREFIX_TEXT_SIZE];
        Prefix p;

        assert_true(known_routes_take(routes, ifindex, address_is_set(&after->address) ? after : NULL, &p));
        assert_string_equal(prefix_format(&p, text), expected);
        *after = p;
}

static void routes_are_taken_by_interface(void **state) {
        _cleanup_(known_routes_done) KnownRoutes routes = {};
        Prefix after = {}, p;

        (void) state;
        assert_false(known_routes_take(&routes, 1, NULL, &p));
        add_route(&routes, 2, "10.2.0.0/16");
        add_route(&routes, 2, "10.1.0.0/16");
        add_route(&routes, 2, "10.1.0.0/16");
        add_route(&routes, 2, "fd00::/64");
        add_route(&routes, 3, "10.3.0.0/16");
        add_route(&routes, 1, "10.0.0.0/8");
        assert_int_equal(routes.count, 5);

        assert_next(&routes, 2, &after, "10.1.0.0/16");
        /* Put back while it is gone through: not a second time. */
        add_route(&routes, 2, "10.1.0.0/16");
        assert_next(&routes, 2, &after, "10.2.0.0/16");
        assert_next(&routes, 2, &after, "fd00::/64");
        assert_false(known_routes_take(&routes, 2, &after, &p));
        assert_int_equal(routes.count, 3);
}

static void routes_are_removed(void **state) {
        _cleanup_(known_routes_done) KnownRoutes routes = {};
        Prefix one = prefix("10.1.0.0/16"), two = prefix("10.1.0.0/17"), p;

        (void) state;
        add_route(&routes, 2, "10.1.0.0/16");
        known_routes_remove(&routes, 2, &two);
        known_routes_remove(&routes, 3, &one);
        assert_int_equal(routes.count, 1);
        known_routes_remove(&routes, 2, &one);
        assert_false(known_routes_take(&routes, 2, NULL, &p));
}

static void add_wish(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE], const char *text) {
        Address a;

        assert_int_equal(address_parse(text, &a), 0);
        assert_int_equal(hairpins_add(hairpins, bridge, mac, &a), 0);
}

static void wishes_are_kept_by_bridge_and_mac(void **state) {
        _cleanup_(hairpins_done) Hairpins hairpins = {};

        (void) state;
        assert_null(hairpins_marked(&hairpins));
        assert_false(hairpins_mark_all(&hairpins));
        add_wish(&hairpins, 7, mac2, "10.0.0.2");
        add_wish(&hairpins, 7, mac1, "10.0.0.1");
        add_wish(&hairpins, 8, mac1, "10.0.0.3");
        add_wish(&hairpins, 7, mac2, "10.0.0.9");
        assert_int_equal(hairpins.count, 3);
        assert_int_equal(hairpins_find(&hairpins, 7, mac2)->ipv4.bytes[3], 9);
        add_wish(&hairpins, 7, mac2, "fd00::2");
        assert_int_equal(hairpins.count, 3);
        assert_int_equal(hairpins_find(&hairpins, 7, mac2)->ipv4.bytes[3], 9);
        assert_int_equal(hairpins_find(&hairpins, 7, mac2)->ipv6.bytes[15], 2);
        assert_null(hairpins_find(&hairpins, 8, mac2));
        hairpins_remove(&hairpins, 8, mac2);
        hairpins_remove(&hairpins, 7, mac1);
        assert_null(hairpins_find(&hairpins, 7, mac1));
        assert_int_equal(hairpins.count, 2);
}

static void wishes_are_marked(void **state) {
        _cleanup_(hairpins_done) Hairpins hairpins = {};
        HairpinWish *found, *missing, *elsewhere;

        (void) state;
        add_wish(&hairpins, 7, mac1, "10.0.0.1");
        add_wish(&hairpins, 7, mac2, "10.0.0.2");
        add_wish(&hairpins, 8, mac1, "10.0.0.3");
        found = hairpins_find(&hairpins, 7, mac1);
        missing = hairpins_find(&hairpins, 7, mac2);
        elsewhere = hairpins_find(&hairpins, 8, mac1);
        assert_true(found->marked && missing->marked && elsewhere->marked);
        found->marked = missing->marked = elsewhere->marked = false;
        found->port = 70;

        /* Another port of that bridge: who has none may be there. */
        assert_true(hairpins_mark_port(&hairpins, 7, 71));
        assert_ptr_equal(hairpins_marked(&hairpins), missing);
        assert_false(found->marked || elsewhere->marked);
        missing->marked = false;
        missing->port = 71;
        assert_false(hairpins_mark_port(&hairpins, 7, 72));
        assert_true(hairpins_mark_port(&hairpins, 7, 70));
        assert_true(found->marked);
        assert_false(missing->marked);

        hairpins_lose_port(&hairpins, 70);
        assert_int_equal(found->port, 0);
        assert_int_equal(missing->port, 71);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(routes_are_taken_by_interface),
                cmocka_unit_test(routes_are_removed),
                cmocka_unit_test(wishes_are_kept_by_bridge_and_mac),
                cmocka_unit_test(wishes_are_marked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
