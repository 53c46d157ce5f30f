/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/survey.h"

/* What a person can do for a claim that is not exposed: a sentence without its stop, fit to be shown. Writes into the
 * buffer, and returns it. */
#define REMEDY_SIZE 640
const char *remedy_format(const Survey *survey, const Record *record, const Claim *claim, const ClaimFacts *facts,
                          char buffer[static REMEDY_SIZE]);
