/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"

/* Feeds systemd's watchdog (sd_watchdog_enabled(3)), by progress alone. The timer has the lowest priority of all: it goes
 * off only when nothing else is due, so neither a loop that spins nor a piece of work that never ends feeds it, as
 * sd_event_set_watchdog() would. And only if the caller says that its work is done when it should be. */
typedef struct Heartbeat Heartbeat;

/* Asked before each beat; false: no beat. */
typedef bool (*HeartbeatProgress)(void *userdata);

/* Without a watchdog it does nothing. Returns 0 or a negative errno. */
int heartbeat_new(sd_event *event, HeartbeatProgress progress, void *userdata, Heartbeat **ret);
Heartbeat *heartbeat_free(Heartbeat *heartbeat);
DEFINE_CLEANUP(Heartbeat, heartbeat_free)
