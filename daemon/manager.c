/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/manager.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "common/log.h"
#include "daemon/announce.h"
#include "daemon/docker/client.h"
#include "daemon/kernel.h"
#include "daemon/messages.h"
#include "daemon/model/model.h"
#include "daemon/service.h"
#include "daemon/status.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)

/* A list can be older than the last event that came before it: it is asked for once more when things are quiet. */
#define LIST_TRAILING_USEC (500 * USEC_PER_MSEC)
#define LIST_CONNECTED_USEC (1 * USEC_PER_SEC)
#define LIST_FAILED_USEC (2 * USEC_PER_SEC)
/* What no event told is found by then at the latest. */
#define LIST_PERIODIC_USEC (60 * USEC_PER_SEC)

#define RETRY_MIN_USEC (50 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)

struct Manager {
        sd_event *event;
        Model *model;
        Kernel *kernel;
        DockerClient *docker;
        sd_event_source *reconcile_source; /* deferred: a burst of events makes one pass */
        sd_event_source *list_timer;
        sd_event_source *periodic_timer;
        sd_event_source *retry_timer;
        uint64_t retry_usec;
        bool list_again; /* an event came since the list timer was started */
        DockerStatus docker_status;
        bool listed;   /* Docker was asked once: from then on "not there" means gone */
        bool ready;
        bool stopping;
};

static void manager_update_status(Manager *manager) {
        char status[STATUS_SIZE];

        service_notify_status("%s", status_format(manager->model, manager->listed, &manager->docker_status, status));
}

/* systemd may go on with what is ordered after us: the kernel is right, or Docker is away and nothing can be done. */
static void manager_set_ready(Manager *manager) {
        if (manager->ready)
                return;
        manager->ready = true;
        service_notify_ready();
}

static void manager_mark_dirty(Manager *manager) {
        if (!manager->stopping)
                (void) sd_event_source_set_enabled(manager->reconcile_source, SD_EVENT_ONESHOT);
}

static void timer_start(sd_event_source *timer, uint64_t delay) {
        (void) sd_event_source_set_time_relative(timer, delay);
        (void) sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

static void manager_retry_later(Manager *manager, int error) {
        if (manager->retry_usec == RETRY_MIN_USEC || manager->retry_usec >= RETRY_MAX_USEC)
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL, "Cannot change the kernel's tables: %s; trying again",
                          strerror(-error));
        timer_start(manager->retry_timer, manager->retry_usec);
        manager->retry_usec = MIN(manager->retry_usec * 2, RETRY_MAX_USEC);
}

static int on_reconcile(sd_event_source *source _unused_, void *userdata) {
        Manager *manager = userdata;
        int r;

        if (!manager->listed || manager->stopping)
                return 0;
        r = kernel_reconcile(manager->kernel);
        if (r < 0) {
                manager_retry_later(manager, r);
                return 0;
        }
        manager->retry_usec = RETRY_MIN_USEC;
        announce_changes(manager->model);
        manager_update_status(manager);
        manager_set_ready(manager);
        return 0;
}

static int on_retry(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        manager_mark_dirty(userdata);
        return 0;
}

static void on_kernel_changed(void *userdata) {
        manager_mark_dirty(userdata);
}

/* At most one list each LIST_TRAILING_USEC, and one after the last event, however many there are. */
static void manager_list_soon(Manager *manager) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(manager->list_timer, &enabled);
        if (enabled != SD_EVENT_OFF)
                manager->list_again = true;
        else
                timer_start(manager->list_timer, LIST_TRAILING_USEC);
}

static int on_list_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        Manager *manager = userdata;

        if (manager->list_again)
                timer_start(manager->list_timer, LIST_TRAILING_USEC);
        manager->list_again = false;
        return docker_client_list(manager->docker);
}

static int on_periodic(sd_event_source *source, uint64_t now _unused_, void *userdata) {
        Manager *manager = userdata;

        kernel_suspect(manager->kernel);
        manager_mark_dirty(manager);
        timer_start(source, LIST_PERIODIC_USEC);
        return docker_client_list(manager->docker);
}

static void manager_forget(Manager *manager, const char *id) {
        if (model_remove(manager->model, id))
                manager_mark_dirty(manager);
}

static void manager_inspect(Manager *manager, const char *id) {
        if (docker_client_inspect(manager->docker, id) < 0)
                timer_start(manager->list_timer, LIST_FAILED_USEC);
}

/* The container is handed over. */
static void manager_learn(Manager *manager, Container *container) {
        int r;

        if (container->state == CONTAINER_STOPPED) {
                manager_forget(manager, container->id);
                container_free(container);
                return;
        }
        r = model_put(manager->model, container);
        if (r < 0) {
                log_line(LOG_ERR, "No memory for a container");
                timer_start(manager->list_timer, LIST_FAILED_USEC);
        } else if (r > 0)
                manager_mark_dirty(manager);
}

