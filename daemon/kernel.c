/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/kernel.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#include "common/log.h"
#include "daemon/flows.h"
#include "daemon/left.h"
#include "daemon/links.h"
#include "daemon/messages.h"
#include "daemon/model/withdrawn.h"
#include "daemon/net/conntrack.h"
#include "daemon/net/paths.h"
#include "daemon/service.h"

enum { FAMILIES = 2 };

/* Elements of a commit from which on it is not listened to. */
enum { LARGE_COMMIT = 256 };

static const int families[FAMILIES] = { AF_INET, AF_INET6 };

struct Kernel {
        RulesetOptions options;
        Model *model;
        KernelChanged changed;
        void *userdata;

        NftSocket *nft;
        NftMonitor *monitor;
        sd_event_source *monitor_source;
        bool deaf; /* the monitor does not listen */
        Conntrack *conntrack;
        Paths *paths;

        MetricsKernel metrics;
        TableState table;
        bool skeleton_intact;
        bool table_suspect;               /* the table may not be what the model thinks */
        bool tampered;                    /* and somebody else changed it */
        bool docker_user_suspect[FAMILIES];
        bool localnet_suspect;
        bool flows_suspect;               /* old flows may be there that nobody is deleting */

        /* What went wrong last, or 0: it is tried again, and told when it changes. */
        int paths_error, localnet_error, flows_error, docker_user_error[FAMILIES];
};

static bool is_news(int *last, int error) {
        bool news = error < 0 && error != *last;

        *last = MIN(error, 0);
        return news;
}

static void kernel_dirty(Kernel *kernel) {
        kernel->changed(kernel->userdata);
}

static void take_changes(Kernel *kernel, const NftChanges *changes) {
        kernel->table_suspect |= changes->table;
        kernel->tampered |= changes->table;
        for (size_t i = 0; i < FAMILIES; i++)
                kernel->docker_user_suspect[i] |= changes->docker_user[i];
        if (changes->table || changes->docker_user[0] || changes->docker_user[1])
                kernel_dirty(kernel);
}

static int on_monitor(sd_event_source *source _unused_, int fd _unused_, uint32_t events _unused_, void *userdata) {
        Kernel *kernel = userdata;
        NftChanges changes;
        int r;

        r = nft_monitor_read(kernel->monitor, kernel->nft, &changes);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL,
                          "Cannot read nftables' notifications: %s", strerror(-r));
                changes = nft_changes_all;
        }
        take_changes(kernel, &changes);
        return 0;
}

static void on_route_changed(void *userdata, const Prefix *prefix) {
        Kernel *kernel = userdata;

        if (!links_forget_paths(kernel->model, prefix))
                return;
        kernel->localnet_suspect = true; /* an interface made anew begins with it off */
        kernel_dirty(kernel);
}

static void on_hairpin(void *userdata, const char *port) {
        Kernel *kernel = userdata;

        if (model_add_hairpin_port(kernel->model, port) < 0)
                log_event(LOG_WARNING, MESSAGE_SYSTEM_FAILED, NULL, "No memory to remember hairpin mode of %s", port);
        kernel_dirty(kernel);
}

static void on_link_gone(void *userdata, const char *name) {
        Kernel *kernel = userdata;

        model_remove_hairpin_port(kernel->model, name);
        kernel_dirty(kernel);
}

static void on_flows_gone(void *userdata, const FlowFilter *filter) {
        Kernel *kernel = userdata;
        Element withdrawn;

        if (!flows_get_withdrawn(filter, &withdrawn))
                return;
        if (model_forget_withdrawn(kernel->model, &withdrawn) < 0)
                kernel->flows_suspect = true; /* once more */
        kernel_dirty(kernel);
}

static void on_sweep_done(void *userdata, size_t deleted, int error) {
        Kernel *kernel = userdata;

        kernel->metrics.flows_deleted += deleted;
        if (error < 0)
                log_event(LOG_WARNING, MESSAGE_FLOWS_FAILED, NULL, "Cannot delete old flows: %s", strerror(-error));
        else if (deleted > 0)
                log_line(LOG_DEBUG, "Deleted %zu old flows", deleted);
}

