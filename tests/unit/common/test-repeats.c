/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/macros.h"
#include "common/repeats.h"
#include "tests/cmocka.h"

#define SECOND UINT64_C(1000000)
#define MINUTE (60 * SECOND)

/* Once a second from `from` to `to`, both included; the number of times that it was said. */
static unsigned repeat(Repeats *repeats, uint64_t from, uint64_t to, unsigned *ret_left_out) {
        unsigned said = 0;

        for (uint64_t now = from; now <= to; now += SECOND)
                said += repeats_allow(repeats, now, ret_left_out);
        return said;
}

static void test_a_few_are_said(void **state _unused_) {
        Repeats repeats = {};
        unsigned left_out = 99;

        assert_int_equal(repeat(&repeats, SECOND, 5 * SECOND, &left_out), 5);
        assert_int_equal(left_out, 0);
        assert_false(repeats_is_due(&repeats, 10 * MINUTE));
}

static void test_more_are_counted(void **state _unused_) {
        Repeats repeats = {};
        unsigned left_out = 99;

        assert_int_equal(repeat(&repeats, MINUTE, 2 * MINUTE - SECOND, &left_out), REPEATS_BURST);
        assert_true(repeats_allow(&repeats, 2 * MINUTE, &left_out));
        assert_int_equal(left_out, 55);
}

static void test_what_goes_on_is_said_less_and_less(void **state _unused_) {
        Repeats repeats = {};
        unsigned left_out;

        assert_int_equal(repeat(&repeats, 0, 3 * MINUTE - SECOND, &left_out), REPEATS_BURST + 1);
        assert_true(repeats_allow(&repeats, 3 * MINUTE, &left_out));
        assert_int_equal(left_out, 119);
        /* After 1, 3, 7, ... 63 minutes, and then each hour. */
        assert_int_equal(repeat(&repeats, 3 * MINUTE + SECOND, UINT64_C(24 * 60) * MINUTE, &left_out), 4 + 22);
        assert_int_equal(left_out, 3599);
}

static void test_what_was_quiet_begins_anew(void **state _unused_) {
        Repeats repeats = {};
        unsigned left_out;

        assert_int_equal(repeat(&repeats, 0, 4 * SECOND, &left_out), 5);
        assert_int_equal(repeat(&repeats, 2 * MINUTE, 2 * MINUTE + 4 * SECOND, &left_out), 5);
        assert_int_equal(left_out, 0);
}

static void test_the_last_ones_are_due(void **state _unused_) {
        Repeats repeats = {};
        unsigned left_out;

        (void) repeat(&repeats, 0, 9 * SECOND, &left_out);
        assert_false(repeats_is_due(&repeats, MINUTE - 1));
        assert_true(repeats_is_due(&repeats, MINUTE));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_few_are_said),
                cmocka_unit_test(test_more_are_counted),
                cmocka_unit_test(test_what_goes_on_is_said_less_and_less),
                cmocka_unit_test(test_what_was_quiet_begins_anew),
                cmocka_unit_test(test_the_last_ones_are_due),
        };

        return cmocka_run_group_tests_name("repeats", tests, NULL, NULL);
}
