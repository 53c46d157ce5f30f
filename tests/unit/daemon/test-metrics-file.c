/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/metrics-file.h"
#include "daemon/timer.h"
#include "tests/cmocka.h"

typedef struct Fixture {
        char directory[64], path[128], temporary[160];
        unsigned collected;
        sd_event *event;
        MetricsFile *file;
} Fixture;

static void collect(void *userdata, Metrics *ret) {
        Fixture *fixture = userdata;

        *ret = (Metrics) { .version = "test", .passes = { .changed = ++fixture->collected } };
}

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        *state = fixture;
        strcpy(fixture->directory, "/tmp/test-metrics-XXXXXX");
        assert_non_null(mkdtemp(fixture->directory));
        snprintf(fixture->path, sizeof(fixture->path), "%s/metrics.prom", fixture->directory);
        snprintf(fixture->temporary, sizeof(fixture->temporary), "%s.new", fixture->path);
        assert_true(sd_event_new(&fixture->event) >= 0);
        assert_int_equal(metrics_file_new(fixture->event, fixture->path, collect, fixture, &fixture->file), 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        metrics_file_free(fixture->file);
        sd_event_unref(fixture->event);
        (void) unlink(fixture->path);
        (void) rmdir(fixture->directory);
        free(fixture);
        return 0;
}

/* Updates, and runs the loop until the file was written or could not be. */
static void update(Fixture *fixture) {
        unsigned before = fixture->collected;

        metrics_file_update(fixture->file);
        while (fixture->collected == before)
                assert_true(sd_event_run(fixture->event, 10 * METRICS_PERIOD_USEC) > 0);
}

static void test_is_replaced_as_a_whole(void **state) {
        Fixture *fixture = *state;
        struct stat st;

        update(fixture);
        assert_int_equal(stat(fixture->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0644);
        assert_true(st.st_size > 1000);
        assert_int_equal(access(fixture->temporary, F_OK), -1);
}

static void test_not_more_than_once_in_a_while(void **state) {
        Fixture *fixture = *state;

        update(fixture);
        for (int i = 0; i < 5; i++) {
                metrics_file_update(fixture->file);
                assert_int_equal(sd_event_run(fixture->event, METRICS_PERIOD_USEC / 100), 0);
        }
        assert_int_equal(fixture->collected, 1);
        update(fixture);
        assert_int_equal(fixture->collected, 2);
}

/* What stands where it would be put. */
static void test_a_failure_leaves_the_old_file(void **state) {
        Fixture *fixture = *state;
        struct stat before, after;

        update(fixture);
        assert_int_equal(stat(fixture->path, &before), 0);
        assert_int_equal(symlink("/dev/full", fixture->temporary), 0); /* which is not followed */
        metrics_file_update(fixture->file);
        while (access(fixture->temporary, F_OK) == 0)
                assert_true(sd_event_run(fixture->event, 10 * METRICS_PERIOD_USEC) > 0);
        assert_int_equal(stat(fixture->path, &after), 0);
        assert_int_equal(after.st_ino, before.st_ino);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_is_replaced_as_a_whole, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_more_than_once_in_a_while, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_failure_leaves_the_old_file, setup, teardown),
        };

        return cmocka_run_group_tests_name("metrics file", tests, NULL, NULL);
}
