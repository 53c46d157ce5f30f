/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/repeats.h"

#include "common/macros.h"

static void begin(Repeats *repeats, uint64_t now, uint64_t period, unsigned said) {
        repeats->since = now;
        repeats->period = period;
        repeats->said = said;
        repeats->left_out = 0;
}

static bool is_over(const Repeats *repeats, uint64_t now) {
        return now - repeats->since >= repeats->period;
}

bool repeats_allow(Repeats *repeats, uint64_t now, unsigned *ret_left_out) {
        unsigned left_out = repeats->left_out;

        if (!is_over(repeats, now)) {
                if (repeats->said == REPEATS_BURST) {
                        repeats->left_out++;
                        return false;
                }
                repeats->said++;
        } else if (left_out == 0)
                begin(repeats, now, REPEATS_PERIOD_MIN_USEC, 1);
        else
                begin(repeats, now, MIN(repeats->period * 2, REPEATS_PERIOD_MAX_USEC), REPEATS_BURST);
        *ret_left_out = left_out;
        return true;
}

bool repeats_is_due(const Repeats *repeats, uint64_t now) {
        return repeats->left_out > 0 && is_over(repeats, now);
}
