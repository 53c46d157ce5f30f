/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <sys/random.h>
#include <time.h>

/* For the spread of attempts. Early at boot the clock has to do. */
static inline uint32_t random_number(void) {
        uint32_t number;

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
                struct timespec now = {};

                (void) clock_gettime(CLOCK_REALTIME, &now);
                number = (uint32_t) now.tv_nsec;
        }
        return number;
}
