/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/own.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"

#define PREFIX "calico-exposed-"

const char *own_part_to_string(OwnPart part) {
        static const char *const names[_OWN_PART_MAX] = {
                [OWN_RULES] = "rules",
                [OWN_TAGS] = "tags",
                [OWN_LABELS] = "labels",
        };

        return names[part];
}

static uint64_t hash_networks(const Prefix *from, size_t n_from) {
        uint64_t hash = HASH_START;

        for (size_t i = 0; i < n_from; i++) {
                char text[PREFIX_TEXT_SIZE];

                prefix_format(&from[i], text);
                hash = hash_bytes(hash, text, strlen(text) + 1);
        }
        return hash;
}

const char *own_profile_name(Protocol protocol, PortRange ports, const Prefix *from, size_t n_from,
                             char buffer[static OWN_NAME_SIZE]) {
        size_t size;

        size = (size_t) snprintf(buffer, OWN_NAME_SIZE, PREFIX "%s-%u", protocol_to_string(protocol), ports.first);
        if (ports.last != ports.first)
                size += (size_t) snprintf(buffer + size, OWN_NAME_SIZE - size, "-%u", ports.last);
        if (n_from > 0)
                snprintf(buffer + size, OWN_NAME_SIZE - size, "-from-%016" PRIx64, hash_networks(from, n_from));
        return buffer;
}

/* Skips "-<port>". */
static bool skip_port(const char **name) {
        size_t digits = **name == '-' ? strspn(*name + 1, "0123456789") : 0;

        if (digits == 0 || digits > 5)
                return false;
        *name += 1 + digits;
        return true;
}

bool own_profile_is(const char *name) {
        static const char from[] = "-from-";
        size_t size;

        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
                return false;
        name += strlen(PREFIX);
        size = strcspn(name, "-");
        if (protocol_from_string(name, size) == _PROTOCOL_INVALID)
                return false;
        name += size;
        if (!skip_port(&name))
                return false;
        (void) skip_port(&name);
        if (strncmp(name, from, strlen(from)) == 0) {
                name += strlen(from);
                if (strspn(name, "0123456789abcdef") != 16)
                        return false;
                name += 16;
        }
        return *name == '\0';
}

/* Holders. */

static int set_holders(Ledger *ledger, const LedgerInput *input) {
        for (size_t i = 0; i < input->n_needs; i++)
                if (!ledger_get_entry(ledger, &input->needs[i].rule))
                        return -ENOMEM;
        for (size_t i = 0; i < ledger->n_entries;) {
                int r = ledger_set_holders(&ledger->entries[i], input);

                if (r < 0)
                        return r;
                /* While it is deleted, what it was is not needed any more. */
                if (ledger->entries[i].n_holders == 0)
                        ledger_remove_entry(ledger, &ledger->entries[i]);
                else
                        i++;
        }
        return 0;
}

/* Making it. */

static char *make_part(const Ledger *ledger, const char *name, OwnPart part) {
        _cleanup_free_ ProfileRule *rules = NULL;
        char *text = NULL;

        if (part == OWN_TAGS)
                return asprintf(&text, "[\"%s\"]", name) < 0 ? NULL : text;
        if (part == OWN_LABELS)
                return strdup("{}");
        rules = calloc(ledger->n_entries, sizeof(*rules));
        if (!rules)
                return NULL;
        for (size_t i = 0; i < ledger->n_entries; i++)
                rules[i] = ledger->entries[i].rule;
        return profile_rules_make(name, rules, ledger->n_entries);
}

/* Returns 1 if the rules are what they must be. */
static int rules_are_right(const Ledger *ledger, const char *text) {
        _cleanup_free_ ProfileRule *rules = calloc(ledger->n_entries, sizeof(*rules));

        if (!rules)
                return -ENOMEM;
        for (size_t i = 0; i < ledger->n_entries; i++)
                rules[i] = ledger->entries[i].rule;
        return profile_rules_are(text, strlen(text), rules, ledger->n_entries);
}

static int plan_making(const Ledger *ledger, const char *name, const OwnKey *keys, OwnPlan *plan) {
        static const OwnPart order[] = { OWN_TAGS, OWN_LABELS, OWN_RULES };

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                const OwnKey *key = &keys[order[i]];
                int right = key->text ? 1 : 0;

                if (key->text && order[i] == OWN_RULES)
                        right = rules_are_right(ledger, key->text);
                if (right < 0)
                        return right;
                if (right)
                        continue;
                *plan = (OwnPlan) { .step = OWN_PUT, .part = order[i], .index = key->text ? key->index : 0 };
                plan->text = make_part(ledger, name, order[i]);
                return plan->text ? 0 : -ENOMEM;
        }
        return 0;
}

/* Deleting it. */

/* False if nothing of it is left. */
static bool plan_deletion(Ledger *ledger, const OwnKey *keys, bool directory, OwnPlan *plan) {
        if (keys[OWN_RULES].text && keys[OWN_RULES].index != ledger->change.after) {
                /* Somebody has written since: that is what is deleted. */
                ledger->change.after = keys[OWN_RULES].index;
                return true;
        }
        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                if (keys[part].text) {
                        *plan = (OwnPlan) { .step = OWN_DELETE, .part = part, .index = keys[part].index };
                        return true;
                }
        if (directory)
                *plan = (OwnPlan) { .step = OWN_DELETE_DIRECTORY };
        return directory;
}

static bool exists(const OwnKey *keys) {
        for (unsigned part = 0; part < _OWN_PART_MAX; part++)
                if (keys[part].text)
                        return true;
        return false;
}

static int store_if_changed(const Ledger *ledger, const char *before, OwnPlan *plan) {
        _cleanup_free_ char *now = ledger_encode(ledger);

        if (!now)
                return -ENOMEM;
        if (strcmp(before, now) == 0)
                return 0;
        *plan = (OwnPlan) { .step = OWN_STORE, .text = ledger_is_empty(ledger) ? NULL : TAKE_PTR(now) };
        return 0;
}

int own_plan(Ledger *ledger, const LedgerInput *input, const char *name, const OwnKey keys[static _OWN_PART_MAX],
             bool directory, OwnPlan *ret) {
        _cleanup_free_ char *before = ledger_encode(ledger);
        OwnPlan plan = { .step = OWN_DONE };
        bool was_empty = ledger_is_empty(ledger), deleting = false;
        int r;

        if (!before)
                return -ENOMEM;
        r = set_holders(ledger, input);
        if (r < 0)
                return r;
        /* Without a ledger it was never ours to delete. */
        if (ledger->n_entries == 0 && !was_empty && ledger->change.kind == LEDGER_CHANGE_NONE && exists(keys))
                ledger->change = (LedgerChange) { .kind = LEDGER_CHANGE_DELETE, .after = keys[OWN_RULES].index };
        if (ledger->change.kind == LEDGER_CHANGE_DELETE) {
                deleting = plan_deletion(ledger, keys, directory, &plan);
                if (!deleting && (ledger->n_entries > 0 || input->settled >= input->ledger_index))
                        ledger->change = (LedgerChange) {};
        }
        /* What is said in the ledger comes before what is done. */
        r = store_if_changed(ledger, before, &plan);
        if (r >= 0 && plan.step == OWN_DONE && !deleting && ledger->n_entries > 0)
                r = plan_making(ledger, name, keys, &plan);
        if (r < 0)
                return r;
        *ret = plan;
        return 0;
}
