/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What is the same again and again is said some times, then counted, and the number said: after a minute, and while it
 * goes on, after twice the time as before, up to an hour. Pure: the caller brings the clock, in microseconds. */

#define REPEATS_BURST 5
#define REPEATS_PERIOD_MIN_USEC UINT64_C(60000000)
#define REPEATS_PERIOD_MAX_USEC UINT64_C(3600000000)

typedef struct Repeats {
        uint64_t key;       /* of what is repeated */
        uint64_t since;     /* when the period began */
        uint64_t period;    /* 0: nothing was said yet */
        unsigned said;      /* in this period */
        unsigned left_out;  /* and not said */
} Repeats;

/* It is there once more: true if it shall be said. *ret_left_out: how many times it was not since. */
bool repeats_allow(Repeats *repeats, uint64_t now, unsigned *ret_left_out);

/* Something was left out, and its period is over: it may have been the last one. */
bool repeats_is_due(const Repeats *repeats, uint64_t now);
