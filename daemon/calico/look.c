/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/look.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/calico/options.h"
#include "daemon/calico/task.h"
#include "daemon/calico/tree.h"
#include "daemon/calico/wants.h"

typedef struct LookText {
        char *key;
        char *value;
} LookText;

struct CalicoLook {
        CalicoScope scope;
        char *host;
        EtcdClient *client;
        Tree *records, *profiles, *ledgers;
        Endpoints endpoints;
        LookText *texts; /* rules and ledgers; sorted by key */
        size_t n_texts, capacity;
        char failure[CALICO_REASON_SIZE];
};

/* Reading. */

static int text_compare(const void *key, const void *item) {
        return strcmp(key, ((const LookText *) item)->key);
}

static size_t locate(const CalicoLook *look, const char *key, bool *ret_found) {
        size_t at = array_lower_bound(key, look->texts, look->n_texts, sizeof(*look->texts), text_compare);

        *ret_found = at < look->n_texts && strcmp(look->texts[at].key, key) == 0;
        return at;
}

static void drop_text(CalicoLook *look, size_t at) {
        free(look->texts[at].key);
        free(look->texts[at].value);
        array_remove(&look->texts, &look->n_texts, at, sizeof(*look->texts));
}

static int take_text(CalicoLook *look, const char *key, const char *value) {
        LookText text = {};
        bool found;
        size_t at = locate(look, key, &found);

        if (found)
                drop_text(look, at);
        if (!value)
                return 0;
        text.key = strdup(key);
        text.value = strdup(value);
        if (text.key && text.value &&
            array_insert_gap(&look->texts, &look->n_texts, &look->capacity, at, sizeof(text)) >= 0) {
                look->texts[at] = text;
                return 0;
        }
        free(text.key);
        free(text.value);
        return -ENOMEM;
}

static void fail(CalicoLook *look, const char *reason) {
        snprintf(look->failure, sizeof(look->failure), "%s", reason);
}

static void on_text(void *userdata, const char *key, const EtcdNode *node) {
        if (take_text(userdata, key, node ? node->value : NULL) < 0)
                fail(userdata, strerror(ENOMEM));
}

static void on_record(void *userdata, const char *key, const EtcdNode *node) {
        CalicoLook *look = userdata;

        if (!node)
                endpoints_drop(&look->endpoints, key);
        else if (endpoints_take(&look->endpoints, key, node->value, node->index) < 0)
                fail(look, strerror(ENOMEM));
}

static void on_synced(void *userdata _unused_) {
}

static void on_failed(void *userdata, const char *reason) {
        fail(userdata, reason);
}

static int add_trees(CalicoLook *look, sd_event *event) {
        static const TreeHandlers records = { on_record, on_synced, on_failed },
                                  texts = { on_text, on_synced, on_failed };
        char key[CALICO_NAME_MAX + sizeof(ENDPOINTS_ROOT)];
        int r;

        snprintf(key, sizeof(key), ENDPOINTS_ROOT, look->host);
        r = tree_new(look->client, event, key, &records, look, &look->records);
        if (r >= 0)
                r = tree_new(look->client, event, PROFILE_ROOT, &texts, look, &look->profiles);
        if (r >= 0)
                r = tree_new(look->client, event, LEDGER_ROOT, &texts, look, &look->ledgers);
        return r;
}

