/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/verbs/survey.h"

#include <stdlib.h>

#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

TestSurvey *test_survey_new(void) {
        TestSurvey *test = calloc(1, sizeof(*test));

        assert_non_null(test);
        test->config = (Config) { .policy = open_policy, .ruleset = { .mark = 0x80, .mask = 0x80 } };
        test->survey = (Survey) {
                .config = &test->config,
                .table = TABLE_FOREIGN,
                .skeleton_intact = true,
                .docker_user = { DOCKER_USER_IN_PLACE, DOCKER_USER_ABSENT },
                .daemon = DAEMON_RUNS,
                .systemd = true,
        };
        assert_int_equal(model_new(&test->config.policy, &test->survey.model), 0);
        return test;
}

static void forget_decision(TestSurvey *test) {
        plan_done(&test->survey.plan);
        exposures_done(&test->survey.actual);
        exposures_done(&test->survey.desired);
}

TestSurvey *test_survey_free(TestSurvey *test) {
        if (!test)
                return NULL;
        forget_decision(test);
        model_free(test->survey.model);
        free(test);
        return NULL;
}

void test_survey_add(TestSurvey *test, Container *container) {
        assert_int_equal(model_put(test->survey.model, container), 1);
}

void test_survey_carry_out(TestSurvey *test) {
        Plan plan;

        assert_int_equal(model_decide(test->survey.model, &plan), 0);
        plan_done(&plan);
        model_commit(test->survey.model);
}

void test_survey_decide(TestSurvey *test) {
        Survey *survey = &test->survey;

        forget_decision(test);
        model_touch_all(survey->model); /* as a process that begins */
        assert_int_equal(model_decide(survey->model, &survey->plan), 0);
        assert_int_equal(exposures_of_elements(model_before(survey->model), &survey->actual), 0);
        assert_int_equal(exposures_of_elements(model_after(survey->model), &survey->desired), 0);
}
