/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/task.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/calico/history.h"
#include "daemon/calico/random.h"
#include "daemon/http/backoff.h"

#define MILLISECONDS UINT64_C(1000)
#define BACKOFF_MINIMUM (100 * MILLISECONDS)
#define BACKOFF_MAXIMUM (10000 * MILLISECONDS)
/* Races that are lost one after the other before the next attempt waits. */
#define CONFLICTS_MAX 5
/* Steps of one look: more than the most rules that a profile can need at a time take. */
#define STEPS_MAX 10000

typedef struct Notice {
        bool given;
        uint64_t index;
} Notice;

struct Task {
        const TaskContext *context;
        char *profile;
        bool own;
        TaskNeeds needs;

        EtcdRequest *request;   /* the step that is under way */
        sd_event_source *timer; /* the next look, after a failure, a lost race, or to forget what was removed */
        bool again;             /* something changed meanwhile */
        bool resting;           /* the last look came to its end, and nothing was to be done any more */
        unsigned conflicts, steps;
        Backoff backoff;

        /* What was read. Texts are NULL, and indexes 0, where there is no such key. */
        char *ledger_text;
        uint64_t ledger_index;
        Ledger ledger; /* of the step that is under way */
        Ledger last;   /* as the last look left it; empty where it was refused */
        OwnKey keys[_OWN_PART_MAX]; /* of a profile that is not ours, the rules alone */
        bool directory;

        /* The step that is to be made, once the datastore has agreed. */
        char *text;
        OwnPart part;
        uint64_t known_next;

        /* Of the rules' history. */
        uint64_t known, settled, settling;
        History history;

        Notice noticed_ledger, noticed_parts[_OWN_PART_MAX];
        CalicoState state;
        char reason[CALICO_REASON_SIZE];
};

static void look(Task *task);
static void make_step(Task *task);