/* The socket that systemd kept still owns the table. One that is no netlink socket is of no use, and not ours. */
static int open_socket(int stored_fd, NftSocket **ret) {
        if (stored_fd >= 0) {
                int r = nft_socket_adopt(stored_fd, ret);

                if (r != -ENOTSOCK && r != -EINVAL)
                        return r;
                log_line(LOG_NOTICE, "What systemd kept is no netlink socket: starting afresh");
                close_fd(stored_fd);
                service_forget_nft();
        }
        return nft_socket_new(ret);
}

static int open_monitor(Kernel *kernel, sd_event *event) {
        int r;

        r = nft_monitor_new(&kernel->monitor);
        if (r >= 0)
                r = sd_event_add_io(event, &kernel->monitor_source, nft_monitor_fd(kernel->monitor), EPOLLIN,
                                    on_monitor, kernel);
        return r;
}

int kernel_new(sd_event *event, const RulesetOptions *options, int stored_fd, Model *model, KernelChanged changed,
               void *userdata, Kernel **ret) {
        static const ConntrackHandlers conntrack_handlers = {
                .through = on_flows_gone,
                .done = on_sweep_done,
        };
        static const PathsHandlers paths_handlers = {
                .route_changed = on_route_changed,
                .hairpin_on = on_hairpin,
                .link_gone = on_link_gone,
        };
        _cleanup_(kernel_freep) Kernel *kernel = calloc(1, sizeof(*kernel));
        int r;

        if (!kernel)
                return -ENOMEM;
        *kernel = (Kernel) {
                .options = *options,
                .model = model,
                .changed = changed,
                .userdata = userdata,
                .docker_user_suspect = { true, true },
                .localnet_suspect = true,
                .flows_suspect = true,
        };
        r = open_socket(stored_fd, &kernel->nft);
        if (r >= 0)
                r = open_monitor(kernel, event);
        if (r >= 0)
                r = conntrack_new(event, &conntrack_handlers, kernel, &kernel->conntrack);
        if (r >= 0)
                r = paths_new(event, &paths_handlers, kernel, &kernel->paths);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(kernel);
        return 0;
}

Kernel *kernel_free(Kernel *kernel) {
        if (!kernel)
                return NULL;
        sd_event_source_unref(kernel->monitor_source);
        nft_monitor_free(kernel->monitor);
        conntrack_free(kernel->conntrack);
        paths_free(kernel->paths);
        nft_socket_free(kernel->nft);
        free(kernel);
        return NULL;
}

static int read_table(Kernel *kernel) {
        KernelState state;
        int r;

        r = nft_read(kernel->nft, &kernel->options, &state);
        if (r < 0)
                return r;
        r = model_set_actual(kernel->model, &state.elements);
        if (r >= 0) {
                kernel->table = state.table;
                kernel->skeleton_intact = state.skeleton_intact;
                kernel->table_suspect = false;
        }
        kernel_state_done(&state);
        return r;
}

static int read_own_table(Kernel *kernel) {
        int r = read_table(kernel);

        if (r >= 0 && kernel->table == TABLE_FOREIGN) {
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL,
                          "Another process owns the table inet calico-exposed: is calico-exposed running already?");
                return -EBUSY;
        }
        return r;
}

int kernel_look(Kernel *kernel, TableState *ret) {
        int r = read_table(kernel);

        if (r >= 0)
                *ret = kernel->table;
        return r;
}

static bool must_rebuild(const Kernel *kernel) {
        return kernel->table == TABLE_ABSENT || !kernel->skeleton_intact;
}

/* A table that nobody owned may have been flushed while no daemon was there: the new one says again what the last one
 * had switched, and which flows it had not forgotten yet. */
