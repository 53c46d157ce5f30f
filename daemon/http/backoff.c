/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/backoff.h"

#include "common/macros.h"

uint64_t backoff_next(Backoff *backoff, uint32_t random) {
        uint64_t spread;

        backoff->delay = backoff->delay == 0 ? backoff->minimum : MIN(backoff->delay * 2, backoff->maximum);
        spread = backoff->delay / 5;
        return backoff->delay - spread + random % (2 * spread + 1);
}
