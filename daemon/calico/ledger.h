/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/calico/record.h"
#include "daemon/calico/profile-rule.h"

/* Who needs which rule of a profile, on all hosts, and which of these rules are ours. Pure.
 *
 * A rule cannot carry a mark of ownership, and etcd's v2 API changes one key at a time. So beside the rules of a
 * profile P, /calico/v1/policy/profile/P/rules, there is P's ledger, /calico-exposed/v1/profile/P, where neither Felix
 * nor calicoctl looks. Both are only ever written with compare-and-swap, and one step follows from what the two keys
 * say now, whoever wrote them: ledger_plan() is that step. A daemon that dies between any two writes leaves nothing
 * that the next look, its own or another host's, does not carry on with. What was written since the last look is
 * replayed from etcd's history, write by write, before anything is decided.
 *
 * The ledger names, for each rule that an exposure needs, the holders ("<host>/<endpoint>"), and who owns the copy in
 * the profile:
 *
 *   theirs   a person's: it was there when the first holder came, or there is none yet. Never taken out.
 *   ours     this project put it in at index `since`. Taken out when the last holder has gone.
 *   removed  taken out at index `since`; kept for a while to know it again, see below.
 *
 * A change of the rules takes three writes; there is one at a time in a profile, of one rule:
 *
 *   1. ledger: `change` says what is going to be done, to the rules as they are at index `after`, and the hash of the
 *      text that comes out.
 *   2. rules: that text, if their index is still `after`.
 *   3. ledger: `change` goes; the rule is ours, or removed.
 *
 * After 1, whoever comes by (this daemon restarted, or another host's that wants something of the same profile) can
 * tell what happened: rules still at `after`: not written, so it writes the same text itself; of two that do, one wins,
 * and it does not matter which. Rules beyond `after`: the first write after it decides: write 2 if it has the hash,
 * else somebody else's, and then write 2 has failed and cannot succeed any more. Only when etcd's history is gone
 * (1,000 writes later) it cannot be known; then the rule counts as theirs, and stays: rather one rule too many than a
 * person's rule lost.
 *
 * calicoctl 0.19 reads the rules, and writes them back without compare-and-swap. That can
 * - lose our rule: the next look at the profile finds it missing, and as it is needed, it is put in again;
 * - bring back one that we have removed in between: a write that brings back a `removed` rule and changes something
 *   else too is such a one, for calicoctl changes one rule at a time; the rule is ours again, and goes again. A write
 *   that brings back this rule alone is a person's wish.
 * What cannot be told apart: a person who adds the very rule that we have put in since calicoctl read the profile (the
 * text comes out the same). calicoctl itself refuses to add a rule that is there.
 *
 * A person's copy and ours are equal; where there are two, the first is taken out, as `calicoctl profile rule remove`
 * does. A rule of ours that a person takes out while it is needed is put in again; a person's own that a person takes
 * out is replaced by ours while it is needed.
 *
 * The holders of a host count as long as /calico-exposed/v1/host/<host> exists. Deleting that key of a host that will
 * never come back is how its share is given up; the living daemons do the rest (one that does live makes it anew). */

typedef enum LedgerOwner {
        LEDGER_THEIRS,
        LEDGER_OURS,
        LEDGER_REMOVED,
        _LEDGER_OWNER_MAX,
} LedgerOwner;

typedef enum LedgerChangeKind {
        LEDGER_CHANGE_NONE,
        LEDGER_CHANGE_ADD,
        LEDGER_CHANGE_REMOVE,
        LEDGER_CHANGE_DELETE, /* of a profile of our own, as a whole: own.h */
        _LEDGER_CHANGE_MAX,
} LedgerChangeKind;

typedef struct LedgerEntry {
        ProfileRule rule;
        LedgerOwner owner;
        uint64_t since;
        char **holders; /* sorted, each once */
        size_t n_holders, holders_capacity;
} LedgerEntry;

typedef struct LedgerChange {
        LedgerChangeKind kind;
        ProfileRule rule;
        uint64_t after;
        uint64_t value; /* hash of the text that the rules are changed to */
} LedgerChange;