static int make_table(Kernel *kernel) {
        static const Plan nothing;
        _cleanup_(names_freep) Names *names = names_new();
        Plan left = {};
        int r;

        if (!names)
                return -ENOMEM;
        r = left_load(LEFT_PATH, names, &left.add);
        if (r >= 0)
                r = nft_apply(kernel->nft, &kernel->options, &left, true, false);
        if (r < 0) /* there is no such file, or nothing that a table could hold */
                r = nft_apply(kernel->nft, &kernel->options, &nothing, true, false);
        plan_done(&left);
        return r;
}

int kernel_start(Kernel *kernel) {
        int r;

        service_store_nft(nft_socket_fd(kernel->nft));
        r = read_own_table(kernel);
        if (r >= 0 && kernel->table == TABLE_ABSENT) {
                r = make_table(kernel);
                if (r >= 0)
                        r = read_own_table(kernel);
        }
        return r < 0 ? r : links_adopt_hairpin_ports(kernel->model, kernel->paths);
}

static int sweep_flows(Kernel *kernel, const Elements *before, const Elements *after) {
        _cleanup_free_ FlowFilter *filters = NULL;
        size_t n;
        int r;

        r = flows_between(before, after, &filters, &n);
        if (r >= 0 && n > 0)
                r = conntrack_delete(kernel->conntrack, filters, n);
        return r;
}

/* What cannot be asked for now is with the next pass, which looks at all of it. */
static void sweep_changed_flows(Kernel *kernel) {
        static const Elements nothing;
        int r = sweep_flows(kernel, kernel->flows_suspect ? &nothing : model_before(kernel->model),
                            model_after(kernel->model));

        if (is_news(&kernel->flows_error, r))
                log_event(LOG_WARNING, MESSAGE_FLOWS_FAILED, NULL,
                          "Cannot delete old flows: %s; trying again", strerror(-r));
        kernel->flows_suspect = r < 0;
}

/* What could not be switched is tried again: on, by suspecting all; off, for it is still in the table, which is read
 * again. */
static void take_localnet_errors(Kernel *kernel, int on, int off) {
        int r = on < 0 ? on : off;

        if (is_news(&kernel->localnet_error, r))
                log_event(LOG_WARNING, MESSAGE_PATHS_FAILED, NULL,
                          "Cannot switch route_localnet: %s; trying again", strerror(-r));
        kernel->localnet_suspect = on < 0;
        kernel->table_suspect |= off < 0; /* there is more in it than the model knows */
}

static void count_batch(Kernel *kernel, const Plan *plan) {
        kernel->metrics.batches++;
        kernel->metrics.added += plan->add.count;
        kernel->metrics.removed += plan->remove.count;
}

/* Where it does not listen again, the next pass tries, and reads the table after that. Who committed meanwhile is not
 * known, and need not have changed the table: beside many containers that start, Docker does. */
static int listen_again(Kernel *kernel, uint32_t generation, bool committed) {
        bool tampered = kernel->tampered;
        NftChanges changes;
        int r = nft_monitor_resume(kernel->monitor, kernel->nft, generation, committed, &changes);

        kernel->deaf = r < 0;
        if (r >= 0)
                take_changes(kernel, &changes);
        kernel->tampered = tampered;
        return r;
}

static int commit(Kernel *kernel, const Plan *plan, bool rebuild) {
        uint32_t generation = 0;
        int r;

        if (plan->add.count + plan->remove.count >= LARGE_COMMIT)
                kernel->deaf = nft_monitor_pause(kernel->monitor, kernel->nft, &generation) >= 0;
        r = nft_apply(kernel->nft, &kernel->options, plan, rebuild, kernel->table != TABLE_ABSENT);
        if (kernel->deaf)
                (void) listen_again(kernel, generation, r >= 0);
        return r;
}

