/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/task-step.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Steps of one look: more than the most rules that a profile can need at a time take. */
#define STEPS_MAX 10000

static void refuse(Task *task, const char *format, ...) _printf_(2, 3);

static void refuse(Task *task, const char *format, ...) {
        char reason[CALICO_REASON_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        task_rest(task, CALICO_REFUSED, reason);
}

/* A write's answer: true if it was made. */
static bool was_made(Task *task, const EtcdAnswer *answer) {
        if (answer->outcome == ETCD_OK)
                return true;
        if (answer->outcome == ETCD_CONFLICT || answer->outcome == ETCD_MISSING)
                task_lose(task);
        else
                task_fail(task, answer->reason);
        return false;
}

/* Writing the ledger. */

static void on_stored(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;

        if (!was_made(task, answer))
                return;
        free(task->ledger_text);
        task->ledger_text = TAKE_PTR(task->text);
        task->ledger_index = task->ledger_text ? answer->node.index : 0;
        task->known = task->known_next;
        task_make_step(task);
}

static void store(Task *task) {
        EtcdCondition condition = { task->ledger_text ? ETCD_IF_INDEX_IS : ETCD_IF_ABSENT, task->ledger_index };
        char key[TASK_KEY_SIZE];
        int r;

        task_ledger_key(task, key);
        if (task->text && strlen(task->text) > LEDGER_SIZE_MAX)
                task_fail(task, "the ledger of this profile has become too large");
        else {
                if (task->text)
                        r = etcd_put(task->context->client, key, task->text, &condition, on_stored, task,
                                     &task->request);
                else
                        r = etcd_delete(task->context->client, key, &condition, on_stored, task, &task->request);
                if (r < 0)
                        task_fail_with(task, r);
        }
}

/* Writing the profile. */

static void on_written(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        OwnKey *key = &task->keys[task->part];

        if (!was_made(task, answer))
                return;
        /* Ours is the first write after what was read: so nothing is missed. */
        if (task->part == OWN_RULES && task->known == key->index)
                task->known = answer->node.index;
        task_take_key(key, TAKE_PTR(task->text), answer->node.index);
        task->directory = true;
        task_make_step(task);
}

static void write_part(Task *task, OwnPart part, uint64_t index) {
        EtcdCondition condition = { index > 0 ? ETCD_IF_INDEX_IS : ETCD_IF_ABSENT, index };
        char key[TASK_KEY_SIZE];
        int r;

        task->part = part;
        task_part_key(task, part, key);
        if (task->text)
                r = etcd_put(task->context->client, key, task->text, &condition, on_written, task, &task->request);
        else
                r = etcd_delete(task->context->client, key, &condition, on_written, task, &task->request);
        if (r < 0)
                task_fail_with(task, r);
}

static void on_directory_deleted(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;

        /* What somebody else has put into it is theirs. */
        if (answer->outcome == ETCD_UNAVAILABLE) {
                task_fail(task, answer->reason);
                return;
        }
        task->directory = false;
        task_make_step(task);
}

static void delete_directory(Task *task) {
        char key[TASK_KEY_SIZE];
        int r = etcd_delete(task->context->client, task_directory_key(task, key), NULL, on_directory_deleted, task,
                            &task->request);

        if (r < 0)
                task_fail_with(task, r);
}

/* Asking for the history: one write of the rules after the other, up to the one that was read. */

static void ask_after(Task *task, uint64_t index);

static void on_history(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        int r;

        if (answer->outcome == ETCD_UNAVAILABLE || answer->outcome == ETCD_REFUSED) {
                task_fail(task, answer->reason);
                return;
        }
        if (answer->outcome != ETCD_OK) {
                history_clear(&task->history);
                task->history.state = LEDGER_HISTORY_LOST;
                task_make_step(task);
                return;
        }
        if (answer->node.index > task->keys[OWN_RULES].index) {
                task_lose(task); /* written since */
                return;
        }
        r = history_add(&task->history, answer);
        if (r < 0)
                task_fail_with(task, r);
        else if (answer->node.index < task->keys[OWN_RULES].index)
                ask_after(task, answer->node.index);
        else {
                task->history.state = LEDGER_HISTORY_TOLD;
                task_make_step(task);
        }
}

static void ask_after(Task *task, uint64_t index) {
        char key[TASK_KEY_SIZE];
        int r;

        task->request = etcd_request_free(task->request);
        r = etcd_watch(task->context->client, task_part_key(task, OWN_RULES, key), false, index + 1, on_history, task,
                       &task->request);
        if (r < 0)
                task_fail_with(task, r);
}

static void ask(Task *task, uint64_t after) {
        history_clear(&task->history);
        task->history.asked = after;
        ask_after(task, after);
}

/* Steps. */

static bool is_gone(void *userdata, const char *host) {
        Task *task = userdata;

        return task->context->is_gone(task->context->userdata, host, task->ledger_index);
}

static LedgerInput make_input(Task *task) {
        return (LedgerInput) {
                .host = task->context->host,
                .needs = task->needs.needs,
                .n_needs = task->needs.n_needs,
                .keep = (const char *const *) task->needs.keep,
                .n_keep = task->needs.n_keep,
                .is_gone = is_gone,
                .userdata = task,
                .ledger_index = task->ledger_index,
                .text = task->keys[OWN_RULES].text,
                .index = task->keys[OWN_RULES].index,
                .known = task->known,
                .settled = task->settled,
                .history = task->history.state,
                .asked = task->history.asked,
                .events = task->history.events,
                .n_events = task->history.n_events,
        };
}

static void warn_uncertain(Task *task) {
        char text[CALICO_REASON_SIZE];

        snprintf(text, sizeof(text),
                 "profile %s: it cannot be told any more whether a rule in it is ours: it stays for good",
                 task->profile);
        task->context->warning(task->context->userdata, text);
}

/* All is done that can be. */
static void conclude(Task *task) {
        const char *text = task->keys[OWN_RULES].text;
        char reason[RECORD_REASON_SIZE];

        if (!task->own && task->needs.n_needs > 0 && !text)
                refuse(task, "there is no profile %s in Calico's datastore", task->profile);
        else if (!task->own && text && profile_rules_check(text, strlen(text), reason) < 0)
                refuse(task, "the rules of profile %s cannot be read: %s", task->profile, reason);
        else
                task_rest(task, CALICO_IN_PLACE, "");
}

static void make_ledger_step(Task *task) {
        LedgerInput input = make_input(task);
        LedgerPlan plan;
        int r;

        r = ledger_plan(&task->ledger, &input, &plan);
        if (r < 0) {
                task_fail_with(task, r);
                return;
        }
        if (plan.uncertain)
                warn_uncertain(task);
        task->text = plan.text;
        task->known_next = plan.known;
        switch (plan.step) {
        case LEDGER_DONE:
                task->known = plan.known;
                conclude(task);
                break;
        case LEDGER_STORE:
                store(task);
                break;
        case LEDGER_EDIT:
                write_part(task, OWN_RULES, input.index);
                break;
        case LEDGER_ASK:
                ask(task, plan.after);
                break;
        }
}

static void make_own_step(Task *task) {
        LedgerInput input = make_input(task);
        OwnPlan plan;
        int r;

        r = own_plan(&task->ledger, &input, task->profile, task->keys, task->directory, &plan);
        if (r < 0) {
                task_fail_with(task, r);
                return;
        }
        task->text = plan.text;
        switch (plan.step) {
        case OWN_DONE:
                conclude(task);
                break;
        case OWN_STORE:
                store(task);
                break;
        case OWN_PUT:
        case OWN_DELETE:
                write_part(task, plan.part, plan.index);
                break;
        case OWN_DELETE_DIRECTORY:
                delete_directory(task);
                break;
        }
}

void task_make_step(Task *task) {
        int r = 0;

        task_clear_step(task);
        ledger_done(&task->ledger);
        if (task->ledger_text)
                r = ledger_decode(task->ledger_text, strlen(task->ledger_text), &task->ledger);
        if (r == -EBADMSG)
                refuse(task, "the ledger " LEDGER_ROOT "/%s cannot be read", task->profile);
        else if (r < 0)
                task_fail_with(task, r);
        else if (++task->steps > STEPS_MAX)
                task_fail(task, "it comes to no end");
        else if (task->own)
                make_own_step(task);
        else
                make_ledger_step(task);
}
