/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/timer.h"

#include <time.h>

/* When nobody waits for a certain moment, the kernel may wake us together with others. */
#define ACCURACY_USEC (10 * USEC_PER_MSEC)

int timer_new(sd_event *event, sd_event_time_handler_t handler, void *userdata, sd_event_source **ret) {
        int r;

        r = sd_event_add_time_relative(event, ret, CLOCK_MONOTONIC, 0, ACCURACY_USEC, handler, userdata);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

void timer_start(sd_event_source *timer, uint64_t delay) {
        int r;

        r = sd_event_source_set_time_relative(timer, delay);
        if (r >= 0)
                r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
        if (r < 0)
                (void) sd_event_exit(sd_event_source_get_event(timer), r);
}

bool timer_start_if_off(sd_event_source *timer, uint64_t delay) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                return false;
        timer_start(timer, delay);
        return true;
}
