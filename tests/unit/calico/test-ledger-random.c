/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The protocol of ledger.h against a store of two keys: hosts take and give up rules, die between any two steps, hear
 * of writes late; a person adds and removes the same rules and others, with compare-and-swap and, as calicoctl does,
 * without. Whatever the order: at the end the profile holds the person's rules and those that are needed. */

#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/calico/ledger.h"
#include "daemon/http/json.h"

#define N_HOSTS 3
#define N_RULES 3
#define WRITES_MAX 20000
#define ROUNDS 400 /* $CALICO_EXPOSED_ROUNDS says otherwise */
#define STEPS 300

/* In their order, as needs come to ledger_plan(). */
static const ProfileRule rules[N_RULES] = {
        { .protocol = PROTOCOL_TCP, .ports = { 80, 80 } },
        { .protocol = PROTOCOL_TCP, .ports = { 443, 443 } },
        { .protocol = PROTOCOL_UDP, .ports = { 53, 53 } },
};
static const char *const hosts[N_HOSTS] = { "node1", "node2", "node3" };
static char holders[N_HOSTS][16] = { "node1/aa", "node2/bb", "node3/cc" };

/* The store: each write of the rules is kept, as etcd's history and the watch have it. */

typedef struct Write {
        uint64_t index;
        char *text;
} Write;

static Write writes[WRITES_MAX];
static size_t n_writes;
static uint64_t last_index;
static char *ledger_text; /* NULL: no such key */
static uint64_t ledger_index;

static const Write *rules_now(void) {
        return &writes[n_writes - 1];
}

static void store_rules(char *text) {
        assert_true(n_writes < WRITES_MAX);
        writes[n_writes++] = (Write) { ++last_index, text };
}

static void clear_store(void) {
        for (size_t i = 0; i < n_writes; i++)
                free(writes[i].text);
        n_writes = 0;
        free(ledger_text);
        ledger_text = NULL;
        ledger_index = 0;
}

/* A host: each of these is one step, and anything may happen between two. */

typedef enum HostPhase {
        PHASE_IDLE,
        PHASE_LEDGER_READ,
        PHASE_RULES_READ,
        PHASE_STORING,
        PHASE_EDITING,
} HostPhase;

typedef struct Host {
        unsigned number;
        bool needs[N_RULES];
        HostPhase phase;
        char *ledger;
        uint64_t ledger_index;
        size_t rules; /* the write that was read last */
        bool asked;
        uint64_t after; /* from where on it asked */
        LedgerPlan plan;
        uint64_t known;
        uint64_t settled;
        bool done;
} Host;

static void host_reset(Host *host) {
        free(host->ledger);
        free(host->plan.text);
        host->ledger = NULL;
        host->plan = (LedgerPlan) {};
        host->phase = PHASE_IDLE;
        host->asked = false;
}

static void host_die(Host *host) {
        host_reset(host);
        host->known = 0;
}

static size_t collect_events(const Host *host, LedgerEvent *events) {
        size_t n = 0;

        for (size_t i = 1; host->asked && i <= host->rules; i++)
                if (writes[i].index > host->after)
                        events[n++] = (LedgerEvent) { writes[i].index, writes[i - 1].text, writes[i].text };
        return n;
}