typedef struct Ledger {
        LedgerEntry *entries; /* sorted by rule, each once */
        size_t n_entries, capacity;
        LedgerChange change;
} Ledger;

#define LEDGER_SIZE_MAX ((size_t) 1024 * 1024) /* etcd takes no more; about 10,000 holders */

/* Returns 0, -ENOMEM, or -EBADMSG for what no ledger is. */
int ledger_decode(const char *text, size_t size, Ledger *ret);
/* NULL if there is no memory. */
char *ledger_encode(const Ledger *ledger);
void ledger_done(Ledger *ledger);

static inline bool ledger_is_empty(const Ledger *ledger) {
        return ledger->n_entries == 0 && ledger->change.kind == LEDGER_CHANGE_NONE;
}

/* Whether a holder is one of this host, in any entry. */
bool ledger_names_host(const Ledger *ledger, const char *host);
/* Whether this holder needs the rule. */
bool ledger_has_holder(const Ledger *ledger, const ProfileRule *rule, const char *holder);

typedef struct LedgerNeed {
        ProfileRule rule;
        char *holder; /* "<our host>/<endpoint>" */
} LedgerNeed;

/* One write of the rules. Texts are NULL where there was, or is, none. */
typedef struct LedgerEvent {
        uint64_t index;
        char *before, *now;
} LedgerEvent;

typedef enum LedgerHistory {
        LEDGER_HISTORY_UNASKED,
        LEDGER_HISTORY_TOLD, /* the events are all that was written after the index `asked` */
        LEDGER_HISTORY_LOST,
} LedgerHistory;

/* Total order; of items, as qsort(3) has it. */
int ledger_need_compare(const void *a, const void *b);

typedef struct LedgerInput {
        const char *host; /* our own name */
        const LedgerNeed *needs; /* sorted by ledger_need_compare(), as `keep` by strcmp() */
        size_t n_needs;
        const char *const *keep; /* holders of ours that stay where they are, though not needed */
        size_t n_keep;
        bool (*is_gone)(void *userdata, const char *host); /* another host's share was given up */
        void *userdata;

        uint64_t ledger_index; /* the ledger's own; 0: there is none */

        /* The rules, read after the ledger. */
        const char *text; /* terminated; NULL: there is no such profile */
        uint64_t index;
        uint64_t known;   /* writes up to this one were seen at an earlier look, or are our own; 0 at first */
        uint64_t settled; /* what was removed up to this index needs no watching any more */

        LedgerHistory history;
        uint64_t asked;
        const LedgerEvent *events; /* in order, up to `index` */
        size_t n_events;
} LedgerInput;

typedef enum LedgerStep {
        LEDGER_DONE,  /* nothing to do: all is as it must be, as far as the rules can be read */
        LEDGER_STORE, /* write the ledger: text, or delete it (NULL) */
        LEDGER_EDIT,  /* write the rules: text, if they are at input->index */
        LEDGER_ASK,   /* find what was written to the rules after the index `after` */
} LedgerStep;

typedef struct LedgerPlan {
        LedgerStep step;
        char *text;     /* the caller's */
        uint64_t after;
        uint64_t known; /* what to give as `known` once this step is done */
        bool uncertain; /* the history that would have told whose a rule is was lost: it counts as theirs */
} LedgerPlan;

/* Decides the next step, and changes *ledger to what is then to be stored. Returns 0 or -ENOMEM. */
int ledger_plan(Ledger *ledger, const LedgerInput *input, LedgerPlan *ret);

/* Give holders up and take them; used by own.c too. *entry is changed, nothing else. */
LedgerEntry *ledger_get_entry(Ledger *ledger, const ProfileRule *rule); /* made if there is none; NULL: no memory */
int ledger_set_holders(LedgerEntry *entry, const LedgerInput *input);
void ledger_remove_entry(Ledger *ledger, LedgerEntry *entry);
/* Forgets the holders of our host that are neither needed nor kept. Of the input, nothing else is looked at. */
void ledger_forget_unneeded(Ledger *ledger, const LedgerInput *input);
