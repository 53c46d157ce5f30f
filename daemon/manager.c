/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/manager.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/announce.h"
#include "daemon/config.h"
#include "daemon/containers.h"
#include "daemon/heartbeat.h"
#include "daemon/hostports.h"
#include "daemon/kernel.h"
#include "daemon/left.h"
#include "daemon/messages.h"
#include "daemon/metrics-file.h"
#include "daemon/model/model.h"
#include "daemon/profiles.h"
#include "daemon/service.h"
#include "daemon/status.h"
#include "daemon/timer.h"

/* What no event told is found by then at the latest. */
#define LIST_PERIODIC_USEC (60 * USEC_PER_SEC)

/* A process of the host that stands in the way of a claim says nothing when it goes. */
#define HOST_PORTS_USEC (2 * USEC_PER_SEC)

/* A pass comes with each periodic list at the latest; one that is missing for so long will not come any more. */
#define PASS_OVERDUE_USEC (3 * LIST_PERIODIC_USEC)

#define RETRY_MIN_USEC (50 * USEC_PER_MSEC)
#define RETRY_MAX_USEC (5 * USEC_PER_SEC)
#define UNFINISHED_USEC (1 * USEC_PER_SEC)

struct Manager {
        const char *config_path;
        Config *config;
        ServiceStore store;
        sd_event *event;
        Model *model;
        Kernel *kernel;
        Containers *containers;
        Profiles *profiles;
        sd_event_source *reconcile_source; /* deferred: a burst of events makes one pass */
        sd_event_source *look_ahead_source;
        sd_event_source *periodic_timer;
        sd_event_source *retry_timer;
        sd_event_source *host_ports_timer;
        Heartbeat *heartbeat;
        MetricsFile *metrics_file;
        MetricsPasses passes;
        uint64_t start_usec; /* CLOCK_REALTIME */
        uint64_t retry_usec;
        int kernel_error; /* of the last pass; 0 if it went well */
        uint64_t kernel_since; /* when it first went wrong; CLOCK_REALTIME */
        uint64_t config_since; /* when the configuration file was found bad; 0 if it is in use; CLOCK_REALTIME */
        HostPortsReader host_ports;
        int host_ports_error; /* told when it changes */
        uint64_t pass_usec; /* when the last pass ended, well or not; CLOCK_MONOTONIC */
        bool judged; /* the model was carried out once: what the kernel held before is taken over */
        char status[STATUS_SIZE]; /* as it was told */
        bool ready;
        bool reloading;
        bool stopping;
};

static void manager_update_status(Manager *manager) {
        const StatusFacts facts = {
                .known = manager->judged,
                .docker = containers_docker_status(manager->containers),
                .profiles = profiles_status(manager->profiles),
                .kernel_error = manager->kernel_error,
                .kernel_since = manager->kernel_since,
                .config_since = manager->config_since,
        };
        char status[STATUS_SIZE];

        status_format(manager->model, &facts, status);
        if (strcmp(status, manager->status) != 0)
                service_notify_status("%s", strcpy(manager->status, status));
        metrics_file_update(manager->metrics_file);
}

static void manager_collect_metrics(void *userdata, Metrics *ret) {
        const Manager *manager = userdata;

        *ret = (Metrics) {
                .version = PROJECT_VERSION,
                .start_usec = manager->start_usec,
                .docker_up = containers_metrics(manager->containers)->connections > 0 &&
                             !containers_docker_status(manager->containers)->away,
                .docker = *containers_metrics(manager->containers),
                .kernel = *kernel_metrics(manager->kernel),
                .passes = manager->passes,
                .profiles = profiles_metrics(manager->profiles),
        };
        model_count(manager->model, &ret->model);
}

/* systemd may go on with what is ordered after us: the kernel is right, or Docker is away and nothing can be done. */
static void manager_set_ready(Manager *manager) {
        if (manager->ready)
                return;
        manager->ready = service_notify_ready();
        service_forget_starts(&manager->store);
        (void) malloc_trim(0); /* to list, read and decide all takes far more than what stays */
}

static void manager_set_reloaded(Manager *manager) {
        if (manager->reloading)
                manager->reloading = !service_notify_ready();
}

static void manager_mark_dirty(Manager *manager) {
        int r = manager->stopping ? 0 : sd_event_source_set_enabled(manager->reconcile_source, SD_EVENT_ONESHOT);

        if (r < 0) /* without it nothing would ever go on */
                (void) sd_event_exit(manager->event, r);
}

static void manager_retry_later(Manager *manager, int error) {
        if (manager->retry_usec == RETRY_MIN_USEC || manager->retry_usec >= RETRY_MAX_USEC)
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL, "Cannot change the kernel's tables: %s; trying again",
                          strerror(-error));
        timer_start(manager->retry_timer, manager->retry_usec);
        manager->retry_usec = MIN(manager->retry_usec * 2, RETRY_MAX_USEC);
}