static void on_docker_connected(void *userdata, const char *version, const char *api) {
        Manager *manager = userdata;

        log_event(LOG_INFO, MESSAGE_DOCKER_FOUND, NULL, "Connected to Docker %s (API %s)", version, api);
        manager->docker_status.away = false;
        manager_update_status(manager);
        (void) docker_client_list(manager->docker);
        timer_start(manager->list_timer, LIST_CONNECTED_USEC);
}

static void on_docker_disconnected(void *userdata, const char *reason, uint64_t retry _unused_) {
        Manager *manager = userdata;

        log_event(LOG_WARNING, MESSAGE_DOCKER_LOST, NULL, "Docker is away: %s; what is exposed stays", reason);
        if (!manager->docker_status.away)
                (void) sd_event_now(manager->event, CLOCK_REALTIME, &manager->docker_status.since);
        manager->docker_status.away = true;
        manager_update_status(manager);
        manager_set_ready(manager);
}

/* What takes a container's address away acts at once, for somebody else may get it; all else asks Docker first. A
 * replayed event, or one of an earlier run, says nothing of now. */
static bool event_withdraws(const DockerEvent *event, const Record *record) {
        if (event->replayed || (event->time > 0 && event->time < record->container->started))
                return false;
        switch (event->action) {
        case DOCKER_EVENT_DIE:
        case DOCKER_EVENT_DESTROY:
                return true;
        case DOCKER_EVENT_DISCONNECT:
                return record->network && strcmp(record->network->id, event->network) == 0;
        default:
                return false;
        }
}

static void on_docker_event(void *userdata, const DockerEvent *event) {
        Manager *manager = userdata;
        const Record *record = model_find(manager->model, event->container);

        if (!record && !event->labelled)
                return;
        if (record && event_withdraws(event, record))
                manager_forget(manager, event->container);
        if (event->action != DOCKER_EVENT_DESTROY || event->replayed)
                manager_inspect(manager, event->container);
        manager_list_soon(manager);
}

static void on_docker_events_lost(void *userdata, const char *reason) {
        Manager *manager = userdata;

        log_event(LOG_WARNING, MESSAGE_TRUNCATED, NULL, "Events of Docker were lost (%s): reading all anew", reason);
        (void) docker_client_list(manager->docker);
}

/* The first list is taken as it is; later, a row that says something else than the record may be the older of the
 * two, and Docker's answer to an inspect decides. */
static void manager_compare_row(Manager *manager, Container **row) {
        const Record *record = model_find(manager->model, (*row)->id);

        if (!manager->listed && !record)
                manager_learn(manager, TAKE_PTR(*row));
        else if (!record || !container_equal(record->container, *row))
                manager_inspect(manager, (*row)->id);
}

static int compare_row_id(const void *key, const void *item) {
        return strcmp(key, (*(Container *const *) item)->id);
}

/* Containers that the list does not have, and the records of those that share an address, are looked at again. */
static void manager_check_records(Manager *manager, const DockerList *list) {
        size_t n;
        Record *const *records = model_records(manager->model, &n);

        for (size_t i = 0; i < n; i++) {
                const char *id = records[i]->container->id;
                bool duplicate = records[i]->n_claims > 0 && records[i]->claims[0].reason == REASON_DUPLICATE_ADDRESS;

                if (duplicate || !bsearch(id, list->containers, list->n_containers, sizeof(*list->containers),
                                          compare_row_id))
                        manager_inspect(manager, id);
        }
}

static void on_docker_listed(void *userdata, DockerList *list, int error, const char *reason) {
        Manager *manager = userdata;

        if (error < 0) {
                log_line(LOG_WARNING, "Cannot list Docker's containers: %s", reason);
                timer_start(manager->list_timer, LIST_FAILED_USEC);
                return;
        }
        if (list->truncated)
                log_event(LOG_WARNING, MESSAGE_TRUNCATED, NULL,
                          "Docker's list of containers could not be read whole: what is not in it stays as it is");
        if (manager->listed)
                manager_check_records(manager, list);
        for (size_t i = 0; i < list->n_containers; i++)
                manager_compare_row(manager, &list->containers[i]);
        if (!manager->listed) {
                model_adopt_holders(manager->model);
                manager->listed = true;
        }
        manager_mark_dirty(manager);
}

static void on_docker_inspected(void *userdata, const char *id, DockerInspectOutcome outcome, Container *container,
                                const char *reason) {
        Manager *manager = userdata;

        switch (outcome) {
        case DOCKER_INSPECT_OK:
                manager_learn(manager, container);
                return;
        case DOCKER_INSPECT_GONE:
                manager_forget(manager, id);
                return;
        case DOCKER_INSPECT_FAILED:
                log_line(LOG_DEBUG, "Cannot inspect %.12s: %s", id, reason);
                timer_start(manager->list_timer, LIST_FAILED_USEC);
                return;
        }
}

