/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/hash.h"

static int entry_compare(const void *key, const void *item) {
        return profile_rule_compare(key, &((const LedgerEntry *) item)->rule);
}

static int holder_compare(const void *key, const void *item) {
        return strcmp(key, *(char *const *) item);
}

static void entry_done(LedgerEntry *entry) {
        for (size_t i = 0; i < entry->n_holders; i++)
                free(entry->holders[i]);
        free(entry->holders);
}

void ledger_done(Ledger *ledger) {
        for (size_t i = 0; i < ledger->n_entries; i++)
                entry_done(&ledger->entries[i]);
        free(ledger->entries);
        *ledger = (Ledger) {};
}

static size_t find_entry(const Ledger *ledger, const ProfileRule *rule) {
        return array_lower_bound(rule, ledger->entries, ledger->n_entries, sizeof(*ledger->entries), entry_compare);
}

static size_t find_holder(const LedgerEntry *entry, const char *holder) {
        return array_lower_bound(holder, entry->holders, entry->n_holders, sizeof(*entry->holders), holder_compare);
}

LedgerEntry *ledger_get_entry(Ledger *ledger, const ProfileRule *rule) {
        size_t at = find_entry(ledger, rule);

        if (at == ledger->n_entries || profile_rule_compare(rule, &ledger->entries[at].rule) != 0) {
                if (array_insert_gap(&ledger->entries, &ledger->n_entries, &ledger->capacity, at,
                                     sizeof(*ledger->entries)) < 0)
                        return NULL;
                ledger->entries[at].rule = *rule;
        }
        return &ledger->entries[at];
}

void ledger_remove_entry(Ledger *ledger, LedgerEntry *entry) {
        entry_done(entry);
        array_remove(&ledger->entries, &ledger->n_entries, (size_t) (entry - ledger->entries), sizeof(*entry));
}

/* Holders. */

static bool is_of_host(const char *holder, const char *host) {
        size_t size = strlen(host);

        return strncmp(holder, host, size) == 0 && holder[size] == '/';
}

bool ledger_names_host(const Ledger *ledger, const char *host) {
        for (size_t i = 0; i < ledger->n_entries; i++)
                for (size_t k = 0; k < ledger->entries[i].n_holders; k++)
                        if (is_of_host(ledger->entries[i].holders[k], host))
                                return true;
        return false;
}

bool ledger_has_holder(const Ledger *ledger, const ProfileRule *rule, const char *holder) {
        size_t at = find_entry(ledger, rule);
        const LedgerEntry *entry = &ledger->entries[at];
        size_t i;

        if (at == ledger->n_entries || profile_rule_compare(rule, &entry->rule) != 0)
                return false;
        i = find_holder(entry, holder);
        return i < entry->n_holders && strcmp(entry->holders[i], holder) == 0;
}

int ledger_need_compare(const void *a, const void *b) {
        const LedgerNeed *x = a, *y = b;
        int r = profile_rule_compare(&x->rule, &y->rule);

        return r != 0 ? r : strcmp(x->holder, y->holder);
}

static int need_compare_rule(const void *rule, const void *item) {
        return profile_rule_compare(rule, &((const LedgerNeed *) item)->rule);
}

static bool is_needed(const LedgerInput *input, const ProfileRule *rule, char *holder) {
        const LedgerNeed need = { *rule, holder };
        size_t at = array_lower_bound(&need, input->needs, input->n_needs, sizeof(need), ledger_need_compare);

        if (at < input->n_needs && ledger_need_compare(&need, &input->needs[at]) == 0)
                return true;
        at = array_lower_bound(holder, input->keep, input->n_keep, sizeof(*input->keep), holder_compare);
        return at < input->n_keep && strcmp(input->keep[at], holder) == 0;
}

static bool is_given_up(const LedgerInput *input, const char *holder) {
        char host[CALICO_NAME_MAX + 1];
        size_t size = strcspn(holder, "/");

        if (size >= sizeof(host))
                return true;
        memcpy(host, holder, size);
        host[size] = '\0';
        return input->is_gone && input->is_gone(input->userdata, host);
}

