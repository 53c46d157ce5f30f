/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/survey.h"

/* What `list` tells: a row for each claim, and one for each exposure in the kernel that no claim asks for. */

#define ROW_REASON_SIZE (CALICO_REASON_SIZE + 64)

typedef struct Row {
        const Record *record; /* NULL: no claim; the survey's, like the others */
        const Claim *claim;
        Exposure exposure; /* where there is no claim */
        const Record *neighbour; /* who has the exposure's address, by what Docker says; NULL if nobody, or with a claim */
        ClaimState state;
        char reason[ROW_REASON_SIZE];
        const char *rule; /* what became of its profile rule: static; NULL if none is needed, or that is not known */
        char rule_reason[ROW_REASON_SIZE]; /* "" if it is in place */
        char profile[CLAIM_REASON_SIZE];   /* that allows it, or is to; fit to be shown */
} Row;

/* Returns 0 or -ENOMEM. */
int row_of_claim(const Survey *survey, const Record *record, const Claim *claim, Row *ret);

typedef struct Rows {
        Row *items; /* by host port, then protocol, address and container; what could not be parsed at the end */
        size_t count;
        size_t capacity;
} Rows;

/* Returns 0 or -ENOMEM. */
int rows_collect(const Survey *survey, Rows *ret);
void rows_done(Rows *rows);

/* The table for people and pipes. Returns 0 or -ENOMEM. */
int rows_print(const Rows *rows, FILE *file);

/* One of them, at the end of an array of claims (docs/json.md). False if there is no memory. */
bool row_append_json(cJSON *array, const Row *row);

/* The same as JSON (docs/json.md), a new line behind it. Returns 0 or -ENOMEM. */
int rows_print_json(const Rows *rows, const Survey *survey, FILE *file);