static const DockerHandlers docker_handlers = {
        .connected = on_docker_connected,
        .disconnected = on_docker_disconnected,
        .event = on_docker_event,
        .events_lost = on_docker_events_lost,
        .listed = on_docker_listed,
        .inspected = on_docker_inspected,
};

static int on_signal(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_, void *userdata) {
        Manager *manager = userdata;

        return sd_event_exit(manager->event, 0);
}

static int add_signal(Manager *manager, int number) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, number);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(manager->event, NULL, number, on_signal, manager);
}

static int add_timer(Manager *manager, sd_event_time_handler_t handler, sd_event_source **ret) {
        int r;

        r = sd_event_add_time_relative(manager->event, ret, CLOCK_MONOTONIC, 0, 10 * USEC_PER_MSEC, handler, manager);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

/* After all that reports: what has come in by then is in the same pass. */
static int add_reconcile_source(Manager *manager) {
        int r;

        r = sd_event_add_defer(manager->event, &manager->reconcile_source, on_reconcile, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(manager->reconcile_source, SD_EVENT_PRIORITY_IDLE);
        return r < 0 ? r : sd_event_source_set_enabled(manager->reconcile_source, SD_EVENT_OFF);
}

static int manager_add_sources(Manager *manager) {
        int r;

        r = add_signal(manager, SIGTERM);
        if (r >= 0)
                r = add_signal(manager, SIGINT);
        if (r >= 0)
                r = add_timer(manager, on_list_timer, &manager->list_timer);
        if (r >= 0)
                r = add_timer(manager, on_periodic, &manager->periodic_timer);
        if (r >= 0)
                r = add_timer(manager, on_retry, &manager->retry_timer);
        if (r >= 0)
                r = add_reconcile_source(manager);
        if (r >= 0)
                r = sd_event_set_watchdog(manager->event, true);
        return r;
}

static int manager_open(Manager *manager, const ManagerOptions *options, int stored_fd) {
        int r;

        r = sd_event_default(&manager->event);
        if (r >= 0)
                r = manager_add_sources(manager);
        if (r >= 0)
                r = model_new(&manager->model);
        if (r < 0) {
                log_line(LOG_ERR, "Cannot set up the event loop: %s", strerror(-r));
                return r;
        }
        r = kernel_new(manager->event, &options->ruleset, stored_fd, manager->model, on_kernel_changed, manager,
                       &manager->kernel);
        if (r >= 0)
                r = kernel_start(manager->kernel);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL, "Cannot use the kernel's nftables: %s%s", strerror(-r),
                          r == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
                return r;
        }
        r = docker_client_new(manager->event, options->docker_socket, &docker_handlers, manager, &manager->docker);
        if (r < 0)
                log_line(LOG_ERR, "Cannot set up the client for Docker: %s", strerror(-r));
        return r;
}

int manager_new(const ManagerOptions *options, Manager **ret) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        int stored_fd = service_take_nft(), r;

        manager = calloc(1, sizeof(*manager));
        if (!manager)
                return -ENOMEM;
        manager->retry_usec = RETRY_MIN_USEC;
        r = manager_open(manager, options, stored_fd);
        if (r < 0)
                return r;
        timer_start(manager->periodic_timer, LIST_PERIODIC_USEC);
        manager_update_status(manager);
        *ret = TAKE_PTR(manager);
        return 0;
}

Manager *manager_free(Manager *manager) {
        if (!manager)
                return NULL;
        docker_client_free(manager->docker);
        kernel_free(manager->kernel);
        model_free(manager->model);
        sd_event_source_unref(manager->reconcile_source);
        sd_event_source_unref(manager->list_timer);
        sd_event_source_unref(manager->periodic_timer);
        sd_event_source_unref(manager->retry_timer);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}

int manager_run(Manager *manager) {
        int r;

        log_event(LOG_INFO, MESSAGE_STARTED, NULL, "Started");
        r = sd_event_loop(manager->event);
        if (r < 0) {
                log_line(LOG_ERR, "The event loop failed: %s", strerror(-r));
                return r;
        }
        manager->stopping = true;
        service_notify_stopping();
        if (service_is_restarting())
                log_event(LOG_INFO, MESSAGE_STOPPED, NULL, "Stopped for a restart: what is exposed stays");
        else {
                kernel_withdraw_all(manager->kernel);
                log_event(LOG_INFO, MESSAGE_STOPPED, NULL, "Stopped: nothing is exposed any more");
        }
        return 0;
}
