/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/verbs/rows.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"
#include "tests/unit/verbs/survey.h"

#define TITLE "STATE\tHOST\tCONTAINER\tADDRESS\tNETWORK\tPROFILE\tREASON\n"

static void assert_rows(TestSurvey *test, const char *expected) {
        Rows rows;
        char *text;

        test_survey_decide(test);
        assert_int_equal(rows_collect(&test->survey, &rows), 0);
        text = TEXT_OF(file, assert_int_equal(rows_print(&rows, file), 0));
        assert_string_equal(text, expected);
        free(text);
        rows_done(&rows);
}

static void test_no_container(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        assert_rows(test, TITLE);
}

static void test_sorted_by_host_port(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        test_survey_add(test, build_on_bridge(1, "x,9000:80,53/udp,53"));
        test_survey_add(test, build_on_bridge(2, "127.0.0.1:8080:80,9000:80"));
        test_survey_carry_out(test);
        assert_rows(test,
                    TITLE
                    "exposed\t53/tcp\tc1\t172.17.0.1:53 [fd00:d0c::1]:53\tbridge\tbridge\t-\n"
                    "exposed\t53/udp\tc1\t172.17.0.1:53 [fd00:d0c::1]:53\tbridge\tbridge\t-\n"
                    "exposed\t127.0.0.1:8080/tcp\tc2\t172.17.0.2:80\tbridge\tbridge\t-\n"
                    "exposed\t9000/tcp\tc1\t172.17.0.1:80 [fd00:d0c::1]:80\tbridge\tbridge\t-\n"
                    "conflict\t9000/tcp\tc2\t172.17.0.2:80 [fd00:d0c::2]:80\tbridge\tbridge\tcontainer c1 holds that "
                    "host port\n"
                    "invalid\t\"x\"\tc1\t-\tbridge\tbridge\texpected a port from 1 to 65535\n");
}

/* What was decided, but is not in the kernel, is not exposed. */
static void test_the_kernel_has_the_last_word(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        test_survey_add(test, build_on_bridge(1, "80"));
        test_survey_carry_out(test);
        assert_true(model_remove(test->survey.model, model_records(test->survey.model, &(size_t) { 0 })[0]->container->id));
        test_survey_add(test, build_on_bridge(2, "81"));
        assert_rows(test,
                    TITLE
                    "exposed\t80/tcp\t-\t172.17.0.1:80\t-\t-\tin the kernel, but no container asks for it\n"
                    "exposed\t80/tcp\t-\t[fd00:d0c::1]:80\t-\t-\tin the kernel, but no container asks for it\n"
                    "waiting\t81/tcp\tc2\t172.17.0.2:81 [fd00:d0c::2]:81\tbridge\tbridge\tcalico-exposed has not carried "
                    "it out yet\n");
        test->survey.daemon = DAEMON_DOWN;
        strcpy(test->survey.docker.text, "Docker is away");
        assert_rows(test,
                    TITLE
                    "exposed\t80/tcp\t-\t172.17.0.1:80\t-\t-\tin the kernel; Docker could not be asked about it\n"
                    "exposed\t80/tcp\t-\t[fd00:d0c::1]:80\t-\t-\tin the kernel; Docker could not be asked about it\n");
}

static void test_one_family_that_is_missing(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Elements actual, only4 = {};

        test_survey_add(test, build_on_bridge(1, "80"));
        test_survey_carry_out(test);
        assert_int_equal(model_copy_actual(test->survey.model, &actual), 0);
        for (size_t i = 0; i < actual.count; i++)
                if (actual.items[i].family != AF_INET6)
                        assert_int_equal(elements_append(&only4, &actual.items[i]), 0);
        assert_int_equal(model_set_actual(test->survey.model, &only4), 0);
        elements_done(&only4);
        elements_done(&actual);
        assert_rows(test,
                    TITLE "waiting\t80/tcp\tc1\t172.17.0.1:80 [fd00:d0c::1]:80\tbridge\tbridge\tcalico-exposed has not "
                          "carried it out yet\n");
}

static void test_without_the_kernel(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        strcpy(test->survey.kernel.text, "no permission");
        test_survey_add(test, build_on_bridge(1, "80"));
        assert_rows(test, TITLE "exposed\t80/tcp\tc1\t172.17.0.1:80 [fd00:d0c::1]:80\tbridge\tbridge\t-\n");
}

static void test_json(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Rows rows;
        char *text;

        test->survey.daemon = DAEMON_UNKNOWN;
        test_survey_add(test, build_on_bridge(1, "0.0.0.0:8000-8010:9000-9010/udp,\033"));
        test_survey_decide(test);
        assert_int_equal(rows_collect(&test->survey, &rows), 0);
        text = TEXT_OF(file, assert_int_equal(rows_print_json(&rows, &test->survey, file), 0));
        assert_non_null(strstr(text, "\"version\":\t1,"));
        assert_non_null(strstr(text, "\"running\":\tnull,"));
        assert_non_null(strstr(text, "\"host_address\":\t\"0.0.0.0\","));
        assert_non_null(strstr(text, "\"host_port\":\t8000,"));
        assert_non_null(strstr(text, "\"container_port_last\":\t9010,"));
        assert_non_null(strstr(text, "\"container_addresses\":\t[\"172.17.0.1\"],"));
        assert_non_null(strstr(text, "\"entry\":\t\"\\\\x1b\","));
        assert_non_null(strstr(text, "\"host_port\":\tnull,"));
        assert_null(strchr(text, '\033'));
        free(text);
        rows_done(&rows);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_container),
                cmocka_unit_test(test_sorted_by_host_port),
                cmocka_unit_test(test_the_kernel_has_the_last_word),
                cmocka_unit_test(test_one_family_that_is_missing),
                cmocka_unit_test(test_without_the_kernel),
                cmocka_unit_test(test_json),
        };

        return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
