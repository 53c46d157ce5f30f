/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/calico.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/clock.h"
#include "daemon/calico/calico-times.h"
#include "daemon/calico/options.h"
#include "daemon/calico/own.h"
#include "daemon/calico/pass.h"

#define SECONDS UINT64_C(1000000)
#define SETTLE (10 * SECONDS) /* calicoctl has written what it read long before */
#define REGISTER_AGAIN (1 * SECONDS)

/* A pass looks at all that there is, and each answer of the datastore asks for one: where there is much, they come
 * together. A fifth of the time is the most that passes take. */
#define PASS_SHARE 5

static void arm_pass(Calico *calico) {
        (void) sd_event_source_set_enabled(calico->pass, SD_EVENT_ONESHOT);
}

/* What memory ended for is not known any more: the daemon has to begin anew. */
static void check_memory(Calico *calico, int r) {
        if (r < 0)
                (void) sd_event_exit(calico->event, r);
}

/* What the datastore says. */

static void on_record(void *userdata, const char *key, const EtcdNode *node) {
        Calico *calico = userdata;

        if (node)
                check_memory(calico, endpoints_take(&calico->endpoints, key, node->value, node->index));
        else
                endpoints_drop(&calico->endpoints, key);
        arm_pass(calico);
}

/* .../profile/<name>/<part> */
static void on_profile(void *userdata, const char *key, const EtcdNode *node) {
        const char *name = key + strlen(PROFILE_ROOT "/"), *slash = strchr(name, '/');
        char profile[CALICO_NAME_MAX + 1];
        Calico *calico = userdata;
        Task *task;

        if (!slash || (size_t) (slash - name) >= sizeof(profile))
                return;
        memcpy(profile, name, (size_t) (slash - name));
        profile[slash - name] = '\0';
        task = pass_find_task(calico, profile);
        if (!task)
                return;
        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                if (strcmp(slash + 1, own_part_to_string(part)) == 0)
                        task_notice_part(task, part, node ? node->index : 0);
        arm_pass(calico);
}

static void on_shared(void *userdata, const char *key, const EtcdNode *node) {
        Calico *calico = userdata;
        const char *profile;
        Task *task;
        int r;

        profile = shared_take(&calico->shared, key, node ? node->value : NULL, &r);
        check_memory(calico, r);
        task = profile ? pass_find_task(calico, profile) : NULL;
        if (task)
                task_notice_ledger(task, node ? node->index : 0);
        arm_pass(calico);
}

bool calico_is_synced(const Calico *calico) {
        return tree_is_synced(calico->records_tree) && tree_is_synced(calico->profiles_tree) &&
               tree_is_synced(calico->shared_tree);
}

static void on_synced(void *userdata) {
        Calico *calico = userdata;

        if (calico_is_synced(calico))
                calico->reason[0] = '\0';
        arm_pass(calico);
}

static void on_failed(void *userdata, const char *reason) {
        Calico *calico = userdata;

        if (!calico->connected && strcmp(calico->reason, reason) == 0)
                return;
        calico->connected = false;
        snprintf(calico->reason, sizeof(calico->reason), "%s", reason);
        arm_pass(calico);
        calico->handlers.disconnected(calico->userdata, calico->reason);
}

/* Our own name among the hosts. */

static void on_registered(void *userdata, const EtcdAnswer *answer) {
        Calico *calico = userdata;

        calico->registration = etcd_request_free(calico->registration);
        /* The tree will say that it is there; if it could not be made, that is tried again. */
        if (answer->outcome == ETCD_OK || answer->outcome == ETCD_CONFLICT)
                return;
        (void) sd_event_source_set_time_relative(calico->pass_later, REGISTER_AGAIN);
        (void) sd_event_source_set_enabled(calico->pass_later, SD_EVENT_ONESHOT);
}

static int register_host(Calico *calico) {
        char key[CALICO_NAME_MAX + sizeof(HOST_ROOT "/")];

        if (calico->registration)
                return 0;
        snprintf(key, sizeof(key), HOST_ROOT "/%s", calico->host);
        return etcd_put(calico->client, key, "{}", &(EtcdCondition) { ETCD_IF_ABSENT, 0 }, on_registered, calico,
                        &calico->registration);
}

static bool host_is_gone(void *userdata, const char *host, uint64_t index) {
        const Calico *calico = userdata;

        /* Of those who came since the tree was told of last, nothing is known. */
        return tree_is_synced(calico->shared_tree) && tree_get_index(calico->shared_tree) >= index &&
               !shared_has_host(&calico->shared, host);
}

static void tell_endpoint(void *userdata, const CalicoEndpoint *endpoint, bool gone) {
        Calico *calico = userdata;

        calico->handlers.endpoint(calico->userdata, endpoint, gone);
}

