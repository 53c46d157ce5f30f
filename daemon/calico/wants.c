/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/wants.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

const char *holder_format(const char *host, const char *endpoint, char buffer[static HOLDER_SIZE]) {
        snprintf(buffer, HOLDER_SIZE, "%s/%s", host, endpoint);
        return buffer;
}

/* Wants. */

int calico_need_compare(const CalicoNeed *a, const CalicoNeed *b) {
        int r = strcmp(a->endpoint, b->endpoint);

        if (r == 0)
                r = strcmp(a->profile ?: "", b->profile ?: "");
        if (r == 0)
                r = (a->protocol > b->protocol) - (a->protocol < b->protocol);
        if (r == 0)
                r = (int) a->ports.first - (int) b->ports.first;
        if (r == 0)
                r = (int) a->ports.last - (int) b->ports.last;
        if (r == 0)
                r = (a->n_from > b->n_from) - (a->n_from < b->n_from);
        for (size_t i = 0; r == 0 && i < a->n_from; i++)
                r = prefix_compare(&a->from[i], &b->from[i]);
        return r;
}

void want_done(Want *want) {
        free(want->endpoint);
        free(want->profile);
        free(want->from);
        free(want->rules);
        free(want->reason);
        free(want->told_reason);
        *want = (Want) {};
}

const char *want_get_reason(const Want *want) {
        return want->reason ?: "";
}

static void replace_text(char **text, const char *with) {
        if (strcmp(*text ?: "", with) == 0)
                return;
        free(*text);
        *text = *with ? strdup(with) : NULL;
}

void want_set_reason(Want *want, const char *reason) {
        replace_text(&want->reason, reason);
}

bool want_tell(Want *want) {
        const char *reason = want_get_reason(want);

        if (want->told && want->told_state == want->state && strcmp(want->told_reason ?: "", reason) == 0)
                return false;
        want->told = true;
        want->told_state = want->state;
        replace_text(&want->told_reason, reason);
        return true;
}

static int copy_need(const CalicoNeed *need, Want *want) {
        want->need = *need;
        want->need.endpoint = want->endpoint = strdup(need->endpoint);
        want->need.profile = want->profile = need->profile ? strdup(need->profile) : NULL;
        want->need.from = want->from = calloc(need->n_from + 1, sizeof(*want->from));
        if (!want->endpoint || (need->profile && !want->profile) || !want->from)
                return -ENOMEM;
        if (need->n_from > 0)
                memcpy(want->from, need->from, need->n_from * sizeof(*want->from));
        return 0;
}

int want_copy(const CalicoNeed *need, Want *ret) {
        Want want = { .n_rules = MAX(need->n_from, (size_t) 1) };
        int r;

        r = copy_need(need, &want);
        want.rules = calloc(want.n_rules, sizeof(*want.rules));
        if (r < 0 || !want.rules) {
                want_done(&want);
                return -ENOMEM;
        }
        for (size_t i = 0; i < want.n_rules; i++)
                want.rules[i] = (ProfileRule) { need->protocol, need->ports, want.from[i] };
        own_profile_name(need->protocol, need->ports, need->from, need->n_from, want.own);
        *ret = want;
        return 0;
}

static void cannot(Want *want, CalicoState state, const char *format, ...) _printf_(3, 4);

