/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/macros.h"
#include "daemon/model/element.h"
#include "tests/cmocka.h"

static void check_name(const char *profile, const char *expected) {
        char buffer[PROFILE_NAME_SIZE];

        assert_string_equal(element_profile_name(profile, buffer), expected);
}

static void test_profile_name(void **state _unused_) {
        char long_name[300], a[PROFILE_NAME_SIZE], b[PROFILE_NAME_SIZE];

        check_name("bridge", "bridge");
        check_name("my_net.1-x", "my_net.1-x");
        /* FNV-1a, fixed: an upgrade must find the chains of the version before. */
        check_name("a b", "a_b-e63f991904833892");
        check_name("", "-cbf29ce484222325");

        memset(long_name, 'n', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = '\0';
        element_profile_name(long_name, a);
        long_name[sizeof(long_name) - 2] = 'm';
        element_profile_name(long_name, b);
        assert_int_equal(strlen(a), PROFILE_NAME_SIZE - 1);
        assert_string_not_equal(a, b);
        assert_string_not_equal(element_profile_name("a b", a), element_profile_name("a_b", b));
}

static void test_order(void **state _unused_) {
        Element a = { .kind = ELEMENT_DNAT, .family = AF_INET, .protocol = 6, .ports = { 80, 80 }, .name = "",
                      .target_port = 80 };
        Element b = a;

        assert_int_equal(element_compare(&a, &b), 0);
        b.target_port = 8080;
        assert_int_equal(element_compare_key(&a, &b), 0);
        assert_true(element_compare(&a, &b) < 0);
        b.ports.last = 81;
        assert_true(element_compare_key(&a, &b) < 0);
        b.kind = ELEMENT_PROFILE;
        assert_true(element_compare_key(&a, &b) > 0);
}

static void test_name_is_data_of_an_endpoint(void **state _unused_) {
        Element a = { .kind = ELEMENT_ENDPOINT, .family = AF_INET, .name = "a" }, b = a;

        b.name = "b";
        assert_int_equal(element_compare_key(&a, &b), 0);
        assert_true(element_compare(&a, &b) < 0);
        a.kind = b.kind = ELEMENT_ALLOW;
        assert_true(element_compare_key(&a, &b) < 0);
}

static void test_chain_names(void **state _unused_) {
        static const LimitName limits[] = {
                { .from = true, .hash = 0x123 },
                { .interfaces = true, .local = true, .hash = UINT64_MAX },
                { .from = true, .interfaces = true },
        };
        static const BalanceName balances[] = {
                { .family = AF_INET, .backends = 3, .hash = 7 },
                { .family = AF_INET6, .backends = 65535, .range = true, .hash = UINT64_MAX },
        };
        char text[CHAIN_NAME_SIZE];

        for (size_t i = 0; i < ELEMENTSOF(limits); i++) {
                LimitName name;

                assert_true(limit_name_parse(limit_name_format(&limits[i], text), &name));
                assert_int_equal(name.from, limits[i].from);
                assert_int_equal(name.interfaces, limits[i].interfaces);
                assert_int_equal(name.local, limits[i].local);
                assert_true(name.hash == limits[i].hash);
        }
        for (size_t i = 0; i < ELEMENTSOF(balances); i++) {
                BalanceName name;

                assert_true(balance_name_parse(balance_name_format(&balances[i], text), &name));
                assert_int_equal(name.family, balances[i].family);
                assert_int_equal(name.backends, balances[i].backends);
                assert_int_equal(name.range, balances[i].range);
                assert_true(name.hash == balances[i].hash);
        }
}

static void test_foreign_chain_names(void **state _unused_) {
        static const char *const names[] = {
                "", "limit", "limit-", "limit-x-0000000000000123", "limit-f-123", "limit-if-0000000000000123",
                "limit-f-0000000000000123x", "limit-f-000000000000012G", "balance", "balance4-0-0000000000000007",
                "balance5-3-0000000000000007", "balance4--3-0000000000000007", "balance4-03-0000000000000007",
                "balance4-3-7", "balance4-3rr-0000000000000007", "balance4-99999999999-0000000000000007",
                "profile-bridge",
        };
        BalanceName balance;
        LimitName limit;

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_false(limit_name_parse(names[i], &limit));
                assert_false(balance_name_parse(names[i], &balance));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_profile_name),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_name_is_data_of_an_endpoint),
                cmocka_unit_test(test_chain_names),
                cmocka_unit_test(test_foreign_chain_names),
        };

        return cmocka_run_group_tests_name("element", tests, NULL, NULL);
}
