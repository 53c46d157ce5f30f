/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/remember.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

static bool record_is_lost(const Record *record) {
        return record->waiting == REASON_DATASTORE_UNREAD || record->waiting == REASON_NO_ADDRESS;
}

static bool entry_made(const Entry *entry, const Exposure *exposure) {
        const Prefix *destination = &exposure->destination;

        if (exposure->protocol != entry->protocol || exposure->ports.first < entry->host_ports.first ||
            exposure->ports.last > entry->host_ports.last || !entry_has_family(entry, exposure->family))
                return false;
        if (address_is_set(&entry->host) ? address_compare(&destination->address, &entry->host) != 0
                                         : destination->length != 0)
                return false;
        return exposure->container_first ==
               entry->container_ports.first + (exposure->ports.first - entry->host_ports.first);
}

static bool record_made(const Record *record, const Exposure *exposure) {
        for (size_t i = 0; i < record->n_claims; i++)
                if (!record->claims[i].refused && entry_made(&record->claims[i].entry, exposure))
                        return true;
        return false;
}

static bool is_taken(Record *const *records, size_t n_records, const Address *address) {
        for (size_t i = 0; i < n_records; i++)
                if (address_compare(&records[i]->ipv4, address) == 0 ||
                    address_compare(&records[i]->ipv6, address) == 0)
                        return true;
        return false;
}

static int compare_key(const void *key, const void *item) {
        return element_compare_key(key, item);
}

static const char *find_profile(const Elements *elements, const Address *address) {
        const Element key = { .kind = ELEMENT_ENDPOINT, .family = address->family, .address = *address, .name = "" };
        size_t at = array_lower_bound(&key, elements->items, elements->count, sizeof(key), compare_key);

        if (at == elements->count || element_compare_key(&key, &elements->items[at]) != 0)
                return "none";
        return elements->items[at].name;
}

static int remember(Record *const *records, size_t n_records, Record *record, const Elements *elements,
                    const Exposures *actual, const Attachments *attachments) {
        RecordMemory memory = {};

        for (size_t i = 0; i < actual->count; i++) {
                const Exposure *exposure = &actual->items[i];
                Address *address = exposure->family == AF_INET ? &memory.ipv4 : &memory.ipv6;

                if (address_is_set(address) || !record_made(record, exposure) ||
                    is_taken(records, n_records, &exposure->container))
                        continue;
                *address = exposure->container;
                strncpy(memory.profile, find_profile(elements, address), sizeof(memory.profile) - 1);
        }
        if (!address_is_set(&memory.ipv4) && !address_is_set(&memory.ipv6))
                return 0;
        return record_remember(record, &memory, attachments);
}

static int compare_age(const void *a, const void *b) {
        return record_compare_age(*(Record *const *) a, *(Record *const *) b);
}

int remember_addresses(Record *const *records, size_t n_records, const Elements *elements, const Exposures *actual,
                       const Attachments *attachments) {
        _cleanup_free_ Record **lost = calloc(n_records + 1, sizeof(Record *));
        size_t n = 0;
        int r = 0;

        if (!lost)
                return -ENOMEM;
        for (size_t i = 0; i < n_records; i++)
                if (record_is_lost(records[i]))
                        lost[n++] = records[i];
        array_sort(lost, n, sizeof(Record *), compare_age);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = remember(records, n_records, lost[i], elements, actual, attachments);
        return r;
}