static void tell_connection(Calico *calico) {
        endpoints_hand_out(&calico->endpoints, tell_endpoint, calico);
        if (calico->connected || !calico_is_synced(calico))
                return;
        calico->connected = true;
        calico->handlers.connected(calico->userdata);
}

static void pass(Calico *calico) {
        int r = 0;

        tell_connection(calico);
        if (!calico->wants_set)
                return;
        /* Nothing is decided on half of what there is. */
        if (!calico_is_synced(calico))
                r = 0;
        else if (shared_has_host(&calico->shared, calico->host))
                r = pass_make_right(calico);
        else
                r = register_host(calico);
        pass_tell_outcomes(calico);
        check_memory(calico, r);
}

/* Whatever else the machine does meanwhile. */
static uint64_t get_processor_time(void) {
        return clock_usec(CLOCK_THREAD_CPUTIME_ID);
}

static int on_pass(sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        uint64_t start = get_processor_time();

        pass(userdata);
        (void) sd_event_source_set_time_relative(source, PASS_SHARE * (get_processor_time() - start));
        return 0;
}

static int on_pass_later(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        arm_pass(userdata);
        return 0;
}

static void on_task_changed(void *userdata, _unused_ Task *task) {
        arm_pass(userdata);
}

static void on_task_warning(void *userdata, const char *text) {
        Calico *calico = userdata;

        calico->handlers.warning(calico->userdata, text);
}

static void on_member_changed(void *userdata, _unused_ Member *member) {
        arm_pass(userdata);
}

/* The outside. */