/* route_localnet goes off before the table forgets that it is ours, and on only when the guard stands. */
static int apply_plan(Kernel *kernel, Plan *plan, bool rebuild) {
        const Plan whole = { .add = *model_after(kernel->model) };
        const Plan *applied = rebuild ? &whole : plan;
        int r, on, off;

        off = links_clear_localnet(&plan->remove, kernel->paths);
        r = commit(kernel, applied, rebuild);
        if (r < 0) {
                /* Only the answer may have been lost: then the table is read again, nothing is left to do there, and
                 * what goes with the change still is. */
                kernel->table_suspect = kernel->localnet_suspect = kernel->flows_suspect = true;
                return r;
        }
        if (rebuild || !plan_is_empty(plan))
                count_batch(kernel, applied);
        on = links_set_localnet(kernel->localnet_suspect ? model_after(kernel->model) : &plan->add, kernel->paths);
        take_localnet_errors(kernel, on, off);
        if (!rebuild && plan_is_empty(plan) && !kernel->flows_suspect)
                return 0;
        sweep_changed_flows(kernel);
        return rebuild || !plan_is_empty(plan);
}

static void find_paths(Kernel *kernel, bool all) {
        int r = links_find_paths(kernel->model, kernel->paths, kernel->options.localhost);

        if (r >= 0 && all)
                links_forget_unwanted(kernel->model, kernel->paths);
        if (is_news(&kernel->paths_error, r))
                log_event(LOG_WARNING, MESSAGE_PATHS_FAILED, NULL,
                          "Cannot look up the routes to containers: %s; trying again", strerror(-r));
}

/* What went wrong last may have been about any container. */
static bool must_look_at_all(const Kernel *kernel) {
        return must_rebuild(kernel) || kernel->flows_suspect || kernel->paths_error < 0 || kernel->localnet_error < 0;
}

static int reconcile_table(Kernel *kernel) {
        bool rebuild, all;
        Plan plan;
        int r;

        r = kernel->deaf ? listen_again(kernel, 0, false) : 0;
        all = kernel->table_suspect;
        if (r >= 0 && all)
                r = read_own_table(kernel);
        if (r < 0)
                return r;
        if (must_look_at_all(kernel))
                model_touch_all(kernel->model);
        find_paths(kernel, all);
        r = model_decide(kernel->model, &plan);
        if (r < 0)
                return r;
        if (kernel->paths_error < 0 && links_keep(&plan.remove))
                kernel->table_suspect = true; /* from now on it holds more than the model knows */
        rebuild = must_rebuild(kernel);
        r = apply_plan(kernel, &plan, rebuild);
        if (r >= 0)
                model_commit(kernel->model);
        if (r >= 0 && rebuild && read_own_table(kernel) < 0)
                kernel->table_suspect = true;
        if (r > 0 && kernel->tampered) {
                kernel->metrics.heals++;
                log_event(LOG_NOTICE, MESSAGE_HEALED, NULL,
                          "The table inet calico-exposed was changed from outside, and is right again");
        }
        kernel->tampered &= r < 0;
        plan_done(&plan);
        return r;
}

static int reconcile_docker_user(Kernel *kernel, size_t i) {
        DockerUserState state;
        int r;

        if (!kernel->docker_user_suspect[i])
                return 0;
        r = docker_user_ensure(kernel->nft, families[i], &kernel->options, &state);
        if (r < 0)
                return r;
        kernel->docker_user_suspect[i] = false;
        if (state == DOCKER_USER_PUT)
                log_event(LOG_NOTICE, MESSAGE_DOCKER_USER, NULL,
                          "Put the rule for marked packets at the top of %s filter DOCKER-USER",
                          families[i] == AF_INET ? "ip" : "ip6");
        return 0;
}

/* A commit of somebody else between reading and writing makes the kernel refuse; that passes. */
enum { RECONCILE_ATTEMPTS = 3 };

static bool is_race(int error) {
        return error == -ENOENT || error == -EEXIST || error == -ERESTART || error == -EBUSY || error == -EAGAIN;
}

