/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "common/address.h"
#include "common/macros.h"
#include "tests/cmocka.h"

static void test_parse_and_format(void **state _unused_) {
        static const struct {
                const char *text, *shown;
        } cases[] = {
                { "0.0.0.0", "0.0.0.0" },
                { "192.0.2.1", "192.0.2.1" },
                { "::", "::" },
                { "2001:db8:0:0::1", "2001:db8::1" },
                { "FE80::1", "fe80::1" },
                { "", NULL },
                { "1.2.3", NULL },
                { "1.2.3.4.5", NULL },
                { "1.2.3.256", NULL },
                { "01.2.3.4", NULL },
                { " 1.2.3.4", NULL },
                { "1.2.3.4 ", NULL },
                { "1.2.3.4/32", NULL },
                { "[::1]", NULL },
                { "fe80::1%eth0", NULL },
                { "::ffff:192.0.2.1", NULL },
                { ":::", NULL },
                { "localhost", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char buffer[ADDRESS_TEXT_SIZE];
                Address address;
                int r = address_parse(cases[i].text, &address);

                assert_int_equal(r, cases[i].shown ? 0 : -EINVAL);
                if (r == 0)
                        assert_string_equal(address_format(&address, buffer), cases[i].shown);
        }
}

static void test_none(void **state _unused_) {
        char buffer[ADDRESS_TEXT_SIZE];
        Address none = {};

        assert_false(address_is_set(&none));
        assert_string_equal(address_format(&none, buffer), "-");
}

static void test_loopback(void **state _unused_) {
        static const struct {
                const char *text;
                bool loopback;
        } cases[] = {
                { "127.0.0.0", true },        { "127.255.255.255", true }, { "::1", true },
                { "126.255.255.255", false }, { "128.0.0.0", false },      { "::", false },
                { "7f00::1", false },
        };
        const Address none = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Address address;

                assert_int_equal(address_parse(cases[i].text, &address), 0);
                assert_int_equal(address_is_loopback(&address), cases[i].loopback);
        }
        assert_false(address_is_loopback(&none));
}

static void test_prefix(void **state _unused_) {
        static const struct {
                const char *text, *shown;
        } cases[] = {
                { "10.1.2.3/8", "10.0.0.0/8" },
                { "10.1.2.3", "10.1.2.3/32" },
                { "0.0.0.0/0", "0.0.0.0/0" },
                { "192.0.2.129/25", "192.0.2.128/25" },
                { "192.0.2.129/31", "192.0.2.128/31" },
                { "2001:db8:ffff::1/33", "2001:db8:8000::/33" },
                { "::1", "::1/128" },
                { "::/0", "::/0" },
                { "10.0.0.0/33", NULL },
                { "10.0.0.0/", NULL },
                { "10.0.0.0/-1", NULL },
                { "10.0.0.0/8/8", NULL },
                { "10.0.0.0/4294967304", NULL },
                { "::/129", NULL },
                { "/8", NULL },
                { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/8", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char buffer[PREFIX_TEXT_SIZE];
                Prefix prefix;
                int r = prefix_parse(cases[i].text, &prefix);

                assert_int_equal(r, cases[i].shown ? 0 : -EINVAL);
                if (r == 0)
                        assert_string_equal(prefix_format(&prefix, buffer), cases[i].shown);
        }
}

static bool contains(const char *prefix_text, const char *address_text) {
        Address address;
        Prefix prefix;

        assert_int_equal(prefix_parse(prefix_text, &prefix), 0);
        assert_int_equal(address_parse(address_text, &address), 0);
        return prefix_contains(&prefix, &address);
}

static void test_contains(void **state _unused_) {
        assert_true(contains("10.0.0.0/8", "10.255.255.255"));
        assert_false(contains("10.0.0.0/8", "11.0.0.0"));
        assert_true(contains("0.0.0.0/0", "203.0.113.1"));
        assert_false(contains("0.0.0.0/0", "::1"));
        assert_false(contains("::/0", "0.0.0.0"));
        assert_true(contains("2001:db8::/63", "2001:db8:0:1::5"));
        assert_false(contains("2001:db8::/64", "2001:db8:0:1::5"));
        assert_true(contains("192.0.2.1", "192.0.2.1"));
        assert_false(contains("192.0.2.1", "192.0.2.0"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse_and_format),
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_loopback),
                cmocka_unit_test(test_prefix),
                cmocka_unit_test(test_contains),
        };

        return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
