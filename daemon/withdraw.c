/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/withdraw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/kernel.h"
#include "daemon/left.h"
#include "daemon/messages.h"
#include "daemon/metrics-file.h"
#include "daemon/service.h"

/* The kernel's side of the daemon, with no containers. */
typedef struct Remains {
        sd_event *event;
        Model *model;
        Kernel *kernel;
        TableState table;
} Remains;

static void remains_done(Remains *remains) {
        kernel_free(remains->kernel);
        model_free(remains->model);
        sd_event_unref(remains->event);
}

static void on_changed(void *userdata _unused_) {
}

static int remains_look(Remains *remains, int stored_fd) {
        static const RulesetOptions options;
        static const Policy policy;
        int r;

        r = sd_event_new(&remains->event);
        if (r >= 0)
                r = model_new(&policy, &remains->model);
        if (r >= 0)
                r = kernel_new(remains->event, &options, stored_fd, remains->model, on_changed, NULL, &remains->kernel);
        return r < 0 ? r : kernel_look(remains->kernel, &remains->table);
}

/* Where the table is gone already. */
static int remains_recall(Remains *remains) {
        _cleanup_(names_freep) Names *names = names_new();
        Elements left;
        int r;

        if (!names)
                return -ENOMEM;
        r = left_load(LEFT_PATH, names, &left);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = model_set_actual(remains->model, &left);
        elements_done(&left);
        return r;
}

static int remains_withdraw(Remains *remains) {
        int r = remains->table == TABLE_ABSENT ? remains_recall(remains) : 0;

        if (r < 0)
                return r;
        kernel_withdraw_all(remains->kernel);
        (void) unlink(LEFT_PATH);
        (void) unlink(METRICS_PATH);
        return 0;
}

static int complain(int error) {
        if (error < 0)
                log_event(LOG_ERR, MESSAGE_WITHDRAW_FAILED, NULL,
                          "Cannot withdraw what was exposed: %s", strerror(-error));
        return error;
}

int withdraw_left(int stored_fd) {
        Remains remains = {};
        int r;

        r = remains_look(&remains, stored_fd);
        if (r >= 0)
                r = remains_withdraw(&remains);
        remains_done(&remains);
        return complain(r);
}

static int remember_left(void) {
        Remains remains = {};
        int r;

        r = remains_look(&remains, -1);
        if (r >= 0 && remains.table != TABLE_ABSENT)
                r = left_save(LEFT_PATH, model_read_elements(remains.model));
        remains_done(&remains);
        return complain(r);
}

/* systemd.exec(5): of the main process, in ExecStopPost= alone. */
static bool ended_with(int status) {
        const char *said = getenv("EXIT_STATUS");

        return said && atoi(said) == status;
}

int withdraw_after_end(void) {
        return ended_with(EX_USAGE) || ended_with(EX_CONFIG) ? withdraw_left(-1) : remember_left();
}

static int withdraw_by_hand(void) {
        Remains remains = {};
        int r;

        r = remains_look(&remains, -1);
        if (r >= 0)
                r = remains.table == TABLE_FOREIGN ? -EBUSY : remains_withdraw(&remains);
        remains_done(&remains);
        if (r == -EBUSY)
                log_line(LOG_ERR, "calico-exposed is running: nothing is withdrawn (systemctl stop calico-exposed)");
        return r == -EBUSY ? r : complain(r);
}

int withdraw_on_stop(void) {
        if (!service_is_present())
                return withdraw_by_hand();
        return service_is_stopped_for_good() > 0 ? withdraw_left(-1) : 0;
}
