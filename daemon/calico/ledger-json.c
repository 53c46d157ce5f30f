/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/calico/ledger.h"
#include "daemon/http/json.h"

/* {"rules":[{"rule":{...},"owner":"ours","since":17,"needed_by":["node1/1f2e"]}],
 *  "change":{"what":"add","rule":{...},"after":16,"value":"00c0ffee00c0ffee"}} */

static const char *const owner_names[_LEDGER_OWNER_MAX] = {
        [LEDGER_THEIRS] = "theirs",
        [LEDGER_OURS] = "ours",
        [LEDGER_REMOVED] = "removed",
};

static const char *const change_names[_LEDGER_CHANGE_MAX] = {
        [LEDGER_CHANGE_NONE] = "",
        [LEDGER_CHANGE_ADD] = "add",
        [LEDGER_CHANGE_REMOVE] = "remove",
        [LEDGER_CHANGE_DELETE] = "delete",
};

static void write_entry(FILE *file, const LedgerEntry *entry) {
        char rule[RULE_TEXT_SIZE];

        fprintf(file, "{\"rule\":%s,\"owner\":\"%s\",\"since\":%" PRIu64 ",\"needed_by\":[",
                profile_rule_format(&entry->rule, rule), owner_names[entry->owner], entry->since);
        for (size_t i = 0; i < entry->n_holders; i++)
                fprintf(file, "%s\"%s\"", i > 0 ? "," : "", entry->holders[i]);
        fputs("]}", file);
}

static void write_change(FILE *file, const LedgerChange *change) {
        char rule[RULE_TEXT_SIZE];

        fprintf(file, ",\"change\":{\"what\":\"%s\"", change_names[change->kind]);
        if (change->kind != LEDGER_CHANGE_DELETE)
                fprintf(file, ",\"rule\":%s,\"value\":\"%016" PRIx64 "\"", profile_rule_format(&change->rule, rule),
                        change->value);
        fprintf(file, ",\"after\":%" PRIu64 "}", change->after);
}

char *ledger_encode(const Ledger *ledger) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        fputs("{\"rules\":[", file);
        for (size_t i = 0; i < ledger->n_entries; i++) {
                fputs(i > 0 ? "," : "", file);
                write_entry(file, &ledger->entries[i]);
        }
        fputs("]", file);
        if (ledger->change.kind != LEDGER_CHANGE_NONE)
                write_change(file, &ledger->change);
        fputs("}", file);
        if (fclose(file) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

static int find_name(const char *const *names, size_t n_names, const char *name) {
        for (size_t i = 0; name && i < n_names; i++)
                if (strcmp(names[i], name) == 0)
                        return (int) i;
        return -EBADMSG;
}

static int decode_index(const cJSON *json, const char *name, uint64_t *ret) {
        int64_t index = json_integer(json, name);

        if (index < 0)
                return -EBADMSG;
        *ret = (uint64_t) index;
        return 0;
}

/* "<host>/<endpoint>", of names that need no escapes. */
static bool holder_is_valid(const char *holder) {
        char host[CALICO_NAME_MAX + 1];
        size_t size = strcspn(holder, "/");

        if (holder[size] != '/' || size >= sizeof(host) || !calico_name_is_valid(holder + size + 1))
                return false;
        memcpy(host, holder, size);
        host[size] = '\0';
        return calico_name_is_valid(host);
}

static int decode_holders(const cJSON *json, LedgerEntry *entry) {
        const cJSON *list = json_member(json, "needed_by"), *item;

        if (!cJSON_IsArray(list))
                return -EBADMSG;
        cJSON_ArrayForEach(item, list) {
                if (!cJSON_IsString(item) || !holder_is_valid(item->valuestring))
                        return -EBADMSG;
                if (entry->n_holders > 0 && strcmp(entry->holders[entry->n_holders - 1], item->valuestring) >= 0)
                        return -EBADMSG;
                if (array_reserve(&entry->holders, &entry->holders_capacity, entry->n_holders + 1,
                                  sizeof(*entry->holders)) < 0)
                        return -ENOMEM;
                entry->holders[entry->n_holders] = strdup(item->valuestring);
                if (!entry->holders[entry->n_holders])
                        return -ENOMEM;
                entry->n_holders++;
        }
        return 0;
}

static int decode_entry(const cJSON *json, Ledger *ledger) {
        size_t n = ledger->n_entries;
        LedgerEntry *entry;
        ProfileRule rule;
        int owner;

        owner = find_name(owner_names, _LEDGER_OWNER_MAX, json_text(json, "owner"));
        if (owner < 0 || profile_rule_decode(json_member(json, "rule"), &rule) < 0)
                return -EBADMSG;
        entry = ledger_get_entry(ledger, &rule);
        if (!entry)
                return -ENOMEM;
        if (ledger->n_entries == n)
                return -EBADMSG; /* twice */
        entry->owner = (LedgerOwner) owner;
        return decode_index(json, "since", &entry->since) < 0 ? -EBADMSG : decode_holders(json, entry);
}

static int decode_change(const cJSON *json, LedgerChange *ret) {
        const char *value = json_text(json, "value");
        LedgerChange change = {};
        int kind;

        if (!json)
                return 0;
        kind = find_name(change_names, _LEDGER_CHANGE_MAX, json_text(json, "what"));
        if (kind <= LEDGER_CHANGE_NONE || decode_index(json, "after", &change.after) < 0)
                return -EBADMSG;
        change.kind = (LedgerChangeKind) kind;
        if (kind != LEDGER_CHANGE_DELETE &&
            (profile_rule_decode(json_member(json, "rule"), &change.rule) < 0 || !value || strlen(value) != 16 ||
             sscanf(value, "%16" SCNx64, &change.value) != 1))
                return -EBADMSG;
        *ret = change;
        return 0;
}

int ledger_decode(const char *text, size_t size, Ledger *ret) {
        _cleanup_(json_freep) cJSON *json = NULL;
        const cJSON *list, *item;
        Ledger ledger = {};
        int r;

        if (size > LEDGER_SIZE_MAX)
                return -EBADMSG;
        r = json_parse(text, size, &json);
        if (r < 0)
                return r;
        list = json_member(json, "rules");
        r = cJSON_IsArray(list) ? decode_change(json_member(json, "change"), &ledger.change) : -EBADMSG;
        if (r >= 0) {
                cJSON_ArrayForEach(item, list) {
                        r = decode_entry(item, &ledger);
                        if (r < 0)
                                break;
                }
        }
        if (r < 0) {
                ledger_done(&ledger);
                return r;
        }
        *ret = ledger;
        return 0;
}