/* Only claims that have no port yet can meet somebody else on it. */
static void manager_look_at_host_ports(Manager *manager) {
        unsigned protocols = model_newcomers(manager->model);
        const DockerPort *published;
        HostPort *ports;
        uint64_t now = 0;
        size_t n;
        int r;

        if (protocols == 0)
                return;
        published = containers_published(manager->containers, &n);
        (void) sd_event_now(manager->event, CLOCK_MONOTONIC, &now);
        r = hostports_read(&manager->host_ports, now, protocols, published, n, &ports, &n);
        if (r >= 0)
                model_set_host_ports(manager->model, ports, n);
        else if (r != manager->host_ports_error)
                log_event(LOG_WARNING, MESSAGE_HOST_PORTS_FAILED, NULL,
                          "Cannot see which ports the host's processes listen on: %s", strerror(-r));
        manager->host_ports_error = r;
}

static int on_look_ahead(sd_event_source *source _unused_, void *userdata) {
        Manager *manager = userdata;
        uint64_t now;

        if (sd_event_now(manager->event, CLOCK_MONOTONIC, &now) >= 0)
                hostports_look_ahead(&manager->host_ports, now);
        return 0;
}

/* Before Docker was asked, a container that is not in the model may still live: what it has must not be withdrawn. */
static bool manager_can_judge(Manager *manager) {
        int r;

        if (manager->judged)
                return true;
        if (!containers_are_known(manager->containers))
                return false;
        (void) model_attach(manager->model);
        r = model_adopt_holders(manager->model);
        if (r < 0)
                manager_retry_later(manager, r);
        return manager->judged = r >= 0;
}

static void manager_count_pass(Manager *manager, int result) {
        if (result < 0)
                manager->passes.failed++;
        else if (result > 0)
                manager->passes.changed++;
        else
                manager->passes.unchanged++;
}

static void manager_note_kernel(Manager *manager, int result) {
        if (result < 0 && manager->kernel_error == 0)
                (void) sd_event_now(manager->event, CLOCK_REALTIME, &manager->kernel_since);
        manager->kernel_error = MIN(result, 0);
}

static void manager_pass(Manager *manager) {
        int r;

        (void) model_attach(manager->model);
        manager_look_at_host_ports(manager);
        r = kernel_reconcile(manager->kernel);
        manager_count_pass(manager, r);
        manager_note_kernel(manager, r);
        if (r < 0) {
                manager_retry_later(manager, r);
                manager_update_status(manager);
                return;
        }
        containers_set_carried_out(manager->containers);
        profiles_set_carried_out(manager->profiles);
        if (model_waits_for_host_ports(manager->model))
                timer_start(manager->host_ports_timer, HOST_PORTS_USEC);
        manager->retry_usec = RETRY_MIN_USEC;
        manager_update_status(manager);
        manager_set_ready(manager);
        manager_set_reloaded(manager);
        announce_changes(manager->model); /* after a start that is a line for each claim, and the journal takes its time */
        if (kernel_is_unfinished(manager->kernel) || !manager->ready || manager->reloading)
                timer_start(manager->retry_timer, UNFINISHED_USEC);
}

static int on_reconcile(sd_event_source *source _unused_, void *userdata) {
        Manager *manager = userdata;

        if (manager->stopping || !manager_can_judge(manager))
                return 0;
        manager_pass(manager);
        (void) sd_event_now(manager->event, CLOCK_MONOTONIC, &manager->pass_usec);
        return 0;
}

/* What the kernel refuses counts as done: a new process would be refused as well, and the journal says it. */
static bool manager_makes_progress(void *userdata) {
        const Manager *manager = userdata;
        uint64_t now;

        return !manager->judged || sd_event_now(manager->event, CLOCK_MONOTONIC, &now) < 0 ||
               now - manager->pass_usec < PASS_OVERDUE_USEC;
}

static int on_retry(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        manager_mark_dirty(userdata);
        return 0;
}

static void on_kernel_changed(void *userdata) {
        manager_mark_dirty(userdata);
}

static int on_periodic(sd_event_source *source, uint64_t now _unused_, void *userdata) {
        Manager *manager = userdata;

        (void) malloc_trim(0);
        kernel_suspect(manager->kernel);
        manager_mark_dirty(manager);
        metrics_file_update(manager->metrics_file);
        log_flush_repeats(false);
        timer_start(source, LIST_PERIODIC_USEC);
        containers_refresh(manager->containers);
        return 0;
}

static void on_containers_changed(void *userdata) {
        manager_mark_dirty(userdata);
}

