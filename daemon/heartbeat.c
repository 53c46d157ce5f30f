/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/heartbeat.h"

#include <errno.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "daemon/timer.h"

#define PRIORITY (SD_EVENT_PRIORITY_IDLE + 100)

/* One may be late, or missed. */
#define BEATS_PER_LIMIT 3

struct Heartbeat {
        HeartbeatProgress progress;
        void *userdata;
        uint64_t period_usec;
        sd_event_source *timer;
};

static int on_beat(sd_event_source *source, uint64_t now _unused_, void *userdata) {
        Heartbeat *heartbeat = userdata;

        if (heartbeat->progress(heartbeat->userdata))
                (void) sd_notify(0, "WATCHDOG=1");
        timer_start(source, heartbeat->period_usec);
        return 0;
}

int heartbeat_new(sd_event *event, HeartbeatProgress progress, void *userdata, Heartbeat **ret) {
        _cleanup_(heartbeat_freep) Heartbeat *heartbeat = calloc(1, sizeof(*heartbeat));
        uint64_t limit;
        int r;

        if (!heartbeat)
                return -ENOMEM;
        *heartbeat = (Heartbeat) { .progress = progress, .userdata = userdata };
        r = sd_watchdog_enabled(0, &limit);
        if (r > 0) {
                heartbeat->period_usec = limit / BEATS_PER_LIMIT;
                r = timer_new(event, on_beat, heartbeat, &heartbeat->timer);
                if (r >= 0)
                        r = sd_event_source_set_priority(heartbeat->timer, PRIORITY);
        }
        if (r < 0)
                return r;
        if (heartbeat->timer)
                timer_start(heartbeat->timer, heartbeat->period_usec);
        *ret = TAKE_PTR(heartbeat);
        return 0;
}

Heartbeat *heartbeat_free(Heartbeat *heartbeat) {
        if (!heartbeat)
                return NULL;
        sd_event_source_disable_unref(heartbeat->timer);
        free(heartbeat);
        return NULL;
}
