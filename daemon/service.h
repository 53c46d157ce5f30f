/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "common/macros.h"

/* What the daemon says to systemd, and what systemd keeps for it. Without systemd all of it does nothing. */

void service_notify_ready(void);
void service_notify_reloading(void); /* service_notify_ready() ends it */
void service_notify_stopping(void);
void service_notify_status(const char *format, ...) _printf_(1, 2);

/* The netlink socket that owns the table, kept over a restart: sd_notify(3), FDSTORE=1. The store's entry is a
 * duplicate. */
void service_store_nft(int fd);
void service_forget_nft(void);
/* The stored socket, close-on-exec, or -1. To be called once, before any descriptor is opened. */
int service_take_nft(void);

/* True if the unit is being stopped, and not restarted or brought back by systemd by itself: then what stands in the
 * kernel shall go. Asks systemd over the system bus, some seconds at the most; true where that is impossible. */
bool service_is_stopped_for_good(void);