static bool counts(const LedgerInput *input, const ProfileRule *rule, char *holder) {
        return is_of_host(holder, input->host) ? is_needed(input, rule, holder) : !is_given_up(input, holder);
}

static int add_holder(LedgerEntry *entry, const char *holder) {
        size_t at = find_holder(entry, holder);
        _cleanup_free_ char *copy = NULL;
        int r;

        if (at < entry->n_holders && strcmp(entry->holders[at], holder) == 0)
                return 0;
        copy = strdup(holder);
        if (!copy)
                return -ENOMEM;
        r = array_insert_gap(&entry->holders, &entry->n_holders, &entry->holders_capacity, at, sizeof(*entry->holders));
        if (r < 0)
                return r;
        entry->holders[at] = TAKE_PTR(copy);
        return 0;
}

static void remove_holders(LedgerEntry *entry, const LedgerInput *input) {
        size_t n = 0;

        for (size_t i = 0; i < entry->n_holders; i++)
                if (counts(input, &entry->rule, entry->holders[i]))
                        entry->holders[n++] = entry->holders[i];
                else
                        free(entry->holders[i]);
        entry->n_holders = n;
}

void ledger_forget_unneeded(Ledger *ledger, const LedgerInput *input) {
        for (size_t i = 0; i < ledger->n_entries; i++)
                remove_holders(&ledger->entries[i], input);
}

