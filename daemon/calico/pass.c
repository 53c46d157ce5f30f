/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/pass.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

/* Profiles. */

static int task_compare(const void *key, const void *item) {
        return strcmp(key, task_get_profile(*(Task *const *) item));
}

Task *pass_find_task(const Calico *calico, const char *profile) {
        size_t at = array_lower_bound(profile, calico->tasks, calico->n_tasks, sizeof(*calico->tasks), task_compare);

        return at < calico->n_tasks && strcmp(task_get_profile(calico->tasks[at]), profile) == 0 ? calico->tasks[at]
                                                                                                 : NULL;
}

static Task *get_task(Calico *calico, const char *profile) {
        size_t at = array_lower_bound(profile, calico->tasks, calico->n_tasks, sizeof(*calico->tasks), task_compare);
        Task *task = pass_find_task(calico, profile);

        if (task || task_new(&calico->task_context, profile, &task) < 0)
                return task;
        if (array_insert_gap(&calico->tasks, &calico->n_tasks, &calico->tasks_capacity, at, sizeof(task)) < 0)
                return task_free(task);
        calico->tasks[at] = task;
        task_run(task);
        return task;
}

static bool is_in_place(const Calico *calico, const Want *want) {
        const Task *task = pass_find_task(calico, want->target);
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

/* Both are in the order of IDs. */
static void find_endpoints(Calico *calico) {
        size_t at = 0;

        for (size_t i = 0; i < calico->n_wants; i++) {
                Want *want = calico->sorted[i];

                while (at < calico->endpoints.n_items && strcmp(calico->endpoints.items[at]->id, want->endpoint) < 0)
                        at++;
                want->found = NULL;
                for (size_t k = at; !want->found && k < calico->endpoints.n_items &&
                                    strcmp(calico->endpoints.items[k]->id, want->endpoint) == 0; k++)
                        if (!calico->endpoints.items[k]->gone)
                                want->found = calico->endpoints.items[k];
        }
}

/* What each profile must have, and what profiles of ours each endpoint. A profile is only ever appended once it is
 * there. */
static int collect(Calico *calico, Wanted *wanted) {
        int r = 0;

        forget_endpoint_profiles(calico);
        for (size_t i = 0; r >= 0 && i < calico->n_wants; i++) {
                Want *want = calico->sorted[i];

                want_choose(want, want->found, calico->scope);
                if (!*want->target)
                        continue;
                r = wanted_add(wanted, want, calico->host);
                if (r >= 0 && own_profile_is(want->target) &&
                    (endpoint_has_profile(want->found, want->target) || is_in_place(calico, want)))
                        r = add_endpoint_profile(want->found, want->target);
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

bool pass_endpoint_is_right(const Endpoint *endpoint) {
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

                if (pass_endpoint_is_right(endpoint))
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

        return member_is_idle(member) && (!endpoint || pass_endpoint_is_right(endpoint));
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
        const Task *task = pass_find_task(calico, want->target);
        const Endpoint *endpoint = want->found;
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
        want_set_reason(want, reason);
}

void pass_tell_outcomes(Calico *calico) {
        find_endpoints(calico);
        for (size_t i = 0; i < calico->n_wants; i++) {
                Want *want = calico->wants[i];
                CalicoOutcome outcome;

                if (*want->target)
                        judge_want(calico, want);
                else if (!calico_is_synced(calico) && want->state == CALICO_PENDING)
                        want_set_reason(want, *calico->reason ? calico->reason : "Calico's datastore was not read yet");
                if (!want_tell(want))
                        continue;
                outcome = calico_get_outcome(calico, i);
                calico->handlers.outcome(calico->userdata, i, &outcome);
        }
}

int pass_make_right(Calico *calico) {
        _cleanup_(wanted_done) Wanted wanted = {};
        int r;

        find_endpoints(calico);
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