int kernel_reconcile(Kernel *kernel) {
        int r, changed = 0;

        links_forget_departed(kernel->model, kernel->paths);
        for (unsigned attempt = 0;; attempt++) {
                changed = reconcile_table(kernel);
                if (!is_race(changed) || attempt + 1 == RECONCILE_ATTEMPTS)
                        break;
        }
        if (changed < 0)
                return changed;
        for (size_t i = 0; i < FAMILIES; i++) {
                r = reconcile_docker_user(kernel, i);
                if (is_news(&kernel->docker_user_error[i], r))
                        log_event(LOG_WARNING, MESSAGE_DOCKER_USER_FAILED, NULL,
                                  "Cannot put the rule into DOCKER-USER: %s; trying again", strerror(-r));
        }
        return changed;
}

bool kernel_is_unfinished(const Kernel *kernel) {
        return kernel->deaf || kernel->table_suspect || kernel->flows_suspect || kernel->localnet_suspect ||
               kernel->paths_error < 0 || kernel->docker_user_suspect[0] || kernel->docker_user_suspect[1];
}

const MetricsKernel *kernel_metrics(const Kernel *kernel) {
        return &kernel->metrics;
}

void kernel_set_options(Kernel *kernel, const RulesetOptions *options) {
        static const Prefix everywhere;

        if (kernel->options.localhost != options->localhost) /* who needs route_localnet was asked with the paths */
                (void) links_forget_paths(kernel->model, &everywhere);
        kernel->options = *options;
        kernel_suspect(kernel);
}

void kernel_suspect(Kernel *kernel) {
        kernel->table_suspect = true;
        kernel->docker_user_suspect[0] = kernel->docker_user_suspect[1] = true;
        kernel->localnet_suspect = true;
}

enum { WITHDRAW_USEC = 3000000 };

/* Runs the loop until the old flows of what was withdrawn are gone. */
static void finish_flows(Kernel *kernel) {
        sd_event *event = sd_event_source_get_event(kernel->monitor_source);
        uint64_t start, now;

        if (sd_event_now(event, CLOCK_MONOTONIC, &start) < 0)
                return;
        while (conntrack_is_busy(kernel->conntrack) && sd_event_run(event, WITHDRAW_USEC) >= 0)
                if (sd_event_now(event, CLOCK_MONOTONIC, &now) < 0 || now - start > WITHDRAW_USEC)
                        return;
}

/* Where another socket owns the table, it is systemd's duplicate of the last daemon's: it goes with that. */
static void remove_table(Kernel *kernel) {
        int r = nft_delete_table(kernel->nft);

        if (r < 0 && r != -EPERM)
                log_event(LOG_WARNING, MESSAGE_WITHDRAW_FAILED, NULL,
                          "Cannot remove the table inet calico-exposed: %s", strerror(-r));
        service_forget_nft();
}

static void delete_all_flows(Kernel *kernel, const Elements *actual) {
        static const Elements nothing;
        Elements withdrawn = {};
        int r;

        r = withdrawn_between(actual, &nothing, &withdrawn);
        if (r >= 0)
                r = sweep_flows(kernel, &nothing, &withdrawn);
        if (r < 0)
                log_event(LOG_WARNING, MESSAGE_FLOWS_FAILED, NULL, "Cannot delete old flows: %s", strerror(-r));
        elements_done(&withdrawn);
        finish_flows(kernel);
}

void kernel_withdraw_all(Kernel *kernel) {
        Elements actual = {};
        int r = model_copy_actual(kernel->model, &actual);

        if (r < 0)
                log_event(LOG_ERR, MESSAGE_KERNEL_FAILED, NULL,
                          "Cannot see what belongs to the table, to withdraw that as well: %s", strerror(-r));
        for (size_t i = 0; i < FAMILIES; i++) {
                r = docker_user_remove(kernel->nft, families[i], &kernel->options);
                if (r < 0)
                        log_event(LOG_WARNING, MESSAGE_DOCKER_USER_FAILED, NULL,
                                  "Cannot remove the rule from DOCKER-USER: %s", strerror(-r));
        }
        links_restore(&actual, kernel->paths);
        kernel->paths = paths_free(kernel->paths); /* no wish is fulfilled any more */
        remove_table(kernel);
        delete_all_flows(kernel, &actual);
        elements_done(&actual);
}