int calico_look_new(sd_event *event, const CalicoOptions *options, CalicoLook **ret) {
        const EtcdOptions etcd = calico_etcd_options(options);
        _cleanup_(calico_look_freep) CalicoLook *look = NULL;
        int r;

        if (!calico_name_is_valid(options->hostname))
                return -EINVAL;
        look = calloc(1, sizeof(*look));
        if (!look)
                return -ENOMEM;
        look->scope = options->scope;
        look->host = strdup(options->hostname);
        r = look->host ? etcd_client_new(event, &etcd, &look->client) : -ENOMEM;
        if (r >= 0)
                r = add_trees(look, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(look);
        return 0;
}

CalicoLook *calico_look_free(CalicoLook *look) {
        if (!look)
                return NULL;
        tree_free(look->records);
        tree_free(look->profiles);
        tree_free(look->ledgers);
        etcd_client_free(look->client);
        endpoints_done(&look->endpoints);
        while (look->n_texts > 0)
                drop_text(look, look->n_texts - 1);
        free(look->texts);
        free(look->host);
        free(look);
        return NULL;
}

bool calico_look_is_done(const CalicoLook *look) {
        return tree_is_synced(look->records) && tree_is_synced(look->profiles) && tree_is_synced(look->ledgers);
}

const char *calico_look_get_failure(const CalicoLook *look) {
        return look->failure;
}

void calico_look_foreach_endpoint(const CalicoLook *look,
                                  void (*handler)(void *userdata, const CalicoEndpoint *endpoint), void *userdata) {
        for (size_t i = 0; i < look->endpoints.n_items; i++)
                if (!look->endpoints.items[i]->gone) {
                        CalicoEndpoint view = endpoint_view(look->endpoints.items[i]);

                        handler(userdata, &view);
                }
}

/* Judging. */

static const char *find_text(const CalicoLook *look, const char *key) {
        bool found;
        size_t at = locate(look, key, &found);

        return found ? look->texts[at].value : NULL;
}

static const char *find_rules(const CalicoLook *look, const char *profile) {
        char key[512];

        snprintf(key, sizeof(key), PROFILE_ROOT "/%s/%s", profile, own_part_to_string(OWN_RULES));
        return find_text(look, key);
}

static const char *find_ledger(const CalicoLook *look, const char *profile) {
        char key[512];

        snprintf(key, sizeof(key), LEDGER_ROOT "/%s", profile);
        return find_text(look, key);
}

/* Empty where there is none that can be read. */
static int get_ledger(const CalicoLook *look, const char *profile, Ledger *ret) {
        const char *text = find_ledger(look, profile);
        int r = text ? ledger_decode(text, strlen(text), ret) : -EBADMSG;

        if (r == -EBADMSG)
                *ret = (Ledger) {};
        return r == -ENOMEM ? r : 0;
}

static void decide(CalicoVerdict *verdict, CalicoState state, const char *format, ...) _printf_(3, 4);

static void decide(CalicoVerdict *verdict, CalicoState state, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(verdict->reason, sizeof(verdict->reason), format, arguments);
        va_end(arguments);
        verdict->state = state;
}

static int judge_own_rules(const CalicoLook *look, const Want *want, const char *text, CalicoVerdict *verdict) {
        int r = profile_rules_are(text, strlen(text), want->rules, want->n_rules);

        if (r == 0)
                decide(verdict, CALICO_PENDING, "the rules of profile %s are not what its name says", want->target);
        else if (r > 0 && !endpoint_has_profile(endpoints_find(&look->endpoints, want->endpoint), want->target))
                decide(verdict, CALICO_PENDING, "the endpoint does not have the profile %s", want->target);
        return MIN(r, 0);
}

static int judge_shared_rules(const Want *want, const char *text, CalicoVerdict *verdict) {
        char reason[RECORD_REASON_SIZE];
        int r = profile_rules_check(text, strlen(text), reason);

        if (r == -EBADMSG)
                decide(verdict, CALICO_REFUSED, "the rules of profile %s cannot be read: %s", want->target, reason);
        if (r < 0)
                return r == -EBADMSG ? 0 : r;
        for (size_t i = 0; i < want->n_rules; i++) {
                size_t n;

                r = profile_rules_count(text, strlen(text), &want->rules[i], &n);
                if (r < 0)
                        return r;
                if (n == 0)
                        decide(verdict, CALICO_PENDING, "profile %s does not have the rule", want->target);
        }
        return 0;
}

static int judge_rules(const CalicoLook *look, const Want *want, CalicoVerdict *verdict) {
        const char *text = find_rules(look, want->target);

        if (text)
                return own_profile_is(want->target) ? judge_own_rules(look, want, text, verdict)
                                                    : judge_shared_rules(want, text, verdict);
        decide(verdict, own_profile_is(want->target) ? CALICO_PENDING : CALICO_REFUSED,
               "there is no profile %s in Calico's datastore", want->target);
        return 0;
}

/* Without a note of who needs it, it goes when somebody else does not need it any more. */
static int judge_ledger(const CalicoLook *look, const Want *want, CalicoVerdict *verdict) {
        char holder[HOLDER_SIZE];
        Ledger ledger;
        int r;

        r = get_ledger(look, want->target, &ledger);
        if (r < 0)
                return r;
        holder_format(look->host, want->endpoint, holder);
        verdict->ours = own_profile_is(want->target);
        for (size_t i = 0; i < want->n_rules; i++)
                if (!ledger_has_holder(&ledger, &want->rules[i], holder))
                        decide(verdict, CALICO_PENDING, "the rule is there, but not that this endpoint needs it");
        for (size_t i = 0; i < ledger.n_entries; i++)
                verdict->ours |= ledger.entries[i].owner == LEDGER_OURS &&
                                 profile_rule_compare(&ledger.entries[i].rule, &want->rules[0]) == 0;
        ledger_done(&ledger);
        return 0;
}

static int judge_want(const CalicoLook *look, Want *want, CalicoVerdict *verdict) {
        int r;

        want_choose(want, endpoints_find(&look->endpoints, want->endpoint), look->scope);
        snprintf(verdict->profile, sizeof(verdict->profile), "%s", want->target);
        if (!*want->target) {
                decide(verdict, want->state, "%s", want_get_reason(want));
                return 0;
        }
        r = judge_rules(look, want, verdict);
        if (r >= 0 && verdict->state == CALICO_IN_PLACE)
                r = judge_ledger(look, want, verdict);
        return r;
}

int calico_look_judge(const CalicoLook *look, const CalicoNeed *need, CalicoVerdict *ret) {
        CalicoVerdict verdict = { .state = CALICO_IN_PLACE };
        Want want;
        int r;

        r = want_copy(need, &want);
        if (r < 0)
                return r;
        r = judge_want(look, &want, &verdict);
        want_done(&want);
        if (r >= 0)
                *ret = verdict;
        return MIN(r, 0);
}

int calico_look_foreach_other(const CalicoLook *look, const CalicoNeed *need,
                              void (*handler)(void *userdata, const char *holder), void *userdata) {
        char self[HOLDER_SIZE];
        Ledger ledger = {};
        Want want;
        int r;

        r = want_copy(need, &want);
        if (r < 0)
                return r;
        want_choose(&want, endpoints_find(&look->endpoints, want.endpoint), look->scope);
        holder_format(look->host, want.endpoint, self);
        if (*want.target)
                r = get_ledger(look, want.target, &ledger);
        for (size_t i = 0; r >= 0 && i < ledger.n_entries; i++)
                for (size_t k = 0; k < ledger.entries[i].n_holders; k++)
                        if (profile_rule_compare(&ledger.entries[i].rule, &want.rules[0]) == 0 &&
                            strcmp(ledger.entries[i].holders[k], self) != 0)
                                handler(userdata, ledger.entries[i].holders[k]);
        ledger_done(&ledger);
        want_done(&want);
        return r;
}

/* What is too much. */

typedef struct LookWants {
        Want *items; /* sorted by endpoint */
        size_t count;
} LookWants;

static void wants_done(LookWants *wants) {
        for (size_t i = 0; i < wants->count; i++)
                want_done(&wants->items[i]);
        free(wants->items);
}

static int want_compare_endpoint(const void *a, const void *b) {
        return strcmp(((const Want *) a)->endpoint, ((const Want *) b)->endpoint);
}

static int collect_wants(const CalicoLook *look, const CalicoNeed *needs, size_t n_needs, LookWants *ret) {
        LookWants wants = { .items = calloc(n_needs + 1, sizeof(Want)) };

        for (size_t i = 0; wants.items && i < n_needs; i++) {
                if (want_copy(&needs[i], &wants.items[i]) < 0) {
                        wants_done(&wants);
                        return -ENOMEM;
                }
                want_choose(&wants.items[i], endpoints_find(&look->endpoints, needs[i].endpoint), look->scope);
                wants.count++;
        }
        if (!wants.items)
                return -ENOMEM;
        array_sort(wants.items, wants.count, sizeof(Want), want_compare_endpoint);
        *ret = wants;
        return 0;
}

static int endpoint_compare(const void *key, const void *item) {
        return strcmp(key, ((const Want *) item)->endpoint);
}

/* rule NULL: any. */
static bool is_wanted(const LookWants *wants, const char *endpoint, const char *profile, const ProfileRule *rule) {
        size_t first = array_lower_bound(endpoint, wants->items, wants->count, sizeof(Want), endpoint_compare);

        for (size_t i = first; i < wants->count && strcmp(wants->items[i].endpoint, endpoint) == 0; i++) {
                const Want *want = &wants->items[i];

                if (strcmp(want->target, profile) != 0)
                        continue;
                for (size_t k = 0; k < want->n_rules; k++)
                        if (!rule || profile_rule_compare(rule, &want->rules[k]) == 0)
                                return true;
        }
        return false;
}

typedef struct LookExtras {
        const CalicoLook *look;
        const LookWants *wants;
        int (*handler)(void *userdata, const char *what);
        void *userdata;
} LookExtras;

static int tell_extra(const LookExtras *extras, const char *format, ...) _printf_(2, 3);

static int tell_extra(const LookExtras *extras, const char *format, ...) {
        char text[CALICO_REASON_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        return extras->handler(extras->userdata, text);
}

static int find_extra_members(const LookExtras *extras) {
        const Endpoints *endpoints = &extras->look->endpoints;
        int r = 0;

        for (size_t i = 0; i < endpoints->n_items; i++) {
                const Endpoint *endpoint = endpoints->items[i];

                for (size_t k = 0; r >= 0 && k < endpoint->record.n_profiles; k++) {
                        const char *profile = endpoint->record.profiles[k];

                        if (own_profile_is(profile) && !is_wanted(extras->wants, endpoint->id, profile, NULL))
                                r = tell_extra(extras, "profile %s on endpoint %s", profile, endpoint->id);
                }
        }
        return r;
}

/* An endpoint that still has a profile of our own is told already. */
static bool is_member(const CalicoLook *look, const char *endpoint, const char *profile) {
        const Endpoint *found = endpoints_find(&look->endpoints, endpoint);

        return own_profile_is(profile) && found && endpoint_has_profile(found, profile);
}

static int find_extra_holders(const LookExtras *extras, const char *profile, const LedgerEntry *entry) {
        size_t size = strlen(extras->look->host);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < entry->n_holders; i++) {
                const char *holder = entry->holders[i], *endpoint = holder + size + 1;

                if (strncmp(holder, extras->look->host, size) != 0 || holder[size] != '/' ||
                    is_wanted(extras->wants, endpoint, profile, &entry->rule) ||
                    is_member(extras->look, endpoint, profile))
                        continue;
                r = tell_extra(extras, "the rule for port %u/%s in profile %s, kept for endpoint %s",
                               entry->rule.ports.first, protocol_to_string(entry->rule.protocol), profile, endpoint);
        }
        return r;
}

static int find_extra_rules(const LookExtras *extras) {
        const CalicoLook *look = extras->look;
        int r = 0;

        for (size_t i = 0; r >= 0 && i < look->n_texts; i++) {
                const char *key = look->texts[i].key, *profile = key + strlen(LEDGER_ROOT "/");
                Ledger ledger;

                if (strncmp(key, LEDGER_ROOT "/", strlen(LEDGER_ROOT "/")) != 0)
                        continue;
                r = get_ledger(look, profile, &ledger);
                if (r < 0)
                        break;
                for (size_t k = 0; r >= 0 && k < ledger.n_entries; k++)
                        r = find_extra_holders(extras, profile, &ledger.entries[k]);
                ledger_done(&ledger);
        }
        return r;
}

int calico_look_foreach_extra(const CalicoLook *look, const CalicoNeed *needs, size_t n_needs,
                              int (*handler)(void *userdata, const char *what), void *userdata) {
        LookWants wants;
        LookExtras extras = { look, &wants, handler, userdata };
        int r;

        r = collect_wants(look, needs, n_needs, &wants);
        if (r < 0)
                return r;
        r = find_extra_members(&extras);
        if (r >= 0)
                r = find_extra_rules(&extras);
        wants_done(&wants);
        return r;
}
