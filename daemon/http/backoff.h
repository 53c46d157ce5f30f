/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* How long to wait before the next attempt: doubled each time up to a cap, and spread, so that many machines (or
 * daemons) that lost the same thing at the same moment do not come back as one. All times in microseconds. */
typedef struct Backoff {
        uint64_t minimum;
        uint64_t maximum;
        uint64_t delay; /* of the last attempt, unspread; 0 before the first */
} Backoff;

/* The next delay, spread by up to a fifth to both sides; `random` is any value, evenly distributed. */
uint64_t backoff_next(Backoff *backoff, uint32_t random);

static inline void backoff_reset(Backoff *backoff) {
        backoff->delay = 0;
}
