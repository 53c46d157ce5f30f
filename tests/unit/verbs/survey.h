/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "daemon/survey.h"

/* A survey as survey_take() would make it, of containers and a table that the test gives. */
typedef struct TestSurvey {
        Survey survey;
        Config config;
} TestSurvey;

/* A running daemon, the open policy, no containers, an empty table. */
TestSurvey *test_survey_new(void);
TestSurvey *test_survey_free(TestSurvey *test);
DEFINE_CLEANUP(TestSurvey, test_survey_free)

/* Takes the container over. */
void test_survey_add(TestSurvey *test, Container *container);

/* The daemon carries out all that is decided by now. */
void test_survey_carry_out(TestSurvey *test);

/* Decides, and compares with the table: to be called when all is added. */
void test_survey_decide(TestSurvey *test);

/* What a function writes into a file: TEXT_OF(file, write(file)); to be freed. */
#define TEXT_OF(file, call)                                             \
        ({                                                              \
                char *_text = NULL;                                     \
                size_t _size;                                           \
                FILE *file = open_memstream(&_text, &_size); /* NOLINT(bugprone-macro-parentheses): declares it */ \
                assert_non_null(file);                                  \
                call;                                                   \
                fclose(file);                                           \
                _text;                                                  \
        })
