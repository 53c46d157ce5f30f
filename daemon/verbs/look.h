/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/survey.h"

/* What all verbs begin and end with. */

/* Takes a survey by the configuration in its usual place. Returns 0, or the exit code after saying what is wrong. */
int look_around(Survey **ret);

/* Says on standard error what could not be asked, and if the daemon does not run. */
void look_complain(const Survey *survey);

/* The exit code of a verb that said what there was to say: 0, EX_NOPERM or EX_UNAVAILABLE if that cannot be all. */
int look_exit_code(const Survey *survey);

/* After -ENOMEM and the like. */
int look_fail(int error);
