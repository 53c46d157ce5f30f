/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "control.h"

/* A wall clock that jumps. Time namespaces move the other clocks alone. Parameters of what replaces functions of libc
 * have their names there. */

#define PUBLIC __attribute__((visibility("default")))
#define NANOSECONDS INT64_C(1000000000)

static struct timespec now(clockid_t clock) {
        struct timespec now = {};
        int64_t total;

        (void) syscall(SYS_clock_gettime, clock, &now);
        total = now.tv_sec * NANOSECONDS + now.tv_nsec + (shim_control ? shim_control->clock_offset : 0);
        return (struct timespec) { .tv_sec = total / NANOSECONDS, .tv_nsec = total % NANOSECONDS };
}

PUBLIC int clock_gettime(clockid_t clock_id, struct timespec *tp) {
        if (clock_id != CLOCK_REALTIME && clock_id != CLOCK_REALTIME_COARSE)
                return (int) syscall(SYS_clock_gettime, clock_id, tp);
        *tp = now(clock_id);
        return 0;
}

PUBLIC int gettimeofday(struct timeval *tv, void *tz) {
        struct timespec told = now(CLOCK_REALTIME);

        (void) tz;
        *tv = (struct timeval) { .tv_sec = told.tv_sec, .tv_usec = told.tv_nsec / 1000 };
        return 0;
}

PUBLIC time_t time(time_t *timer) {
        time_t seconds = now(CLOCK_REALTIME).tv_sec;

        if (timer)
                *timer = seconds;
        return seconds;
}