static void cannot(Want *want, CalicoState state, const char *format, ...) {
        char reason[CALICO_REASON_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(reason, sizeof(reason), format, arguments);
        va_end(arguments);
        want_set_reason(want, reason);
        want->state = state;
        want->target[0] = '\0';
}

/* Felix asks the endpoint's profiles in their order, and the first that decides wins: so the rule goes into the first.
 * It is the network's own with Docker's plugin, and the one that a person gave it first with calicoctl. */
static const char *find_first_profile(const Endpoint *endpoint) {
        for (size_t i = 0; i < endpoint->record.n_profiles; i++)
                if (!own_profile_is(endpoint->record.profiles[i]))
                        return endpoint->record.profiles[i];
        return NULL;
}

static const char *choose_by_scope(const Want *want, const Endpoint *endpoint, CalicoScope scope) {
        return want->profile                    ? want->profile
               : scope == CALICO_SCOPE_ENDPOINT ? want->own
                                                : find_first_profile(endpoint);
}

void want_choose(Want *want, const Endpoint *endpoint, CalicoScope scope) {
        const char *profile;

        if (!endpoint) {
                cannot(want, CALICO_PENDING, "Calico's datastore has no record of the endpoint yet");
                return;
        }
        if (*endpoint->reason) {
                cannot(want, CALICO_REFUSED, "the record of the endpoint cannot be read: %s", endpoint->reason);
                return;
        }
        profile = choose_by_scope(want, endpoint, scope);
        if (!profile)
                cannot(want, CALICO_REFUSED, "the endpoint has no profile: give it one with calicoctl");
        else if (!calico_name_is_valid(profile))
                cannot(want, CALICO_REFUSED, "that is no name of a profile: expected letters, digits, _, . and -");
        else if (want->profile && own_profile_is(profile))
                cannot(want, CALICO_REFUSED, "profile %s is this daemon's own", profile);
        else if (want->profile && !endpoint_has_profile(endpoint, profile))
                cannot(want, CALICO_REFUSED, "the endpoint does not have the profile %s", profile);
        else
                snprintf(want->target, sizeof(want->target), "%s", profile);
}

/* What profiles must have. */

static int profile_compare(const void *key, const void *item) {
        return strcmp(key, ((const WantedProfile *) item)->name);
}

static WantedProfile *get_profile(Wanted *wanted, const char *name) {
        size_t at = array_lower_bound(name, wanted->profiles, wanted->n_profiles, sizeof(*wanted->profiles),
                                      profile_compare);
        char *copy;

        if (at < wanted->n_profiles && strcmp(wanted->profiles[at].name, name) == 0)
                return &wanted->profiles[at];
        copy = strdup(name);
        if (!copy || array_insert_gap(&wanted->profiles, &wanted->n_profiles, &wanted->capacity, at,
                                      sizeof(*wanted->profiles)) < 0) {
                free(copy);
                return NULL;
        }
        wanted->profiles[at].name = copy;
        return &wanted->profiles[at];
}

int wanted_add(Wanted *wanted, const Want *want, const char *host) {
        WantedProfile *profile = get_profile(wanted, want->target);
        char holder[HOLDER_SIZE];

        if (!profile)
                return -ENOMEM;
        holder_format(host, want->endpoint, holder);
        for (size_t i = 0; i < want->n_rules; i++) {
                TaskNeeds *needs = &profile->needs;

                if (array_reserve(&needs->needs, &needs->needs_capacity, needs->n_needs + 1, sizeof(*needs->needs)) < 0)
                        return -ENOMEM;
                needs->needs[needs->n_needs] = (LedgerNeed) { want->rules[i], strdup(holder) };
                if (!needs->needs[needs->n_needs].holder)
                        return -ENOMEM;
                needs->n_needs++;
        }
        return 0;
}

int wanted_keep(Wanted *wanted, const char *profile, const char *host, const char *endpoint) {
        WantedProfile *item = get_profile(wanted, profile);
        char holder[HOLDER_SIZE], *copy;

        if (!item)
                return -ENOMEM;
        copy = strdup(holder_format(host, endpoint, holder));
        if (!copy || array_reserve(&item->needs.keep, &item->needs.keep_capacity, item->needs.n_keep + 1,
                                   sizeof(copy)) < 0) {
                free(copy);
                return -ENOMEM;
        }
        item->needs.keep[item->needs.n_keep++] = copy;
        return 0;
}

void wanted_finish(Wanted *wanted) {
        for (size_t i = 0; i < wanted->n_profiles; i++)
                task_needs_sort(&wanted->profiles[i].needs);
}

void wanted_done(Wanted *wanted) {
        for (size_t i = 0; i < wanted->n_profiles; i++) {
                free(wanted->profiles[i].name);
                task_needs_done(&wanted->profiles[i].needs);
        }
        free(wanted->profiles);
        *wanted = (Wanted) {};
}
