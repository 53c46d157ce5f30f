/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/task-step.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/calico/random.h"

#define MILLISECONDS UINT64_C(1000)
#define BACKOFF_MINIMUM (100 * MILLISECONDS)
#define BACKOFF_MAXIMUM (10000 * MILLISECONDS)
/* Races that are lost one after the other before the next attempt waits. */
#define CONFLICTS_MAX 5

static void look(Task *task);

/* What is not needed any more may be taken out at any moment: should it be needed again, it counts as being there only
 * when that was seen. */
static void forget_unneeded(Task *task) {
        const LedgerInput input = {
                .host = task->context->host,
                .needs = task->needs.needs,
                .n_needs = task->needs.n_needs,
                .keep = (const char *const *) task->needs.keep,
                .n_keep = task->needs.n_keep,
        };

        ledger_forget_unneeded(&task->last, &input);
}

void task_set_needs(Task *task, TaskNeeds *needs) {
        bool equal = task_needs_equal(&task->needs, needs);

        task_needs_done(&task->needs);
        task->needs = *needs;
        *needs = (TaskNeeds) {};
        if (equal)
                return;
        forget_unneeded(task);
        task->state = CALICO_PENDING;
        task->reason[0] = '\0';
        task_run(task);
}

/* Looks. */

static void set_state(Task *task, CalicoState state, const char *reason) {
        if (task->state == state && strcmp(task->reason, reason) == 0)
                return;
        task->state = state;
        snprintf(task->reason, sizeof(task->reason), "%s", reason);
        task->context->changed(task->context->userdata, task);
}

static void set_timer(Task *task, uint64_t delay) {
        (void) sd_event_source_set_time_relative(task->timer, delay);
        (void) sd_event_source_set_enabled(task->timer, SD_EVENT_ONESHOT);
}

void task_clear_step(Task *task) {
        task->request = etcd_request_free(task->request);
        free(TAKE_PTR(task->text));
}

static void end_look(Task *task) {
        task_clear_step(task);
        history_clear(&task->history);
        ledger_done(&task->ledger);
}

void task_fail(Task *task, const char *reason) {
        char copy[CALICO_REASON_SIZE];

        snprintf(copy, sizeof(copy), "%s", reason); /* the request owns it */
        end_look(task);
        task->conflicts = 0;
        set_timer(task, backoff_next(&task->backoff, random_number()));
        set_state(task, CALICO_PENDING, copy);
}

void task_fail_with(Task *task, int error) {
        task_fail(task, strerror(-error));
}

void task_lose(Task *task) {
        end_look(task);
        if (++task->conflicts % CONFLICTS_MAX != 0)
                look(task);
        else
                set_timer(task, backoff_next(&task->backoff, random_number()));
}

/* The index up to which something was removed that must be looked at once more. */
static uint64_t find_removed(const Task *task) {
        const Ledger *ledger = &task->ledger;
        uint64_t since = 0;

        if (ledger->change.kind == LEDGER_CHANGE_DELETE)
                return task->ledger_index;
        for (size_t i = 0; i < ledger->n_entries; i++)
                if (ledger->entries[i].owner == LEDGER_REMOVED)
                        since = MAX(since, ledger->entries[i].since);
        return since;
}

/* Nothing is left to be done; what was removed is looked at once more, later. */
void task_rest(Task *task, CalicoState state, const char *reason) {
        uint64_t removed = find_removed(task);

        task_clear_step(task);
        history_clear(&task->history);
        task->conflicts = 0;
        backoff_reset(&task->backoff);
        if (task->again) {
                look(task);
                return;
        }
        task->resting = true;
        ledger_done(&task->last);
        if (state == CALICO_IN_PLACE) {
                task->last = task->ledger;
                task->ledger = (Ledger) {};
        }
        if (removed > task->settled) {
                task->settling = removed;
                set_timer(task, task->context->settle);
        }
        set_state(task, state, reason);
        task->context->changed(task->context->userdata, task);
}

void task_take_key(OwnKey *key, char *text, uint64_t index) {
        free(key->text);
        *key = (OwnKey) { text, text ? index : 0 };
}

static bool was_read(Task *task, const EtcdAnswer *answer) {
        if (answer->outcome == ETCD_OK || answer->outcome == ETCD_MISSING)
                return true;
        task_fail(task, answer->reason);
        return false;
}

const char *task_ledger_key(const Task *task, char buffer[static TASK_KEY_SIZE]) {
        snprintf(buffer, TASK_KEY_SIZE, LEDGER_ROOT "/%s", task->profile);
        return buffer;
}

const char *task_part_key(const Task *task, OwnPart part, char buffer[static TASK_KEY_SIZE]) {
        snprintf(buffer, TASK_KEY_SIZE, PROFILE_ROOT "/%s/%s", task->profile, own_part_to_string(part));
        return buffer;
}

const char *task_directory_key(const Task *task, char buffer[static TASK_KEY_SIZE]) {
        snprintf(buffer, TASK_KEY_SIZE, PROFILE_ROOT "/%s", task->profile);
        return buffer;
}

/* Reading. */

