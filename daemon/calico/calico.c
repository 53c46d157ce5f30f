/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/calico.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/calico/calico-times.h"
#include "daemon/calico/endpoints.h"
#include "daemon/calico/member.h"
#include "daemon/calico/shared.h"
#include "daemon/calico/task.h"
#include "daemon/calico/tree.h"
#include "daemon/calico/wants.h"

#define SECONDS UINT64_C(1000000)
#define SETTLE (10 * SECONDS) /* calicoctl has written what it read long before */
#define REGISTER_AGAIN (1 * SECONDS)

struct Calico {
        sd_event *event;
        char *host;
        CalicoScope scope;
        CalicoHandlers handlers;
        void *userdata;
        EtcdClient *client;

        Tree *records_tree, *profiles_tree, *shared_tree;
        Endpoints endpoints;
        Shared shared;
        char reason[CALICO_REASON_SIZE]; /* why the datastore is away; "": it is not, or nothing is known yet */
        bool connected;                  /* the caller was told */

        sd_event_source *pass;     /* armed by whatever changes */
        sd_event_source *pass_later;
        EtcdRequest *registration;

        Want *wants;
        size_t n_wants;
        bool wants_set;
        TaskContext task_context;
        Task **tasks; /* sorted by profile */
        size_t n_tasks, tasks_capacity;
        MemberContext member_context;
        Member **members; /* sorted by key */
        size_t n_members, members_capacity;
};

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

static int task_compare(const void *key, const void *item) {
        return strcmp(key, task_get_profile(*(Task *const *) item));
}

static Task *find_task(const Calico *calico, const char *profile) {
        size_t at = array_lower_bound(profile, calico->tasks, calico->n_tasks, sizeof(*calico->tasks), task_compare);

        return at < calico->n_tasks && strcmp(task_get_profile(calico->tasks[at]), profile) == 0 ? calico->tasks[at]
                                                                                                 : NULL;
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
        task = find_task(calico, profile);
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
        task = profile ? find_task(calico, profile) : NULL;
        if (task)
                task_notice_ledger(task, node ? node->index : 0);
        arm_pass(calico);
}

static bool is_synced(const Calico *calico) {
        return tree_is_synced(calico->records_tree) && tree_is_synced(calico->profiles_tree) &&
               tree_is_synced(calico->shared_tree);
}

