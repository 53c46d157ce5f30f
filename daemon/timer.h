/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* A timer that is off until timer_start(). Returns 0 or a negative errno. */
int timer_new(sd_event *event, sd_event_time_handler_t handler, void *userdata, sd_event_source **ret);

/* It goes off once, after `delay` microseconds, whatever it was set to before. Where there is no memory for that, the
 * loop is left: what is waited for would never come. */
void timer_start(sd_event_source *timer, uint64_t delay);

/* The same, but a timer that is running already is left alone. Returns true if it was started. */
bool timer_start_if_off(sd_event_source *timer, uint64_t delay);
