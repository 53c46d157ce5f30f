/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/macros.h"
#include "daemon/net/hairpin.h"
#include "daemon/net/known.h"
#include "tests/cmocka.h"
#include "tests/values.h"

static const uint8_t mac1[MAC_SIZE] = { 2, 0, 0, 0, 0, 1 }, mac2[MAC_SIZE] = { 2, 0, 0, 0, 0, 2 };

static void add_route(KnownRoutes *routes, unsigned ifindex, const char *text) {
        KnownRoute route = { .ifindex = ifindex, .prefix = prefix(text) };

        assert_int_equal(known_routes_add(routes, &route, 1), 0);
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

/* The numbers are prefixes of one interface: 10.N.0.0/16. */
static void add_many(KnownRoutes *routes, const uint8_t *numbers, size_t n) {
        KnownRoute added[8];

        for (size_t i = 0; i < n; i++)
                added[i] = (KnownRoute) { 2, { { AF_INET, { 10, numbers[i] } }, 16 } };
        assert_int_equal(known_routes_add(routes, added, n), 0);
}

static void many_routes_are_merged(void **state) {
        static const uint8_t first[] = { 5, 3, 9, 3 }, second[] = { 1, 9, 4, 10, 4, 5 };
        static const uint8_t all[] = { 1, 3, 4, 5, 9, 10 };
        _cleanup_(known_routes_done) KnownRoutes routes = {};

        (void) state;
        add_many(&routes, first, 0);
        assert_int_equal(routes.count, 0);
        add_many(&routes, first, ELEMENTSOF(first));
        assert_int_equal(routes.count, 3);
        add_many(&routes, second, ELEMENTSOF(second));
        assert_int_equal(routes.count, ELEMENTSOF(all));
        for (size_t i = 0; i < ELEMENTSOF(all); i++)
                assert_int_equal(routes.items[i].prefix.address.bytes[1], all[i]);
        add_many(&routes, all, ELEMENTSOF(all));
        assert_int_equal(routes.count, ELEMENTSOF(all));
}

static void links_are_remembered(void **state) {
        KnownLinks links = {};
        KnownLink link = { .name = "br0", .bridge = true };

        (void) state;
        for (link.index = 1; link.index <= KNOWN_LINKS_MAX; link.index++)
                known_links_add(&links, &link);
        assert_int_equal(known_links_find(&links, 1)->index, 1);
        assert_int_equal(known_links_find(&links, KNOWN_LINKS_MAX)->index, KNOWN_LINKS_MAX);
        known_links_remove(&links, 1);
        assert_null(known_links_find(&links, 1));
        assert_int_equal(known_links_find(&links, 2)->index, 2);
        known_links_remove(&links, 1);
        assert_int_equal(links.count, KNOWN_LINKS_MAX - 1);

        /* Said anew, it takes the place of what was said before. */
        link = (KnownLink) { .index = 2, .name = "br9" };
        known_links_add(&links, &link);
        assert_int_equal(links.count, KNOWN_LINKS_MAX - 1);
        assert_string_equal(known_links_find(&links, 2)->name, "br9");
        link.index = 1000;
        known_links_add(&links, &link);
        assert_int_equal(links.count, KNOWN_LINKS_MAX);
        link.index = 1001;
        known_links_add(&links, &link);
        assert_int_equal(links.count, 1);
        known_links_clear(&links);
        assert_null(known_links_find(&links, 1001));
}

static void switched_links_are_known_by_index(void **state) {
        _cleanup_(switched_links_done) SwitchedLinks links = {};

        (void) state;
        assert_int_equal(switched_links_add(&links, 3, "br0"), 0);
        assert_int_equal(switched_links_add(&links, 2, "cali1"), 0);
        assert_int_equal(switched_links_add(&links, 4, "a"), 0);
        assert_false(switched_links_is_renamed(&links, 3, "br0"));
        assert_true(switched_links_is_renamed(&links, 3, "cali1"));
        assert_true(switched_links_is_renamed(&links, 2, "br0"));
        assert_false(switched_links_is_renamed(&links, 5, "br0"));
        assert_int_equal(switched_links_add(&links, 3, "br1"), 0);
        assert_int_equal(links.count, 3);
        assert_true(switched_links_is_renamed(&links, 3, "br0"));
        switched_links_remove(&links, 3);
        switched_links_remove(&links, 5);
        assert_int_equal(links.count, 2);
        assert_false(switched_links_is_renamed(&links, 3, "br0"));
        assert_true(switched_links_is_renamed(&links, 4, "br0"));
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
                cmocka_unit_test(many_routes_are_merged),
                cmocka_unit_test(links_are_remembered),
                cmocka_unit_test(switched_links_are_known_by_index),
                cmocka_unit_test(routes_are_removed),
                cmocka_unit_test(wishes_are_kept_by_bridge_and_mac),
                cmocka_unit_test(wishes_are_marked),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
