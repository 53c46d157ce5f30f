/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/shared.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/calico/ledger.h"
#include "daemon/calico/record.h"
#include "daemon/calico/task.h"

static int host_compare(const void *key, const void *item) {
        return strcmp(key, *(char *const *) item);
}

static int ledger_compare(const void *key, const void *item) {
        return strcmp(key, ((const SharedLedger *) item)->profile);
}

/* The name behind "<root>/"; NULL if it is not just that. */
static const char *name_below(const char *key, const char *root) {
        size_t size = strlen(root);

        if (strncmp(key, root, size) != 0 || key[size] != '/')
                return NULL;
        return calico_name_is_valid(key + size + 1) ? key + size + 1 : NULL;
}

static size_t find_host(const Shared *shared, const char *host, bool *ret_found) {
        size_t at = array_lower_bound(host, shared->hosts, shared->n_hosts, sizeof(*shared->hosts), host_compare);

        *ret_found = at < shared->n_hosts && strcmp(shared->hosts[at], host) == 0;
        return at;
}

bool shared_has_host(const Shared *shared, const char *host) {
        bool found;

        (void) find_host(shared, host, &found);
        return found;
}

static int take_host(Shared *shared, const char *host, bool present) {
        bool found;
        size_t at = find_host(shared, host, &found);
        char *copy;

        if (found == present)
                return 0;
        shared->recheck = true;
        if (found) {
                free(shared->hosts[at]);
                array_remove(&shared->hosts, &shared->n_hosts, at, sizeof(*shared->hosts));
                return 0;
        }
        copy = strdup(host);
        if (!copy || array_insert_gap(&shared->hosts, &shared->n_hosts, &shared->hosts_capacity, at,
                                      sizeof(*shared->hosts)) < 0) {
                free(copy);
                return -ENOMEM;
        }
        shared->hosts[at] = copy;
        return 0;
}

static void drop_ledger(Shared *shared, size_t at) {
        free(shared->ledgers[at].profile);
        free(shared->ledgers[at].text);
        array_remove(&shared->ledgers, &shared->n_ledgers, at, sizeof(*shared->ledgers));
}

static int take_ledger(Shared *shared, const char *profile, const char *text) {
        size_t at = array_lower_bound(profile, shared->ledgers, shared->n_ledgers, sizeof(*shared->ledgers),
                                      ledger_compare);
        bool found = at < shared->n_ledgers && strcmp(shared->ledgers[at].profile, profile) == 0;
        SharedLedger ledger = {};

        if (found)
                drop_ledger(shared, at);
        if (!text)
                return 0;
        ledger.profile = strdup(profile);
        ledger.text = strdup(text);
        if (!ledger.profile || !ledger.text ||
            array_insert_gap(&shared->ledgers, &shared->n_ledgers, &shared->ledgers_capacity, at,
                             sizeof(*shared->ledgers)) < 0) {
                free(ledger.profile);
                free(ledger.text);
                return -ENOMEM;
        }
        shared->ledgers[at] = ledger;
        return 0;
}

const char *shared_take(Shared *shared, const char *key, const char *value, int *ret_error) {
        const char *host = name_below(key, HOST_ROOT), *profile = name_below(key, LEDGER_ROOT);

        *ret_error = 0;
        if (host)
                *ret_error = take_host(shared, host, value);
        else if (profile)
                *ret_error = take_ledger(shared, profile, value);
        return profile;
}

static bool names_lost_host(const Shared *shared, const Ledger *ledger) {
        for (size_t i = 0; i < ledger->n_entries; i++)
                for (size_t k = 0; k < ledger->entries[i].n_holders; k++) {
                        char host[CALICO_NAME_MAX + 1];
                        const char *holder = ledger->entries[i].holders[k];
                        size_t size = strcspn(holder, "/");

                        memcpy(host, holder, size); /* ledger_decode() has seen that it fits */
                        host[size] = '\0';
                        if (!shared_has_host(shared, host))
                                return true;
                }
        return false;
}

static bool is_unfinished(const Ledger *ledger) {
        bool unfinished = ledger->n_entries == 0 || ledger->change.kind != LEDGER_CHANGE_NONE;

        for (size_t i = 0; i < ledger->n_entries; i++)
                unfinished = unfinished || ledger->entries[i].n_holders == 0;
        return unfinished;
}

int shared_judge(Shared *shared, const char *host) {
        for (size_t i = 0; i < shared->n_ledgers; i++) {
                SharedLedger *item = &shared->ledgers[i];
                Ledger ledger;
                int r;

                if (item->judged && !shared->recheck)
                        continue;
                r = ledger_decode(item->text, strlen(item->text), &ledger);
                if (r == -ENOMEM)
                        return r;
                item->judged = true;
                item->ours = false;
                if (r < 0)
                        continue;
                item->ours = ledger_names_host(&ledger, host) || names_lost_host(shared, &ledger) ||
                             (shared->recheck && is_unfinished(&ledger));
                ledger_done(&ledger);
        }
        shared->recheck = false;
        return 0;
}

void shared_done(Shared *shared) {
        for (size_t i = 0; i < shared->n_hosts; i++)
                free(shared->hosts[i]);
        free(shared->hosts);
        while (shared->n_ledgers > 0)
                drop_ledger(shared, shared->n_ledgers - 1);
        free(shared->ledgers);
        *shared = (Shared) {};
}
