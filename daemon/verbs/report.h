/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/survey.h"

/* JSON for programs; docs/json.md is the contract. */

#define REPORT_VERSION 1

/* An object with the version and what the survey, if there is one, says of the daemon, Docker and the
 * kernel; NULL if there is no memory. */
cJSON *report_new(const Survey *survey);

/* Adds a text, or null where it is NULL or "". False if there is no memory. */
bool report_add_text(cJSON *object, const char *name, const char *text);
/* Adds it, or null if it is negative. */
bool report_add_number(cJSON *object, const char *name, int number);
/* Adds text to an array. */
bool report_append_text(cJSON *array, const char *text);
/* Adds an empty object to an array, and returns it; NULL if there is no memory. */
cJSON *report_append_object(cJSON *array);

/* Writes it, and a new line. Returns 0 or -ENOMEM. */
int report_print(const cJSON *report, FILE *file);