int ledger_set_holders(LedgerEntry *entry, const LedgerInput *input) {
        size_t i = array_lower_bound(&entry->rule, input->needs, input->n_needs, sizeof(*input->needs),
                                     need_compare_rule);

        remove_holders(entry, input);
        for (; i < input->n_needs && profile_rule_compare(&input->needs[i].rule, &entry->rule) == 0; i++) {
                int r = add_holder(entry, input->needs[i].holder);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* True if it must be known first what was written after this index. */
static bool must_ask(const LedgerInput *input, uint64_t after, LedgerPlan *plan) {
        if (input->history == LEDGER_HISTORY_LOST ||
            (input->history == LEDGER_HISTORY_TOLD && input->asked <= after))
                return false;
        plan->step = LEDGER_ASK;
        plan->after = after;
        return true;
}

/* The change that is under way. */

static uint64_t hash_text(const char *text) {
        return hash_bytes(HASH_START, text, strlen(text));
}

static int apply_removal(const ProfileRule *rule, const char *text, char **ret) {
        _cleanup_free_ char *edited = NULL;
        int r;

        r = profile_rules_remove(text, strlen(text), rule, &edited);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        return asprintf(ret, "%s\n", edited) < 0 ? -ENOMEM : 0;
}

/* What is written here must not be taken for what a person may write at the same moment. A rule that is added stands
 * there without the blanks that Python puts; a text from which one was taken out ends with a newline. */
static int apply_change(const LedgerChange *change, const char *text, char **ret) {
        if (change->kind == LEDGER_CHANGE_ADD)
                return profile_rules_append(text, strlen(text), &change->rule, ret);
        return apply_removal(&change->rule, text, ret);
}

/* It was made at that index, or it never will be. */
static int finish_change(Ledger *ledger, bool made, uint64_t index) {
        LedgerEntry *entry = ledger_get_entry(ledger, &ledger->change.rule);

        if (!entry)
                return -ENOMEM;
        if (made) {
                entry->owner = ledger->change.kind == LEDGER_CHANGE_ADD ? LEDGER_OURS : LEDGER_REMOVED;
                entry->since = index;
        }
        ledger->change = (LedgerChange) {};
        return 0;
}

/* Nobody can tell. */
static int abandon_change(Ledger *ledger) {
        LedgerEntry *entry = ledger_get_entry(ledger, &ledger->change.rule);

        if (!entry)
                return -ENOMEM;
        entry->owner = LEDGER_THEIRS;
        ledger->change = (LedgerChange) {};
        return 0;
}

static int finish_by_history(Ledger *ledger, const LedgerInput *input) {
        const LedgerEvent *event = input->events, *end = event + input->n_events;

        while (event < end && event->index <= ledger->change.after)
                event++;
        return finish_change(ledger, event < end && event->now && hash_text(event->now) == ledger->change.value,
                             event < end ? event->index : 0);
}

/* The rules are as they were when the change was decided on: it is made, now, by whoever comes. */
static int make_change(Ledger *ledger, const LedgerInput *input, LedgerPlan *plan) {
        _cleanup_free_ char *text = NULL;
        uint64_t value;
        int r;

        r = apply_change(&ledger->change, input->text, &text);
        if (r == -EBADMSG)
                return finish_change(ledger, false, 0);
        if (r < 0)
                return r;
        value = hash_text(text);
        if (value != ledger->change.value) {
                ledger->change.value = value; /* another version of this program has begun it */
                return 0;
        }
        plan->step = LEDGER_EDIT;
        plan->text = TAKE_PTR(text);
        return 0;
}

/* With plan->step LEDGER_DONE the change is settled (or to be stored anew). */
static int settle_change(Ledger *ledger, const LedgerInput *input, LedgerPlan *plan) {
        if (input->text && input->index == ledger->change.after)
                return make_change(ledger, input, plan);
        if (!input->text)
                return finish_change(ledger, false, 0);
        if (hash_text(input->text) == ledger->change.value)
                return finish_change(ledger, true, input->index);
        if (must_ask(input, ledger->change.after, plan))
                return 0;
        if (input->history == LEDGER_HISTORY_TOLD)
                return finish_by_history(ledger, input);
        plan->uncertain = true;
        return abandon_change(ledger);
}

/* What others wrote meanwhile. */

static int count_copies(const char *text, const ProfileRule *rule, size_t *ret) {
        *ret = 0;
        return text ? profile_rules_count(text, strlen(text), rule, ret) : 0;
}

/* A removed rule came back: with a stale write, or by a person's wish. */
static int recognize_return(LedgerEntry *entry, const LedgerEvent *event) {
        int r;

        r = profile_rules_equal_but(event->before, strlen(event->before), event->now, strlen(event->now), &entry->rule);
        if (r < 0)
                return r;
        entry->owner = r > 0 ? LEDGER_THEIRS : LEDGER_OURS;
        entry->since = event->index;
        return 0;
}

static int observe(LedgerEntry *entry, const LedgerEvent *event) {
        size_t before, now;
        int r;

        if (event->index <= entry->since || entry->owner == LEDGER_THEIRS)
                return 0;
        r = count_copies(event->before, &entry->rule, &before);
        if (r >= 0)
                r = count_copies(event->now, &entry->rule, &now);
        if (r < 0)
                return r;
        if (entry->owner == LEDGER_OURS && now == 0)
                entry->owner = LEDGER_THEIRS;
        else if (entry->owner == LEDGER_REMOVED && event->before && now > before)
                return recognize_return(entry, event);
        return 0;
}

/* From where on writes matter that were not seen yet; input->index: none. */
static uint64_t find_unseen(const Ledger *ledger, const LedgerInput *input) {
        uint64_t from = input->index;

        for (size_t i = 0; i < ledger->n_entries; i++)
                if (ledger->entries[i].owner != LEDGER_THEIRS)
                        from = MIN(from, ledger->entries[i].since);
        return MAX(from, input->known);
}

static int observe_all(Ledger *ledger, const LedgerInput *input, LedgerPlan *plan) {
        uint64_t from = find_unseen(ledger, input);

        if (input->text && from < input->index && must_ask(input, from, plan))
                return 0;
        plan->known = input->index;
        for (size_t i = 0; i < input->n_events; i++)
                for (size_t k = 0; k < ledger->n_entries; k++) {
                        int r = observe(&ledger->entries[k], &input->events[i]);

                        if (r < 0)
                                return r;
                }
        return 0;
}

/* What must be. */

static int add_needs(Ledger *ledger, const LedgerInput *input) {
        for (size_t i = 0; i < input->n_needs; i++)
                if (!ledger_get_entry(ledger, &input->needs[i].rule))
                        return -ENOMEM;
        return 0;
}

static int decide_change(Ledger *ledger, const LedgerInput *input, LedgerChangeKind kind, const ProfileRule *rule) {
        LedgerChange change = { .kind = kind, .rule = *rule, .after = input->index };
        _cleanup_free_ char *text = NULL;
        int r;

        r = apply_change(&change, input->text, &text);
        if (r < 0)
                return r;
        change.value = hash_text(text);
        ledger->change = change;
        return 0;
}

/* True if nothing keeps the entry. */
static bool is_over(const LedgerEntry *entry, const LedgerInput *input, size_t copies) {
        if (entry->n_holders > 0)
                return false;
        return entry->owner == LEDGER_THEIRS || (entry->owner == LEDGER_OURS && copies == 0) ||
               (entry->owner == LEDGER_REMOVED && entry->since <= input->settled);
}

/* Without rules that can be read nothing is changed in them, and what is ours there stays ours. */
static int judge(Ledger *ledger, LedgerEntry *entry, const LedgerInput *input, bool readable) {
        size_t copies = 1;
        int r;

        r = ledger_set_holders(entry, input);
        if (r >= 0 && (readable || !input->text))
                r = count_copies(input->text, &entry->rule, &copies);
        if (r < 0)
                return r;
        if (is_over(entry, input, copies)) {
                ledger_remove_entry(ledger, entry);
                return 1;
        }
        if ((entry->owner == LEDGER_OURS && copies == 0) ||
            (entry->owner == LEDGER_REMOVED && copies > 0 && entry->n_holders > 0))
                entry->owner = LEDGER_THEIRS;
        if (!readable || ledger->change.kind != LEDGER_CHANGE_NONE)
                return 0;
        if (entry->n_holders > 0 && copies == 0)
                return decide_change(ledger, input, LEDGER_CHANGE_ADD, &entry->rule);
        if (entry->n_holders == 0 && entry->owner == LEDGER_OURS)
                return decide_change(ledger, input, LEDGER_CHANGE_REMOVE, &entry->rule);
        return 0;
}

static int judge_all(Ledger *ledger, const LedgerInput *input) {
        char reason[RECORD_REASON_SIZE];
        bool readable = input->text && profile_rules_check(input->text, strlen(input->text), reason) >= 0;
        int r = 0;

        /* Nothing new is asked of a profile that cannot have it. */
        if (readable)
                r = add_needs(ledger, input);
        for (size_t i = 0; r >= 0 && i < ledger->n_entries; i += r == 0)
                r = judge(ledger, &ledger->entries[i], input, readable);
        return r < 0 ? r : 0;
}

static int store_if_changed(const Ledger *ledger, const char *before, LedgerPlan *plan) {
        _cleanup_free_ char *now = ledger_encode(ledger);

        if (!now)
                return -ENOMEM;
        if (strcmp(before, now) == 0)
                return 0;
        plan->step = LEDGER_STORE;
        if (!ledger_is_empty(ledger))
                plan->text = TAKE_PTR(now);
        return 0;
}

int ledger_plan(Ledger *ledger, const LedgerInput *input, LedgerPlan *ret) {
        _cleanup_free_ char *before = ledger_encode(ledger);
        LedgerPlan plan = { .step = LEDGER_DONE, .known = input->known };
        int r = 0;

        if (!before)
                return -ENOMEM;
        if (ledger->change.kind != LEDGER_CHANGE_NONE)
                r = settle_change(ledger, input, &plan);
        if (r >= 0 && plan.step == LEDGER_DONE && ledger->change.kind == LEDGER_CHANGE_NONE) {
                r = observe_all(ledger, input, &plan);
                if (r >= 0 && plan.step == LEDGER_DONE)
                        r = judge_all(ledger, input);
        }
        if (r >= 0 && plan.step == LEDGER_DONE)
                r = store_if_changed(ledger, before, &plan);
        if (r < 0)
                return r;
        *ret = plan;
        return 0;
}