static void host_plan(Host *host) {
        static LedgerEvent events[WRITES_MAX];
        LedgerNeed needs[N_RULES];
        LedgerInput input = {
                .host = hosts[host->number],
                .needs = needs,
                .text = writes[host->rules].text,
                .index = writes[host->rules].index,
                .events = events,
                .n_events = collect_events(host, events),
                .known = host->known,
                .settled = host->settled,
                .asked = host->after,
                .history = host->asked ? LEDGER_HISTORY_TOLD : LEDGER_HISTORY_UNASKED,
        };
        Ledger ledger = {};

        for (size_t i = 0; i < N_RULES; i++)
                if (host->needs[i])
                        needs[input.n_needs++] = (LedgerNeed) { rules[i], holders[host->number] };
        if (host->ledger)
                assert_int_equal(ledger_decode(host->ledger, strlen(host->ledger), &ledger), 0);
        free(host->plan.text);
        assert_int_equal(ledger_plan(&ledger, &input, &host->plan), 0);
        assert_false(host->plan.uncertain);
        ledger_done(&ledger);
        switch (host->plan.step) {
        case LEDGER_DONE:
                host->known = host->plan.known;
                host->done = true;
                host_reset(host);
                break;
        case LEDGER_STORE:
                host->phase = PHASE_STORING;
                break;
        case LEDGER_EDIT:
                host->phase = PHASE_EDITING;
                break;
        case LEDGER_ASK:
                assert_true(!host->asked || host->plan.after < host->after);
                host->asked = true;
                host->after = host->plan.after;
                break;
        }
}

static void host_store(Host *host) {
        if (host->ledger_index != ledger_index) {
                host_reset(host);
                return;
        }
        free(ledger_text);
        ledger_text = TAKE_PTR(host->plan.text);
        ledger_index = ledger_text ? ++last_index : 0;
        host->known = host->plan.known;
        free(host->ledger);
        host->ledger = ledger_text ? strdup(ledger_text) : NULL;
        host->ledger_index = ledger_index;
        host->phase = PHASE_RULES_READ;
}

static void host_edit(Host *host) {
        if (host->rules != n_writes - 1) {
                host_reset(host);
                return;
        }
        store_rules(TAKE_PTR(host->plan.text));
        if (host->known == writes[host->rules].index)
                host->known = rules_now()->index;
        host->rules = n_writes - 1;
        host->asked = false;
        host->phase = PHASE_RULES_READ;
}

static void host_step(Host *host) {
        switch (host->phase) {
        case PHASE_IDLE:
                host->ledger = ledger_text ? strdup(ledger_text) : NULL;
                host->ledger_index = ledger_index;
                host->phase = PHASE_LEDGER_READ;
                break;
        case PHASE_LEDGER_READ:
                host->rules = n_writes - 1;
                host->phase = PHASE_RULES_READ;
                break;
        case PHASE_RULES_READ:
                host_plan(host);
                break;
        case PHASE_STORING:
                host_store(host);
                break;
        case PHASE_EDITING:
                host_edit(host);
                break;
        }
}

/* The person. */

static unsigned wanted[N_RULES]; /* copies that are the person's */
static unsigned n_others;

/* All is written anew, in another style, as calicoctl does. */
static char *rewrite(const char *text) {
        _cleanup_(json_freep) cJSON *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json), 0);
        return cJSON_Print(json);
}

static void person_edits_rule(void) {
        unsigned i = (unsigned) random() % N_RULES;
        const char *text = rules_now()->text;
        _cleanup_free_ char *edited = NULL;
        int r;

        if (random() % 2) {
                assert_int_equal(profile_rules_append(text, strlen(text), &rules[i], &edited), 0);
                wanted[i]++;
        } else {
                r = profile_rules_remove(text, strlen(text), &rules[i], &edited);
                assert_true(r >= 0);
                if (r == 0)
                        return;
                if (wanted[i] > 0)
                        wanted[i]--;
        }
        store_rules(rewrite(edited));
}

/* Another rule, added to what was read some writes ago. */
static char *stale;

static void person_edits_other(void) {
        cJSON *json, *inbound, *rule;

        if (!stale) {
                stale = strdup(rules_now()->text);
                return;
        }
        /* The person's own rules are the same in both: nobody undoes their own work. */
        for (size_t i = 0; i < N_RULES; i++) {
                size_t now, then;

                assert_int_equal(profile_rules_count(stale, strlen(stale), &rules[i], &then), 0);
                assert_int_equal(profile_rules_count(rules_now()->text, strlen(rules_now()->text), &rules[i], &now), 0);
                if (wanted[i] > 0 || (then != now && then > 1)) {
                        free(TAKE_PTR(stale));
                        return;
                }
        }
        assert_int_equal(json_parse(stale, strlen(stale), &json), 0);
        inbound = cJSON_GetObjectItem(json, "inbound_rules");
        rule = cJSON_CreateObject();
        cJSON_AddStringToObject(rule, "action", "deny");
        cJSON_AddNumberToObject(rule, "serial", ++n_others);
        cJSON_InsertItemInArray(inbound, 0, rule);
        store_rules(cJSON_Print(json));
        cJSON_Delete(json);
        free(TAKE_PTR(stale));
}

