/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/restraint.h"

#include <signal.h>
#include <time.h>

#include "common/log.h"
#include "daemon/messages.h"
#include "daemon/timer.h"
#include "daemon/withdraw.h"

/* Starts in a row that do not wait: somebody may be killing us for sport. */
#define STARTS_AT_ONCE 5
#define PAUSE_MIN_MSEC 100u
#define PAUSE_MAX_MSEC 10000u
#define DOUBLINGS_MAX 7

#define UNFOLLOWED_USEC (30 * USEC_PER_SEC)

static unsigned pause_msec(unsigned starts) {
        if (starts <= STARTS_AT_ONCE)
                return 0;
        return MIN(PAUSE_MIN_MSEC << MIN(starts - STARTS_AT_ONCE - 1, DOUBLINGS_MAX), PAUSE_MAX_MSEC);
}

/* In here, and not by RestartSec=, which cannot grow before systemd 254. */
static bool wait_unless_ended(unsigned msec) {
        const struct timespec pause = { .tv_sec = msec / 1000, .tv_nsec = msec % 1000 * 1000000L };
        sigset_t ends;

        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGINT);
        (void) sigprocmask(SIG_BLOCK, &ends, NULL);
        return sigtimedwait(&ends, NULL, &pause) < 0;
}

bool restraint_allows_start(ServiceStore *store) {
        ServiceStarts starts = service_count_start(store);
        unsigned msec = pause_msec(starts.count);

        if (store->nft >= 0 && starts.count > 1 && starts.age_usec >= UNFOLLOWED_USEC) {
                log_event(LOG_ERR, MESSAGE_START_FAILED, NULL, "%u starts in a row failed: withdrawing what is exposed",
                          starts.count - 1);
                if (withdraw_left(take_fd(&store->nft)) < 0)
                        service_forget_nft(); /* the table at least */
        }
        if (msec == 0)
                return true;
        service_notify_status("%u starts in a row failed, trying again in %u.%u s", starts.count - 1, msec / 1000,
                              msec % 1000 / 100);
        return wait_unless_ended(msec);
}
