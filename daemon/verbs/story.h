/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "daemon/survey.h"
#include "daemon/verbs/obstacles.h"

/* What there is to tell of one container, in sentences. */

/* Who it is, which labels it carries, which network, address and profile were chosen and why, and who may use it. */
void story_tell_container(const Survey *survey, const Record *record, FILE *file);

/* Each of its claims, with state and reason. Returns 0 or -ENOMEM. */
int story_tell_claims(const Survey *survey, const Record *record, FILE *file);

/* What else on this host is in the way, and the one thing to change. Returns 0 or -ENOMEM. */
int story_tell_remedy(const Survey *survey, const Record *record, const Obstacles *obstacles, FILE *file);
