/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/element.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hash.h"
#include "common/macros.h"

static int number_compare(unsigned a, unsigned b) {
        return (a > b) - (a < b);
}

/* Where the name is data (of a map to verdicts), it does not take part in the key. */
static bool name_is_key(ElementKind kind) {
        return kind != ELEMENT_ENDPOINT && kind != ELEMENT_DNAT_BALANCE && kind != ELEMENT_DNAT_LIMIT;
}

int element_compare_key(const Element *a, const Element *b) {
        int r;

        if ((r = number_compare(a->kind, b->kind)) != 0)
                return r;
        if (name_is_key(a->kind) && (r = strcmp(a->name, b->name)) != 0)
                return r;
        if ((r = number_compare(a->family, b->family)) != 0 || (r = prefix_compare(&a->prefix, &b->prefix)) != 0 ||
            (r = address_compare(&a->address, &b->address)) != 0 ||
            (r = number_compare(a->protocol, b->protocol)) != 0 ||
            (r = number_compare(a->ports.first, b->ports.first)) != 0 ||
            (r = number_compare(a->ports.last, b->ports.last)) != 0)
                return r;
        return strcmp(a->interface ?: "", b->interface ?: "");
}

int element_compare(const Element *a, const Element *b) {
        int r;

        if ((r = element_compare_key(a, b)) != 0 || (r = strcmp(a->name, b->name)) != 0 ||
            (r = address_compare(&a->target, &b->target)) != 0)
                return r;
        return number_compare(a->target_port, b->target_port);
}

static bool is_name_character(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
               c == '-';
}

const char *element_profile_name(const char *profile, char buffer[static PROFILE_NAME_SIZE]) {
        enum { PLAIN_MAX = PROFILE_NAME_SIZE - 1 - 17 }; /* 17: "-" and 16 hex digits */
        size_t size = 0;
        bool changed = false;

        for (const char *p = profile; *p; p++) {
                if (size >= PLAIN_MAX) {
                        changed = true;
                        break;
                }
                buffer[size] = *p;
                if (!is_name_character(*p)) {
                        buffer[size] = '_';
                        changed = true;
                }
                size++;
        }
        buffer[size] = '\0';
        if (changed || size == 0)
                snprintf(buffer + size, PROFILE_NAME_SIZE - size, "-%016llx",
                         (unsigned long long) hash_bytes(HASH_START, profile, strlen(profile)));
        return buffer;
}

const char *limit_name_format(const LimitName *name, char buffer[static CHAIN_NAME_SIZE]) {
        snprintf(buffer, CHAIN_NAME_SIZE, "limit-%s%s%s-%016llx", name->from ? "f" : "", name->interfaces ? "i" : "",
                 name->local ? "l" : "", (unsigned long long) name->hash);
        return buffer;
}

const char *balance_name_format(const BalanceName *name, char buffer[static CHAIN_NAME_SIZE]) {
        snprintf(buffer, CHAIN_NAME_SIZE, "balance%s-%u%s-%016llx", name->family == AF_INET ? "4" : "6",
                 name->backends, name->range ? "r" : "", (unsigned long long) name->hash);
        return buffer;
}

/* What was read must come out the same when it is written. */
bool limit_name_parse(const char *text, LimitName *ret) {
        char parts[8], again[CHAIN_NAME_SIZE];
        unsigned long long hash;
        LimitName name;

        if (sscanf(text, "limit-%7[fil]-%16llx", parts, &hash) != 2)
                return false;
        name = (LimitName) {
                .from = strchr(parts, 'f'),
                .interfaces = strchr(parts, 'i'),
                .local = strchr(parts, 'l'),
                .hash = hash,
        };
        if (strcmp(limit_name_format(&name, again), text) != 0)
                return false;
        *ret = name;
        return true;
}

bool balance_name_parse(const char *text, BalanceName *ret) {
        char family[2], range[2] = "", again[CHAIN_NAME_SIZE];
        unsigned long long hash;
        unsigned backends;
        BalanceName name;

        if (sscanf(text, "balance%1[46]-%5u-%16llx", family, &backends, &hash) != 3 &&
            sscanf(text, "balance%1[46]-%5u%1[r]-%16llx", family, &backends, range, &hash) != 4)
                return false;
        name = (BalanceName) {
                .family = *family == '4' ? AF_INET : AF_INET6,
                .range = *range,
                .backends = backends,
                .hash = hash,
        };
        if (backends == 0 || strcmp(balance_name_format(&name, again), text) != 0)
                return false;
        *ret = name;
        return true;
}

int elements_append(Elements *elements, const Element *element) {
        int r;

        r = array_reserve(&elements->items, &elements->capacity, elements->count + 1, sizeof(*element));
        if (r < 0)
                return r;
        elements->items[elements->count++] = *element;
        return 0;
}

int elements_append_all(Elements *to, const Elements *from) {
        int r = array_reserve(&to->items, &to->capacity, to->count + from->count, sizeof(Element));

        if (r < 0 || from->count == 0)
                return r;
        memcpy(to->items + to->count, from->items, from->count * sizeof(Element));
        to->count += from->count;
        return 0;
}

static int compare_elements(const void *a, const void *b) {
        return element_compare(a, b);
}

void elements_sort(Elements *elements) {
        array_sort(elements->items, elements->count, sizeof(*elements->items), compare_elements);
}

void elements_done(Elements *elements) {
        free(elements->items);
        *elements = (Elements) {};
}