/* What an answer says of its key, or NULL; the caller frees it. False: there was no memory, and the task has failed. */
static bool copy_value(Task *task, const EtcdAnswer *answer, char **ret) {
        const char *value = answer->outcome == ETCD_OK ? answer->node.value : NULL;
        char *text = value ? strdup(value) : NULL;

        if (value && !text) {
                task_fail_with(task, -ENOMEM);
                return false;
        }
        *ret = text;
        return true;
}

static void on_rules(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        char *text;

        if (!was_read(task, answer) || !copy_value(task, answer, &text))
                return;
        task_take_key(&task->keys[OWN_RULES], text, answer->node.index);
        task_make_step(task);
}

/* In the middle of libcurl's work. */
static int on_part(void *userdata, const EtcdNode *node) {
        Task *task = userdata;

        for (unsigned part = 0; part < _OWN_PART_MAX; part++) {
                char key[TASK_KEY_SIZE], *text;

                if (!node->value || strcmp(node->key, task_part_key(task, part, key)) != 0)
                        continue;
                text = strdup(node->value);
                if (!text)
                        return -ENOMEM;
                task_take_key(&task->keys[part], text, node->index);
        }
        return 0;
}

static void forget_parts(void *userdata) {
        Task *task = userdata;

        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                task_take_key(&task->keys[part], NULL, 0);
}

static void on_parts(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;

        if (!was_read(task, answer))
                return;
        task->directory = answer->outcome == ETCD_OK;
        task_make_step(task);
}

static void read_profile(Task *task) {
        char key[TASK_KEY_SIZE];
        int r;

        forget_parts(task);
        if (task->own)
                r = etcd_get_tree(task->context->client, task_directory_key(task, key), on_part, forget_parts, on_parts,
                                  task, &task->request);
        else
                r = etcd_get(task->context->client, task_part_key(task, OWN_RULES, key), on_rules, task, &task->request);
        if (r < 0)
                task_fail_with(task, r);
}

static void on_ledger(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        char *text;

        if (!was_read(task, answer) || !copy_value(task, answer, &text))
                return;
        free(task->ledger_text);
        task->ledger_text = text;
        task->ledger_index = text ? answer->node.index : 0;
        task->request = etcd_request_free(task->request);
        read_profile(task);
}

/* The ledger comes first: what it says of the rules can then only be older than they are. */
static void look(Task *task) {
        char key[TASK_KEY_SIZE];
        int r;

        end_look(task);
        (void) sd_event_source_set_enabled(task->timer, SD_EVENT_OFF);
        task->again = task->resting = false;
        task->settling = 0;
        task->steps = 0;
        r = etcd_get(task->context->client, task_ledger_key(task, key), on_ledger, task, &task->request);
        if (r < 0)
                task_fail_with(task, r);
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        Task *task = userdata;

        task->settled = MAX(task->settled, task->settling);
        look(task);
        return 0;
}

void task_run(Task *task) {
        if (task->request) {
                task->again = true;
                return;
        }
        look(task);
}

void task_notice_part(Task *task, OwnPart part, uint64_t index) {
        if (task->own || part == OWN_RULES)
                task->noticed_parts[part] = (Notice) { true, index };
}

void task_notice_ledger(Task *task, uint64_t index) {
        task->noticed_ledger = (Notice) { true, index };
}

static bool take_notice(Notice *notice, uint64_t seen) {
        bool news = notice->given && notice->index != seen;

        *notice = (Notice) {};
        return news;
}

void task_check(Task *task) {
        bool news;

        /* What is being read or written now is compared when that is over. */
        if (task->request)
                return;
        news = take_notice(&task->noticed_ledger, task->ledger_index);
        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                news |= take_notice(&task->noticed_parts[part], task->keys[part].index);
        if (news)
                task_run(task);
}

int task_new(const TaskContext *context, const char *profile, Task **ret) {
        _cleanup_(task_freep) Task *task = calloc(1, sizeof(*task));
        int r;

        if (!task)
                return -ENOMEM;
        task->context = context;
        task->own = own_profile_is(profile);
        task->backoff = (Backoff) { .minimum = BACKOFF_MINIMUM, .maximum = BACKOFF_MAXIMUM };
        task->profile = strdup(profile);
        if (!task->profile)
                return -ENOMEM;
        r = sd_event_add_time_relative(context->event, &task->timer, CLOCK_MONOTONIC, 0, MILLISECONDS, on_timer, task);
        if (r >= 0)
                r = sd_event_source_set_enabled(task->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(task);
        return 0;
}

Task *task_free(Task *task) {
        if (!task)
                return NULL;
        end_look(task);
        ledger_done(&task->last);
        history_done(&task->history);
        sd_event_source_disable_unref(task->timer);
        task_needs_done(&task->needs);
        forget_parts(task);
        free(task->ledger_text);
        free(task->profile);
        free(task);
        return NULL;
}

const char *task_get_profile(const Task *task) {
        return task->profile;
}

CalicoState task_get_state(const Task *task) {
        return task->state;
}

const char *task_get_reason(const Task *task) {
        return task->reason;
}

bool task_is_idle(const Task *task) {
        return task->resting;
}

bool task_is_over(const Task *task) {
        return task->resting && !task->ledger_text && task->needs.n_needs == 0 && task->needs.n_keep == 0;
}

const Ledger *task_get_ledger(const Task *task) {
        return &task->last;
}
