/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/cmocka.h"

/* Standard error, which is no journal here, goes into a file. */
static FILE *output;
static int terminal;

static int setup(void **state _unused_) {
        output = tmpfile();
        terminal = dup(STDERR_FILENO);
        return output && dup2(fileno(output), STDERR_FILENO) >= 0 ? 0 : -1;
}

static int teardown(void **state _unused_) {
        (void) dup2(terminal, STDERR_FILENO);
        close(terminal);
        return fclose(output);
}

static unsigned count_lines(const char *wanted) {
        unsigned n = 0;
        char line[2048];

        assert_return_code(fseek(output, 0, SEEK_SET), errno);
        while (fgets(line, sizeof(line), output)) {
                line[strcspn(line, "\n")] = '\0';
                n += strcmp(line, wanted) == 0;
        }
        return n;
}

static void test_failures_are_counted(void **state _unused_) {
        for (int i = 0; i < 20; i++)
                log_line(LOG_WARNING, "it failed");
        assert_int_equal(count_lines("calico-exposed: it failed"), 5);
        log_flush_repeats(false); /* its minute is not over */
        assert_int_equal(count_lines("calico-exposed: it failed (repeated 15 times)"), 0);
        log_flush_repeats(true);
        assert_int_equal(count_lines("calico-exposed: it failed (repeated 15 times)"), 1);
        log_flush_repeats(true);
        assert_int_equal(count_lines("calico-exposed: it failed (repeated 15 times)"), 1);
}

static void test_what_happens_is_always_said(void **state _unused_) {
        for (int i = 0; i < 20; i++)
                log_line(LOG_INFO, "it happened");
        assert_int_equal(count_lines("calico-exposed: it happened"), 20);
}

static void test_fields_make_a_difference(void **state _unused_) {
        for (int i = 0; i < 20; i++) {
                char id[16];
                const LogField fields[] = { { "CALICO_EXPOSED_CONTAINER_ID", id }, {} };

                snprintf(id, sizeof(id), "%d", i);
                log_event(LOG_WARNING, NULL, fields, "web: refused");
        }
        assert_int_equal(count_lines("calico-exposed: web: refused"), 20);
}

/* More than the table holds: nothing is left out unsaid. */
static void test_many_at_a_time(void **state _unused_) {
        for (int i = 0; i < 10; i++)
                log_line(LOG_ERR, "the first one");
        for (int i = 0; i < 1000; i++)
                log_line(LOG_ERR, "one of many: %d", i);
        assert_int_equal(count_lines("calico-exposed: the first one (repeated 5 times)"), 1);
        assert_int_equal(count_lines("calico-exposed: one of many: 999"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_failures_are_counted, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_happens_is_always_said, setup, teardown),
                cmocka_unit_test_setup_teardown(test_fields_make_a_difference, setup, teardown),
                cmocka_unit_test_setup_teardown(test_many_at_a_time, setup, teardown),
        };

        return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
