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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_profile_name),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_name_is_data_of_an_endpoint),
        };

        return cmocka_run_group_tests_name("element", tests, NULL, NULL);
}