static void on_connection(void *userdata) {
        Manager *manager = userdata;

        manager_update_status(manager);
        if (containers_docker_status(manager->containers)->away)
                manager_set_ready(manager);
}

/* What the decision will ask the kernel is asked while Docker is at work. */
static void on_starting(void *userdata) {
        Manager *manager = userdata;

        (void) sd_event_source_set_enabled(manager->look_ahead_source, SD_EVENT_ONESHOT);
}

static int manager_open_containers(Manager *manager) {
        static const ContainersHandlers handlers = {
                .changed = on_containers_changed,
                .connection = on_connection,
                .starting = on_starting,
        };

        return containers_new(manager->event, manager->config->docker_socket, manager->model, &handlers, manager,
                              &manager->containers);
}

static void on_profiles_changed(void *userdata) {
        manager_mark_dirty(userdata);
}

static void on_profiles_status(void *userdata) {
        manager_update_status(userdata);
}

static int manager_open_profiles(Manager *manager) {
        static const ProfilesHandlers handlers = {
                .changed = on_profiles_changed,
                .status = on_profiles_status,
        };
        ProfilesClient *client;
        int r;

        r = profiles_new(manager->event, manager->model, &handlers, manager, &manager->profiles);
        if (r >= 0)
                r = profiles_prepare(manager->profiles, &manager->config->calico, &client);
        if (r >= 0)
                profiles_commit(manager->profiles, client);
        return r;
}

/* The configuration is taken over on success alone. */
static int manager_use_config(Manager *manager, Config *config) {
        bool same_datastore = calico_config_equal(&manager->config->calico, &config->calico);
        ProfilesClient *client = NULL;
        int r = 0;

        if (!same_datastore)
                r = profiles_prepare(manager->profiles, &config->calico, &client);
        if (r >= 0 && strcmp(manager->config->docker_socket, config->docker_socket) != 0)
                r = containers_set_socket(manager->containers, config->docker_socket);
        if (r >= 0)
                r = model_set_policy(manager->model, &config->policy);
        if (r < 0) {
                profiles_abandon(client);
                return r;
        }
        if (!same_datastore)
                profiles_commit(manager->profiles, client);
        config_free(manager->config);
        manager->config = config;
        kernel_set_options(manager->kernel, &config->ruleset);
        manager_mark_dirty(manager);
        return 0;
}

static int on_reload(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_, void *userdata) {
        _cleanup_(config_freep) Config *config = NULL;
        char error[CONFIG_ERROR_SIZE] = "no memory";
        Manager *manager = userdata;
        int r;

        service_notify_reloading();
        manager->reloading = true;
        r = config_load(manager->config_path, &config, error);
        if (r >= 0)
                r = manager_use_config(manager, config);
        manager->config_since = 0;
        if (r < 0) {
                (void) sd_event_now(manager->event, CLOCK_REALTIME, &manager->config_since);
                log_event(LOG_ERR, MESSAGE_CONFIG_BAD, NULL, "The configuration stays as it was: %s", error);
        } else {
                TAKE_PTR(config);
                log_event(LOG_INFO, MESSAGE_CONFIG_READ, NULL, "Read the configuration anew");
        }
        manager_update_status(manager);
        /* Else it ends when the kernel is changed. */
        if (r < 0 || !manager->judged)
                manager_set_reloaded(manager);
        return 0;
}

static int on_signal(sd_event_source *source _unused_, const struct signalfd_siginfo *info _unused_, void *userdata) {
        Manager *manager = userdata;

        manager->stopping = true;
        return 0;
}

static int add_signal(Manager *manager, int number, sd_event_signal_handler_t handler) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, number);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(manager->event, NULL, number, handler, manager);
}

