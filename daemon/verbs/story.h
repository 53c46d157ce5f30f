/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "daemon/survey.h"
#include "daemon/verbs/obstacles.h"
#include "daemon/verbs/remedy.h"

/* What there is to tell of one container, in sentences. */

/* Who it is, which labels it carries, which network, address and profile were chosen and why, and who may use it. */
void story_tell_container(const Survey *survey, const Record *record, FILE *file);

/* Each of its claims, with state and reason. Returns 0 or -ENOMEM. */
int story_tell_claims(const Survey *survey, const Record *record, FILE *file);

/* What else on this host is in the way, and the one thing to change. Returns 0 or -ENOMEM. */
int story_tell_remedy(const Survey *survey, const Record *record, const Obstacles *obstacles, FILE *file);

/* The one thing to change. */
typedef struct Advice {
        const Claim *claim;     /* that it is about; NULL: about the container, or this host */
        char text[REMEDY_SIZE]; /* a sentence without its stop, fit to be shown; "": nothing that is known of */
} Advice;

/* Returns 0 or -ENOMEM. */
int story_find_advice(const Survey *survey, const Record *record, const Obstacles *obstacles, Advice *ret);

/* All of it as JSON (docs/json.md), a new line behind it. record: NULL if Docker could not be asked. Returns 0 or
 * -ENOMEM. */
int story_print_json(const Survey *survey, const Record *record, const Obstacles *obstacles, FILE *file);