void task_set_needs(Task *task, TaskNeeds *needs) {
        bool equal = task_needs_equal(&task->needs, needs);

        task_needs_done(&task->needs);
        task->needs = *needs;
        *needs = (TaskNeeds) {};
        if (equal)
                return;
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

static void clear_step(Task *task) {
        task->request = etcd_request_free(task->request);
        free(TAKE_PTR(task->text));
}

static void end_look(Task *task) {
        clear_step(task);
        history_clear(&task->history);
        ledger_done(&task->ledger);
}

/* Tried again later; until then it is pending. */
static void fail(Task *task, const char *reason) {
        char copy[CALICO_REASON_SIZE];

        snprintf(copy, sizeof(copy), "%s", reason); /* the request owns it */
        end_look(task);
        task->conflicts = 0;
        set_timer(task, backoff_next(&task->backoff, random_number()));
        set_state(task, CALICO_PENDING, copy);
}

static void fail_with(Task *task, int error) {
        fail(task, strerror(-error));
}

/* Somebody was faster: on fresh data. */
static void lose(Task *task) {
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
static void rest(Task *task, CalicoState state, const char *reason) {
        uint64_t removed = find_removed(task);

        clear_step(task);
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

static void refuse(Task *task, const char *format, ...) _printf_(2, 3);

static void refuse(Task *task, const char *format, ...) {
        char reason[CALICO_REASON_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        rest(task, CALICO_REFUSED, reason);
}

static void take_key(OwnKey *key, char *text, uint64_t index) {
        free(key->text);
        *key = (OwnKey) { text, text ? index : 0 };
}

/* A write's answer: true if it was made. */
static bool was_made(Task *task, const EtcdAnswer *answer) {
        if (answer->outcome == ETCD_OK)
                return true;
        if (answer->outcome == ETCD_CONFLICT || answer->outcome == ETCD_MISSING)
                lose(task);
        else
                fail(task, answer->reason);
        return false;
}

static bool was_read(Task *task, const EtcdAnswer *answer) {
        if (answer->outcome == ETCD_OK || answer->outcome == ETCD_MISSING)
                return true;
        fail(task, answer->reason);
        return false;
}

static const char *ledger_key(const Task *task, char buffer[static 512]) {
        snprintf(buffer, 512, LEDGER_ROOT "/%s", task->profile);
        return buffer;
}

static const char *part_key(const Task *task, OwnPart part, char buffer[static 512]) {
        snprintf(buffer, 512, PROFILE_ROOT "/%s/%s", task->profile, own_part_to_string(part));
        return buffer;
}

static const char *directory_key(const Task *task, char buffer[static 512]) {
        snprintf(buffer, 512, PROFILE_ROOT "/%s", task->profile);
        return buffer;
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
        make_step(task);
}

static void store(Task *task) {
        EtcdCondition condition = { task->ledger_text ? ETCD_IF_INDEX_IS : ETCD_IF_ABSENT, task->ledger_index };
        char key[512];
        int r;

        ledger_key(task, key);
        if (task->text && strlen(task->text) > LEDGER_SIZE_MAX)
                fail(task, "the ledger of this profile has become too large");
        else {
                if (task->text)
                        r = etcd_put(task->context->client, key, task->text, &condition, on_stored, task,
                                     &task->request);
                else
                        r = etcd_delete(task->context->client, key, &condition, on_stored, task, &task->request);
                if (r < 0)
                        fail_with(task, r);
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
        take_key(key, TAKE_PTR(task->text), answer->node.index);
        task->directory = true;
        make_step(task);
}

static void write_part(Task *task, OwnPart part, uint64_t index) {
        EtcdCondition condition = { index > 0 ? ETCD_IF_INDEX_IS : ETCD_IF_ABSENT, index };
        char key[512];
        int r;

        task->part = part;
        part_key(task, part, key);
        if (task->text)
                r = etcd_put(task->context->client, key, task->text, &condition, on_written, task, &task->request);
        else
                r = etcd_delete(task->context->client, key, &condition, on_written, task, &task->request);
        if (r < 0)
                fail_with(task, r);
}

static void on_directory_deleted(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;

        /* What somebody else has put into it is theirs. */
        if (answer->outcome == ETCD_UNAVAILABLE) {
                fail(task, answer->reason);
                return;
        }
        task->directory = false;
        make_step(task);
}

static void delete_directory(Task *task) {
        char key[512];
        int r = etcd_delete(task->context->client, directory_key(task, key), NULL, on_directory_deleted, task,
                            &task->request);

        if (r < 0)
                fail_with(task, r);
}

/* Asking for the history: one write of the rules after the other, up to the one that was read. */

static void ask_after(Task *task, uint64_t index);

static void on_history(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        int r;

        if (answer->outcome == ETCD_UNAVAILABLE || answer->outcome == ETCD_REFUSED) {
                fail(task, answer->reason);
                return;
        }
        if (answer->outcome != ETCD_OK) {
                history_clear(&task->history);
                task->history.state = LEDGER_HISTORY_LOST;
                make_step(task);
                return;
        }
        if (answer->node.index > task->keys[OWN_RULES].index) {
                lose(task); /* written since */
                return;
        }
        r = history_add(&task->history, answer);
        if (r < 0)
                fail_with(task, r);
        else if (answer->node.index < task->keys[OWN_RULES].index)
                ask_after(task, answer->node.index);
        else {
                task->history.state = LEDGER_HISTORY_TOLD;
                make_step(task);
        }
}

static void ask_after(Task *task, uint64_t index) {
        char key[512];
        int r;

        task->request = etcd_request_free(task->request);
        r = etcd_watch(task->context->client, part_key(task, OWN_RULES, key), false, index + 1, on_history, task,
                       &task->request);
        if (r < 0)
                fail_with(task, r);
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
                rest(task, CALICO_IN_PLACE, "");
}

static void make_ledger_step(Task *task) {
        LedgerInput input = make_input(task);
        LedgerPlan plan;
        int r;

        r = ledger_plan(&task->ledger, &input, &plan);
        if (r < 0) {
                fail_with(task, r);
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
                fail_with(task, r);
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

static void make_step(Task *task) {
        int r = 0;

        clear_step(task);
        ledger_done(&task->ledger);
        if (task->ledger_text)
                r = ledger_decode(task->ledger_text, strlen(task->ledger_text), &task->ledger);
        if (r == -EBADMSG)
                refuse(task, "the ledger " LEDGER_ROOT "/%s cannot be read", task->profile);
        else if (r < 0)
                fail_with(task, r);
        else if (++task->steps > STEPS_MAX)
                fail(task, "it comes to no end");
        else if (task->own)
                make_own_step(task);
        else
                make_ledger_step(task);
}

/* Reading. */

static void on_rules(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        char *text = NULL;

        if (!was_read(task, answer))
                return;
        if (answer->outcome == ETCD_OK && answer->node.value) {
                text = strdup(answer->node.value);
                if (!text) {
                        fail_with(task, -ENOMEM);
                        return;
                }
        }
        take_key(&task->keys[OWN_RULES], text, answer->node.index);
        make_step(task);
}

/* In the middle of libcurl's work. */
static int on_part(void *userdata, const EtcdNode *node) {
        Task *task = userdata;

        for (unsigned part = 0; part < _OWN_PART_MAX; part++) {
                char key[512], *text;

                if (!node->value || strcmp(node->key, part_key(task, part, key)) != 0)
                        continue;
                text = strdup(node->value);
                if (!text)
                        return -ENOMEM;
                take_key(&task->keys[part], text, node->index);
        }
        return 0;
}

static void forget_parts(void *userdata) {
        Task *task = userdata;

        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                take_key(&task->keys[part], NULL, 0);
}

static void on_parts(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;

        if (!was_read(task, answer))
                return;
        task->directory = answer->outcome == ETCD_OK;
        make_step(task);
}

static void read_profile(Task *task) {
        char key[512];
        int r;

        forget_parts(task);
        if (task->own)
                r = etcd_get_tree(task->context->client, directory_key(task, key), on_part, forget_parts, on_parts,
                                  task, &task->request);
        else
                r = etcd_get(task->context->client, part_key(task, OWN_RULES, key), on_rules, task, &task->request);
        if (r < 0)
                fail_with(task, r);
}

static void on_ledger(void *userdata, const EtcdAnswer *answer) {
        Task *task = userdata;
        char *text = NULL;

        if (!was_read(task, answer))
                return;
        if (answer->outcome == ETCD_OK && answer->node.value) {
                text = strdup(answer->node.value);
                if (!text) {
                        fail_with(task, -ENOMEM);
                        return;
                }
        }
        free(task->ledger_text);
        task->ledger_text = text;
        task->ledger_index = text ? answer->node.index : 0;
        task->request = etcd_request_free(task->request);
        read_profile(task);
}

/* The ledger comes first: what it says of the rules can then only be older than they are. */
static void look(Task *task) {
        char key[512];
        int r;

        end_look(task);
        (void) sd_event_source_set_enabled(task->timer, SD_EVENT_OFF);
        task->again = task->resting = false;
        task->settling = 0;
        task->steps = 0;
        r = etcd_get(task->context->client, ledger_key(task, key), on_ledger, task, &task->request);
        if (r < 0)
                fail_with(task, r);
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
