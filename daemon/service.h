/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/macros.h"

/* What the daemon says to systemd, what systemd keeps for it, and says of it. Without systemd all of it does nothing. */

#define SERVICE_UNIT "calico-exposed.service"

/* systemd runs this process, and hears it. */
bool service_is_present(void);

/* Returns false if systemd could not be told. */
bool service_notify_ready(void);
void service_notify_reloading(void); /* service_notify_ready() ends it */
void service_notify_stopping(void);
void service_notify_status(const char *format, ...) _printf_(1, 2);

/* What systemd keeps for us over a restart or a crash, until the unit is stopped: sd_notify(3), FDSTORE=1. -1: it has
 * none. The store's entries are duplicates. */
typedef struct ServiceStore {
        int nft;    /* the netlink socket that owns the table */
        int starts; /* a file in memory: see service_count_start() */
} ServiceStore;

/* Close-on-exec. To be called once, before any descriptor is opened. Returns 0, or negative errno where it cannot be told:
 * then there may be a socket, and the table its. */
int service_take_store(ServiceStore *ret);
void service_store_nft(int fd);
/* Returns when systemd has closed its duplicate. */
void service_forget_nft(void);

/* Starts in a row, this one included, after which no service_forget_starts() came. */
typedef struct ServiceStarts {
        unsigned count;
        uint64_t age_usec; /* since the first of them, time asleep included */
} ServiceStarts;

/* One more start. Where nothing can be kept, it is always the first. */
ServiceStarts service_count_start(ServiceStore *store);
void service_forget_starts(const ServiceStore *store);

/* 1 if the unit of this process is being stopped, 0 if it is restarted, or brought back by systemd by itself. Asks
 * systemd over the system bus, some seconds at the most; negative errno where that is impossible. */
int service_is_stopped_for_good(void);

typedef struct ServiceState {
        char active[32]; /* the unit's ActiveState: "active", "inactive", "failed"... */
        char status[256]; /* its StatusText, from service_notify_status() */
} ServiceState;

/* What systemd says of SERVICE_UNIT, to whoever asks; likewise. */
int service_ask_state(ServiceState *ret);