static int add_deferred(Manager *manager, sd_event_handler_t handler, int64_t priority, sd_event_source **ret) {
        int r;

        r = sd_event_add_defer(manager->event, ret, handler, manager);
        if (r >= 0)
                r = sd_event_source_set_priority(*ret, priority);
        return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

/* The pass comes after all that reports: what has come in by then is in the same one. What is asked ahead comes when
 * the question to Docker is on its way, and not after the pass, which wants it. */
static int add_deferred_sources(Manager *manager) {
        int r;

        r = add_deferred(manager, on_look_ahead, SD_EVENT_PRIORITY_IDLE - 1, &manager->look_ahead_source);
        return r < 0 ? r : add_deferred(manager, on_reconcile, SD_EVENT_PRIORITY_IDLE, &manager->reconcile_source);
}

static int manager_add_sources(Manager *manager) {
        int r;

        r = add_signal(manager, SIGTERM, on_signal);
        if (r >= 0)
                r = add_signal(manager, SIGINT, on_signal);
        if (r >= 0)
                r = add_signal(manager, SIGHUP, on_reload);
        if (r >= 0)
                r = timer_new(manager->event, on_periodic, manager, &manager->periodic_timer);
        if (r >= 0)
                r = timer_new(manager->event, on_retry, manager, &manager->retry_timer);
        if (r >= 0)
                r = timer_new(manager->event, on_retry, manager, &manager->host_ports_timer);
        if (r >= 0)
                r = add_deferred_sources(manager);
        if (r >= 0)
                r = heartbeat_new(manager->event, manager_makes_progress, manager, &manager->heartbeat);
        return r;
}

static int manager_open(Manager *manager) {
        int r;

        r = sd_event_default(&manager->event);
        if (r >= 0)
                r = sd_event_now(manager->event, CLOCK_REALTIME, &manager->start_usec);
        if (r >= 0)
                r = manager_add_sources(manager);
        if (r >= 0)
                r = metrics_file_new(manager->event, METRICS_PATH, manager_collect_metrics, manager,
                                     &manager->metrics_file);
        if (r >= 0)
                r = model_new(&manager->config->policy, &manager->model);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL, "Cannot set up the event loop: %s", strerror(-r));
                return r;
        }
        r = kernel_new(manager->event, &manager->config->ruleset, manager->store.nft, manager->model, on_kernel_changed,
                       manager, &manager->kernel);
        if (r >= 0)
                r = kernel_start(manager->kernel);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL, "Cannot use the kernel's nftables: %s%s", strerror(-r),
                          r == -EPERM ? " (CAP_NET_ADMIN is needed)" : "");
                return r;
        }
        (void) unlink(LEFT_PATH); /* from now on the table says it again */
        r = manager_open_containers(manager);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL,
                          "Cannot set up the client for Docker: %s", strerror(-r));
                return r;
        }
        r = manager_open_profiles(manager);
        if (r < 0)
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL,
                          "Cannot set up the client for Calico's datastore: %s", strerror(-r));
        return r;
}

/* Another start may find it well: then what stands in the kernel stays, and systemd starts us again. */
static bool error_may_pass(int error) {
        return error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EIO;
}

int manager_new(const char *config_path, const ServiceStore *store, Manager **ret) {
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(*manager));
        char error[CONFIG_ERROR_SIZE] = "no memory";
        int r;

        if (!manager) {
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL, "Cannot start: %s", strerror(ENOMEM));
                return -ENOMEM;
        }
        manager->config_path = config_path;
        manager->host_ports = HOST_PORTS_READER_NEW;
        manager->retry_usec = RETRY_MIN_USEC;
        r = config_load(config_path, &manager->config, error);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_CONFIG_BAD, NULL, "%s", error);
                if (error_may_pass(r))
                        return r;
                return MANAGER_BAD_CONFIG;
        }
        manager->store = *store;
        r = manager_open(manager);
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
        profiles_free(manager->profiles);
        containers_free(manager->containers);
        kernel_free(manager->kernel);
        model_free(manager->model);
        hostports_reader_done(&manager->host_ports);
        metrics_file_free(manager->metrics_file);
        heartbeat_free(manager->heartbeat);
        sd_event_source_unref(manager->reconcile_source);
        sd_event_source_unref(manager->look_ahead_source);
        sd_event_source_unref(manager->periodic_timer);
        sd_event_source_unref(manager->retry_timer);
        sd_event_source_unref(manager->host_ports_timer);
        sd_event_unref(manager->event);
        config_free(manager->config);
        free(manager);
        return NULL;
}

/* Not sd_event_loop(): a loop that was left by sd_event_exit() cannot be run again, as the withdrawal must. */
static int manager_loop(Manager *manager) {
        int r = 0, code;

        while (!manager->stopping && r >= 0 && sd_event_get_state(manager->event) != SD_EVENT_FINISHED)
                r = sd_event_run(manager->event, UINT64_MAX);
        if (r >= 0 && !manager->stopping && sd_event_get_exit_code(manager->event, &code) >= 0)
                r = code; /* a part that cannot go on */
        return r;
}

int manager_run(Manager *manager) {
        int r;

        log_event(LOG_INFO, MESSAGE_STARTED, NULL, "Started");
        r = manager_loop(manager);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL, "The event loop failed: %s", strerror(-r));
                return r;
        }
        log_flush_repeats(true);
        service_notify_stopping();
        if (!service_is_present() || service_is_stopped_for_good() != 0) {
                kernel_withdraw_all(manager->kernel);
                (void) unlink(METRICS_PATH);
                log_event(LOG_INFO, MESSAGE_STOPPED, NULL, "Stopped: nothing is exposed any more");
        } else {
                log_event(LOG_INFO, MESSAGE_STOPPED, NULL, "Stopped for a restart: what is exposed stays");
        }
        return 0;
}