/* What must come out. */

static size_t copies_of(unsigned i) {
        size_t copies;

        assert_int_equal(profile_rules_count(rules_now()->text, strlen(rules_now()->text), &rules[i], &copies), 0);
        return copies;
}

static void settle(Host *all, uint64_t settled) {
        for (unsigned turn = 0; turn < 3; turn++)
                for (unsigned i = 0; i < N_HOSTS; i++) {
                        all[i].settled = settled;
                        all[i].done = false;
                        for (unsigned n = 0; !all[i].done; n++) {
                                assert_true(n < 1000);
                                host_step(&all[i]);
                        }
                }
}

static void check(const Host *all) {
        for (unsigned i = 0; i < N_RULES; i++) {
                bool needed = false;

                for (unsigned k = 0; k < N_HOSTS; k++)
                        needed = needed || all[k].needs[i];
                /* Beside a copy of ours a person may have put theirs. */
                if (needed)
                        assert_in_range(copies_of(i), wanted[i] > 0 ? wanted[i] : 1, wanted[i] + 1);
                else
                        assert_int_equal(copies_of(i), wanted[i]);
        }
}

static void random_step(Host *all, bool with_deaths, bool blind) {
        Host *host = &all[random() % N_HOSTS];
        unsigned what = (unsigned) random() % 100;

        if (what < 85)
                host_step(host);
        else if (what < 93) {
                size_t i = (size_t) random() % N_RULES;

                host->needs[i] = !host->needs[i];
        } else if (what < 95 && with_deaths)
                host_die(host);
        else if (blind)
                person_edits_other();
        else
                person_edits_rule();
}

static void run_round(unsigned seed, bool with_deaths, bool blind) {
        Host all[N_HOSTS] = {};

        srandom(seed);
        clear_store();
        store_rules(strdup("{\"id\":\"P\",\"inbound_rules\":[{\"action\":\"allow\",\"src_tag\":\"P\"}],"
                           "\"outbound_rules\":[{\"action\":\"allow\"}]}"));
        memset(wanted, 0, sizeof(wanted));
        for (unsigned i = 0; i < N_HOSTS; i++)
                all[i].number = i;
        for (unsigned i = 0; i < STEPS; i++)
                random_step(all, with_deaths, blind);
        free(TAKE_PTR(stale));
        settle(all, 0);
        check(all);
        for (unsigned i = 0; i < N_HOSTS; i++)
                memset(all[i].needs, 0, sizeof(all[i].needs));
        settle(all, 0);
        check(all);
        settle(all, last_index);
        assert_null(ledger_text);
        clear_store();
}

static void run_rounds(bool with_deaths, bool blind) {
        const char *asked = getenv("CALICO_EXPOSED_ROUNDS");
        unsigned long rounds = asked ? strtoul(asked, NULL, 10) : ROUNDS;

        assert_true(rounds > 0);
        for (unsigned seed = 1; seed <= rounds; seed++) {
                printf("seed %u\r", seed); /* the one that failed stands there */
                run_round(seed, with_deaths, blind);
        }
}

static void test_hosts_and_person(_unused_ void **state) {
        run_rounds(false, false);
}

static void test_deaths(_unused_ void **state) {
        run_rounds(true, false);
}

static void test_stale_writes(_unused_ void **state) {
        run_rounds(true, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts_and_person),
                cmocka_unit_test(test_deaths),
                cmocka_unit_test(test_stale_writes),
        };

        return cmocka_run_group_tests_name("ledger-random", tests, NULL, NULL);
}
