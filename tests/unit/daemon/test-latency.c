/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "daemon/latency.h"
#include "tests/cmocka.h"

static uint64_t count(const MetricsHistogram *histogram) {
        uint64_t sum = 0;

        for (size_t i = 0; i <= METRICS_LIMITS; i++)
                sum += histogram->counts[i];
        return sum;
}

static void test_from_the_event_to_the_pass(void **state _unused_) {
        MetricsHistogram histogram = {};
        Latency latency = {};

        latency_begin(&latency, "a", 1000);
        latency_finish(&latency, 2000, &histogram); /* a pass for another reason */
        assert_int_equal(count(&histogram), 0);
        latency_know(&latency, "a", true);
        latency_finish(&latency, 4000, &histogram);
        assert_int_equal(count(&histogram), 1);
        assert_int_equal(histogram.sum_usec, 3000);
        latency_finish(&latency, 5000, &histogram);
        assert_int_equal(count(&histogram), 1);
}

static void test_the_oldest_event_counts(void **state _unused_) {
        MetricsHistogram histogram = {};
        Latency latency = {};

        latency_begin(&latency, "a", 1000);
        latency_begin(&latency, "b", 1500);
        latency_begin(&latency, "a", 2000);
        latency_know(&latency, "a", true);
        latency_finish(&latency, 3000, &histogram);
        assert_int_equal(histogram.sum_usec, 2000);
        latency_know(&latency, "b", true);
        latency_finish(&latency, 3500, &histogram);
        assert_int_equal(histogram.sum_usec, 4000);
}

static void test_what_changes_nothing_is_not_measured(void **state _unused_) {
        MetricsHistogram histogram = {};
        Latency latency = {};

        latency_begin(&latency, "a", 1000);
        latency_know(&latency, "a", false);
        latency_know(&latency, "a", true);
        latency_know(&latency, "unknown", true);
        latency_finish(&latency, 2000, &histogram);
        assert_int_equal(count(&histogram), 0);
}

/* A container that died, and then is no more: the second answer takes nothing back. */
static void test_the_change_is_not_forgotten(void **state _unused_) {
        MetricsHistogram histogram = {};
        Latency latency = {};

        latency_begin(&latency, "a", 1000);
        latency_know(&latency, "a", true);
        latency_know(&latency, "a", false);
        latency_finish(&latency, 2000, &histogram);
        assert_int_equal(count(&histogram), 1);
}

static void test_more_than_can_be_followed(void **state _unused_) {
        MetricsHistogram histogram = {};
        Latency latency = {};
        char id[16];

        for (int i = 0; i < 2 * LATENCY_EVENTS_MAX; i++) {
                snprintf(id, sizeof(id), "%d", i);
                latency_begin(&latency, id, 0);
                latency_know(&latency, id, true);
        }
        latency_finish(&latency, 1, &histogram);
        assert_int_equal(count(&histogram), LATENCY_EVENTS_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_from_the_event_to_the_pass),
                cmocka_unit_test(test_the_oldest_event_counts),
                cmocka_unit_test(test_what_changes_nothing_is_not_measured),
                cmocka_unit_test(test_the_change_is_not_forgotten),
                cmocka_unit_test(test_more_than_can_be_followed),
        };

        return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