static void on_synced(void *userdata) {
        Calico *calico = userdata;

        if (is_synced(calico))
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

/* The pass: from all that is known to what must be done. */

static Task *get_task(Calico *calico, const char *profile) {
        size_t at = array_lower_bound(profile, calico->tasks, calico->n_tasks, sizeof(*calico->tasks), task_compare);
        Task *task = find_task(calico, profile);

        if (task || task_new(&calico->task_context, profile, &task) < 0)
                return task;
        if (array_insert_gap(&calico->tasks, &calico->n_tasks, &calico->tasks_capacity, at, sizeof(task)) < 0)
                return task_free(task);
        calico->tasks[at] = task;
        task_run(task);
        return task;
}

static bool is_in_place(const Calico *calico, const Want *want) {
        const Task *task = find_task(calico, want->target);
        char holder[HOLDER_SIZE];

        if (!task)
                return false;
        holder_format(calico->host, want->endpoint, holder);
        for (size_t i = 0; i < want->n_rules; i++)
                if (!ledger_has_holder(task_get_ledger(task), &want->rules[i], holder))
                        return false;
        return true;
}

static int add_endpoint_profile(Endpoint *endpoint, const char *profile) {
        char *copy;

        for (size_t i = 0; i < endpoint->n_wanted; i++)
                if (strcmp(endpoint->wanted[i], profile) == 0)
                        return 0;
        copy = strdup(profile);
        if (!copy || array_reserve(&endpoint->wanted, &endpoint->wanted_capacity, endpoint->n_wanted + 1,
                                   sizeof(copy)) < 0) {
                free(copy);
                return -ENOMEM;
        }
        endpoint->wanted[endpoint->n_wanted++] = copy;
        return 0;
}

static void forget_endpoint_profiles(Calico *calico) {
        for (size_t i = 0; i < calico->endpoints.n_items; i++) {
                Endpoint *endpoint = calico->endpoints.items[i];

                while (endpoint->n_wanted > 0)
                        free(endpoint->wanted[--endpoint->n_wanted]);
        }
}

/* What each profile must have, and what profiles of ours each endpoint. A profile is only ever appended once it is
 * there. */
static int collect(Calico *calico, Wanted *wanted) {
        int r = 0;

        forget_endpoint_profiles(calico);
        for (size_t i = 0; r >= 0 && i < calico->n_wants; i++) {
                Want *want = &calico->wants[i];
                Endpoint *endpoint;

                want_choose(want, &calico->endpoints, calico->scope);
                if (!*want->target)
                        continue;
                r = wanted_add(wanted, want, calico->host);
                endpoint = endpoints_find(&calico->endpoints, want->endpoint);
                if (r >= 0 && own_profile_is(want->target) &&
                    (is_in_place(calico, want) || endpoint_has_profile(endpoint, want->target)))
                        r = add_endpoint_profile(endpoint, want->target);
        }
        return r;
}

static bool endpoint_wants(const Endpoint *endpoint, const char *profile) {
        for (size_t i = 0; i < endpoint->n_wanted; i++)
                if (strcmp(endpoint->wanted[i], profile) == 0)
                        return true;
        return false;
}

/* An endpoint that still has a profile of ours keeps it there until it is taken out. */
static int collect_kept(Calico *calico, Wanted *wanted) {
        int r = 0;

        for (size_t i = 0; i < calico->endpoints.n_items; i++) {
                const Endpoint *endpoint = calico->endpoints.items[i];

                for (size_t k = 0; r >= 0 && k < endpoint->record.n_profiles; k++) {
                        const char *profile = endpoint->record.profiles[k];

                        if (own_profile_is(profile) && !endpoint_wants(endpoint, profile))
                                r = wanted_keep(wanted, profile, calico->host, endpoint->id);
                }
        }
        return r;
}

static TaskNeeds *find_needs(const Wanted *wanted, const char *profile) {
        for (size_t low = 0, high = wanted->n_profiles; low < high;) {
                size_t middle = (low + high) / 2;
                int r = strcmp(profile, wanted->profiles[middle].name);

                if (r == 0)
                        return &wanted->profiles[middle].needs;
                if (r < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return NULL;
}

static int make_tasks(Calico *calico, const Wanted *wanted) {
        bool recheck = calico->shared.recheck;
        int r;

        r = shared_judge(&calico->shared, calico->host);
        if (r < 0)
                return r;
        for (size_t i = 0; i < wanted->n_profiles; i++)
                if (!get_task(calico, wanted->profiles[i].name))
                        return -ENOMEM;
        for (size_t i = 0; i < calico->shared.n_ledgers; i++) {
                const SharedLedger *ledger = &calico->shared.ledgers[i];
                Task *task = ledger->ours ? get_task(calico, ledger->profile) : NULL;

                if (ledger->ours && !task)
                        return -ENOMEM;
                if (task && recheck)
                        task_run(task);
        }
        return 0;
}

static void run_tasks(Calico *calico, Wanted *wanted) {
        for (size_t i = 0; i < calico->n_tasks; i++) {
                TaskNeeds none = {}, *needs = find_needs(wanted, task_get_profile(calico->tasks[i]));

                task_set_needs(calico->tasks[i], needs ?: &none);
                task_check(calico->tasks[i]);
        }
        for (size_t i = 0; i < calico->n_tasks;)
                if (task_is_over(calico->tasks[i])) {
                        task_free(calico->tasks[i]);
                        array_remove(&calico->tasks, &calico->n_tasks, i, sizeof(*calico->tasks));
                } else
                        i++;
}

/* Endpoints' records. */

static int member_compare(const void *key, const void *item) {
        return strcmp(key, member_get_key(*(Member *const *) item));
}

static Member *find_member(const Calico *calico, const char *key, size_t *ret_at) {
        size_t at = array_lower_bound(key, calico->members, calico->n_members, sizeof(*calico->members),
                                      member_compare);

        *ret_at = at;
        return at < calico->n_members && strcmp(member_get_key(calico->members[at]), key) == 0 ? calico->members[at]
                                                                                               : NULL;
}

static Member *get_member(Calico *calico, const char *key) {
        size_t at;
        Member *member = find_member(calico, key, &at);

        if (member || member_new(&calico->member_context, key, &member) < 0)
                return member;
        if (array_insert_gap(&calico->members, &calico->n_members, &calico->members_capacity, at, sizeof(member)) < 0)
                return member_free(member);
        return calico->members[at] = member;
}

static bool is_right(const Endpoint *endpoint) {
        for (size_t i = 0; i < endpoint->n_wanted; i++)
                if (!endpoint_has_profile(endpoint, endpoint->wanted[i]))
                        return false;
        for (size_t i = 0; i < endpoint->record.n_profiles; i++)
                if (own_profile_is(endpoint->record.profiles[i]) &&
                    !endpoint_wants(endpoint, endpoint->record.profiles[i]))
                        return false;
        return true;
}

/* It has seen or written what we have not been told of yet. */
static bool is_ahead(const Member *member, const Endpoint *endpoint) {
        return member_is_idle(member) && member_is_set(member, endpoint->wanted, endpoint->n_wanted) &&
               member_get_index(member) > endpoint->index;
}

static int run_members(Calico *calico) {
        for (size_t i = 0; i < calico->endpoints.n_items; i++) {
                const Endpoint *endpoint = calico->endpoints.items[i];
                Member *member;
                int r;

                if (is_right(endpoint))
                        continue;
                member = get_member(calico, endpoint->key);
                if (!member)
                        return -ENOMEM;
                if (is_ahead(member, endpoint))
                        continue;
                r = member_set(member, endpoint->wanted, endpoint->n_wanted);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_done(const Calico *calico, const Member *member) {
        const Endpoint *endpoint = endpoints_find(&calico->endpoints, strrchr(member_get_key(member), '/') + 1);

        return member_is_idle(member) && (!endpoint || is_right(endpoint));
}

static void drop_members(Calico *calico) {
        for (size_t i = 0; i < calico->n_members;)
                if (is_done(calico, calico->members[i])) {
                        member_free(calico->members[i]);
                        array_remove(&calico->members, &calico->n_members, i, sizeof(*calico->members));
                } else
                        i++;
}

/* Outcomes. */

static const char *find_trouble(const Calico *calico, const Want *want, const Task *task, const Endpoint *endpoint) {
        size_t at;
        const Member *member = endpoint ? find_member(calico, endpoint->key, &at) : NULL;

        if (task && *task_get_reason(task))
                return task_get_reason(task);
        if (own_profile_is(want->target) && member && *member_get_reason(member))
                return member_get_reason(member);
        return *calico->reason ? calico->reason : "it is being written";
}

static void judge_want(const Calico *calico, Want *want) {
        const Task *task = find_task(calico, want->target);
        const Endpoint *endpoint = endpoints_find(&calico->endpoints, want->endpoint);
        const char *reason = "";

        if (task && task_get_state(task) == CALICO_REFUSED) {
                want->state = CALICO_REFUSED;
                reason = task_get_reason(task);
        } else if (is_in_place(calico, want) &&
                   (!own_profile_is(want->target) || (endpoint && endpoint_has_profile(endpoint, want->target))))
                want->state = CALICO_IN_PLACE;
        else {
                want->state = CALICO_PENDING;
                reason = find_trouble(calico, want, task, endpoint);
        }
        snprintf(want->reason, sizeof(want->reason), "%s", reason);
}

static void tell_outcomes(Calico *calico) {
        for (size_t i = 0; i < calico->n_wants; i++) {
                Want *want = &calico->wants[i];
                CalicoOutcome outcome;

                if (*want->target)
                        judge_want(calico, want);
                else if (!is_synced(calico) && want->state == CALICO_PENDING)
                        snprintf(want->reason, sizeof(want->reason), "%s",
                                 *calico->reason ? calico->reason : "Calico's datastore was not read yet");
                if (want->told && want->told_state == want->state && strcmp(want->told_reason, want->reason) == 0)
                        continue;
                want->told = true;
                want->told_state = want->state;
                snprintf(want->told_reason, sizeof(want->told_reason), "%s", want->reason);
                outcome = calico_get_outcome(calico, i);
                calico->handlers.outcome(calico->userdata, i, &outcome);
        }
}

static void tell_endpoint(void *userdata, const CalicoEndpoint *endpoint, bool gone) {
        Calico *calico = userdata;

        calico->handlers.endpoint(calico->userdata, endpoint, gone);
}

static void tell_connection(Calico *calico) {
        endpoints_hand_out(&calico->endpoints, tell_endpoint, calico);
        if (calico->connected || !is_synced(calico))
                return;
        calico->connected = true;
        calico->handlers.connected(calico->userdata);
}

static int make_right(Calico *calico) {
        _cleanup_(wanted_done) Wanted wanted = {};
        int r;

        r = collect(calico, &wanted);
        if (r >= 0)
                r = collect_kept(calico, &wanted);
        if (r < 0)
                return r;
        wanted_finish(&wanted);
        r = make_tasks(calico, &wanted);
        if (r < 0)
                return r;
        run_tasks(calico, &wanted);
        drop_members(calico);
        return run_members(calico);
}

static int on_pass(_unused_ sd_event_source *source, void *userdata) {
        Calico *calico = userdata;
        int r = 0;

        tell_connection(calico);
        if (!calico->wants_set)
                return 0;
        /* Nothing is decided on half of what there is. */
        if (!is_synced(calico))
                r = 0;
        else if (shared_has_host(&calico->shared, calico->host))
                r = make_right(calico);
        else
                r = register_host(calico);
        tell_outcomes(calico);
        check_memory(calico, r);
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

        r = sd_event_add_defer(calico->event, &calico->pass, on_pass, calico);
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
        const EtcdOptions etcd = {
                .endpoints = options->endpoints,
                .n_endpoints = options->n_endpoints,
                .ca_file = options->ca_file,
                .cert_file = options->cert_file,
                .key_file = options->key_file,
                .user = options->user,
                .password = options->password,
        };
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

static void forget_wants(Want *wants, size_t n_wants) {
        for (size_t i = 0; i < n_wants; i++)
                want_done(&wants[i]);
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
        forget_wants(calico->wants, calico->n_wants);
        etcd_client_free(calico->client);
        sd_event_source_disable_unref(calico->pass);
        sd_event_source_disable_unref(calico->pass_later);
        sd_event_unref(calico->event);
        free(calico->host);
        free(calico);
        return NULL;
}

/* What was told of the same want before holds on. */
static void carry_over(const Calico *calico, Want *want) {
        for (size_t i = 0; i < calico->n_wants; i++) {
                const Want *old = &calico->wants[i];

                if (!want_equal(old, want))
                        continue;
                want->state = old->state;
                want->told = old->told;
                want->told_state = old->told_state;
                memcpy(want->told_reason, old->told_reason, sizeof(want->told_reason));
                memcpy(want->target, old->target, sizeof(want->target));
                memcpy(want->reason, old->reason, sizeof(want->reason));
                return;
        }
}

int calico_set_needs(Calico *calico, const CalicoNeed *needs, size_t n_needs) {
        Want *wants = calloc(n_needs + 1, sizeof(*wants));

        if (!wants)
                return -ENOMEM;
        for (size_t i = 0; i < n_needs; i++) {
                int r = want_copy(&needs[i], &wants[i]);

                if (r < 0) {
                        forget_wants(wants, i);
                        return r;
                }
                carry_over(calico, &wants[i]);
        }
        forget_wants(calico->wants, calico->n_wants);
        calico->wants = wants;
        calico->n_wants = n_needs;
        calico->wants_set = true;
        arm_pass(calico);
        return 0;
}

CalicoOutcome calico_get_outcome(const Calico *calico, size_t i) {
        const Want *want = &calico->wants[i];

        return (CalicoOutcome) {
                .state = want->state,
                .profile = want->target,
                .reason = want->reason,
                .warning = profile_rule_get_trouble(&want->rules[0]),
        };
}

bool calico_is_settled(const Calico *calico) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(calico->pass, &enabled);
        if (enabled != SD_EVENT_OFF || !calico->wants_set || !is_synced(calico) ||
            !shared_has_host(&calico->shared, calico->host))
                return false;
        for (size_t i = 0; i < calico->n_tasks; i++)
                if (!task_is_idle(calico->tasks[i]))
                        return false;
        for (size_t i = 0; i < calico->n_members; i++)
                if (!member_is_idle(calico->members[i]))
                        return false;
        for (size_t i = 0; i < calico->endpoints.n_items; i++)
                if (!is_right(calico->endpoints.items[i]))
                        return false;
        return true;
}

void calico_foreach_endpoint(const Calico *calico, void (*handler)(void *userdata, const CalicoEndpoint *endpoint),
                             void *userdata) {
        for (size_t i = 0; i < calico->endpoints.n_items; i++)
                if (!calico->endpoints.items[i]->gone) {
                        CalicoEndpoint view = endpoint_view(calico->endpoints.items[i]);

                        handler(userdata, &view);
                }
}

void calico_foreach_holder(const Calico *calico, size_t i, void (*handler)(void *userdata, const char *holder),
                           void *userdata) {
        const Task *task = find_task(calico, calico->wants[i].target);
        const Ledger *ledger = task ? task_get_ledger(task) : NULL;

        for (size_t k = 0; ledger && k < ledger->n_entries; k++)
                if (profile_rule_compare(&ledger->entries[k].rule, &calico->wants[i].rules[0]) == 0)
                        for (size_t n = 0; n < ledger->entries[k].n_holders; n++)
                                handler(userdata, ledger->entries[k].holders[n]);
}