static int add_sources(Calico *calico) {
        int r;

        /* Exact: a moment is all that it waits for. */
        r = sd_event_add_time(calico->event, &calico->pass, CLOCK_MONOTONIC, 0, 1, on_pass, calico);
        if (r >= 0)
                r = sd_event_source_set_enabled(calico->pass, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(calico->event, &calico->pass_later, CLOCK_MONOTONIC, 0, 0, on_pass_later,
                                               calico);
        if (r >= 0)
                r = sd_event_source_set_enabled(calico->pass_later, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static int add_tree(Calico *calico, const char *key, void (*changed)(void *, const char *, const EtcdNode *),
                    Tree **ret) {
        const TreeHandlers handlers = { .changed = changed, .synced = on_synced, .failed = on_failed };

        return tree_new(calico->client, calico->event, key, &handlers, calico, ret);
}

static int add_trees(Calico *calico) {
        char key[CALICO_NAME_MAX + sizeof(ENDPOINTS_ROOT)];
        int r;

        snprintf(key, sizeof(key), ENDPOINTS_ROOT, calico->host);
        r = add_tree(calico, key, on_record, &calico->records_tree);
        if (r >= 0)
                r = add_tree(calico, PROFILE_ROOT, on_profile, &calico->profiles_tree);
        if (r >= 0)
                r = add_tree(calico, SHARED_ROOT, on_shared, &calico->shared_tree);
        return r;
}

int calico_new(sd_event *event, const CalicoOptions *options, const CalicoHandlers *handlers, void *userdata,
               Calico **ret) {
        const EtcdOptions etcd = calico_etcd_options(options);
        _cleanup_(calico_freep) Calico *calico = NULL;
        int r;

        if (!calico_name_is_valid(options->hostname))
                return -EINVAL;
        calico = calloc(1, sizeof(*calico));
        if (!calico)
                return -ENOMEM;
        calico->event = sd_event_ref(event);
        calico->scope = options->scope;
        calico->handlers = *handlers;
        calico->userdata = userdata;
        calico->shared.recheck = true;
        calico->host = strdup(options->hostname);
        if (!calico->host)
                return -ENOMEM;
        r = etcd_client_new(event, &etcd, &calico->client);
        if (r >= 0)
                r = add_sources(calico);
        if (r >= 0)
                r = add_trees(calico);
        if (r < 0)
                return r;
        calico->task_context = (TaskContext) { event,        calico->client,  calico->host,    SETTLE,
                                               host_is_gone, on_task_changed, on_task_warning, calico };
        calico->member_context = (MemberContext) { event, calico->client, on_member_changed, calico };
        *ret = TAKE_PTR(calico);
        return 0;
}

void calico_set_settle(Calico *calico, uint64_t microseconds) {
        calico->task_context.settle = microseconds;
}

/* All but those that are still needed. */
static void drop_wants(Want **wants, size_t n_wants) {
        for (size_t i = 0; i < n_wants; i++) {
                Want *want = wants[i];

                if (want->kept) {
                        want->kept = false;
                        continue;
                }
                want_done(want);
                free(want);
        }
        free(wants);
}

Calico *calico_free(Calico *calico) {
        if (!calico)
                return NULL;
        etcd_request_free(calico->registration);
        for (size_t i = 0; i < calico->n_tasks; i++)
                task_free(calico->tasks[i]);
        free(calico->tasks);
        for (size_t i = 0; i < calico->n_members; i++)
                member_free(calico->members[i]);
        free(calico->members);
        tree_free(calico->records_tree);
        tree_free(calico->profiles_tree);
        tree_free(calico->shared_tree);
        endpoints_done(&calico->endpoints);
        shared_done(&calico->shared);
        drop_wants(calico->wants, calico->n_wants);
        free(calico->sorted);
        etcd_client_free(calico->client);
        sd_event_source_disable_unref(calico->pass);
        sd_event_source_disable_unref(calico->pass_later);
        sd_event_unref(calico->event);
        free(calico->host);
        free(calico);
        return NULL;
}

static int want_compare(const void *a, const void *b) {
        return calico_need_compare(&(*(Want *const *) a)->need, &(*(Want *const *) b)->need);
}

static int want_compare_need(const void *need, const void *item) {
        return calico_need_compare(need, &(*(Want *const *) item)->need);
}

/* What was told of the same want before holds on. NULL: there is none, or not as many. */
static Want *keep_want(Want *const *sorted, size_t n, const CalicoNeed *need) {
        size_t i = array_lower_bound(need, sorted, n, sizeof(*sorted), want_compare_need);

        for (; i < n && calico_need_compare(need, &sorted[i]->need) == 0; i++)
                if (!sorted[i]->kept) {
                        sorted[i]->kept = true;
                        return sorted[i];
                }
        return NULL;
}

static Want *new_want(const CalicoNeed *need) {
        _cleanup_free_ Want *want = calloc(1, sizeof(*want));

        return want && want_copy(need, want) >= 0 ? TAKE_PTR(want) : NULL;
}

static Want **sort_wants(Want *const *wants, size_t n_wants) {
        Want **sorted = calloc(n_wants + 1, sizeof(*sorted));

        if (!sorted)
                return NULL;
        memcpy(sorted, wants, n_wants * sizeof(*sorted));
        array_sort(sorted, n_wants, sizeof(*sorted), want_compare);
        return sorted;
}

int calico_set_needs(Calico *calico, const CalicoNeed *needs, size_t n_needs) {
        Want **wants = calloc(n_needs + 1, sizeof(*wants)), **sorted = NULL;
        size_t n = 0;

        for (; wants && n < n_needs; n++) {
                wants[n] = keep_want(calico->sorted, calico->n_wants, &needs[n]) ?: new_want(&needs[n]);
                if (!wants[n])
                        break;
        }
        if (wants && n == n_needs)
                sorted = sort_wants(wants, n);
        if (!sorted) {
                drop_wants(wants, n);
                return -ENOMEM;
        }
        drop_wants(calico->wants, calico->n_wants);
        free(calico->sorted);
        calico->wants = wants;
        calico->sorted = sorted;
        calico->n_wants = n_needs;
        calico->wants_set = true;
        arm_pass(calico);
        return 0;
}

CalicoOutcome calico_get_outcome(const Calico *calico, size_t i) {
        const Want *want = calico->wants[i];

        return (CalicoOutcome) {
                .state = want->state,
                .profile = want->target,
                .reason = want_get_reason(want),
                .warning = profile_rule_get_trouble(&want->rules[0]),
        };
}

bool calico_is_settled(const Calico *calico) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(calico->pass, &enabled);
        if (enabled != SD_EVENT_OFF || !calico->wants_set || !calico_is_synced(calico) ||
            !shared_has_host(&calico->shared, calico->host))
                return false;
        for (size_t i = 0; i < calico->n_tasks; i++)
                if (!task_is_idle(calico->tasks[i]))
                        return false;
        for (size_t i = 0; i < calico->n_members; i++)
                if (!member_is_idle(calico->members[i]))
                        return false;
        for (size_t i = 0; i < calico->endpoints.n_items; i++)
                if (!pass_endpoint_is_right(calico->endpoints.items[i]))
                        return false;
        return true;
}

bool calico_is_empty(const Calico *calico) {
        return calico_is_settled(calico) && calico->n_wants == 0 && calico->n_tasks == 0 && calico->n_members == 0;
}

const char *calico_endpoint_profile(const CalicoEndpoint *endpoint) {
        for (size_t i = 0; i < endpoint->n_profiles; i++)
                if (!own_profile_is(endpoint->profiles[i]))
                        return endpoint->profiles[i];
        return NULL;
}

void calico_foreach_endpoint(const Calico *calico, void (*handler)(void *userdata, const CalicoEndpoint *endpoint),
                             void *userdata) {
        for (size_t i = 0; i < calico->endpoints.n_items; i++)
                if (!calico->endpoints.items[i]->gone) {
                        CalicoEndpoint view = endpoint_view(calico->endpoints.items[i]);

                        handler(userdata, &view);
                }
}
