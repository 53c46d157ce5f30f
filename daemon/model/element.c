/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/element.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

static int number_compare(unsigned a, unsigned b) {
        return (a > b) - (a < b);
}

/* Where the name is data, it does not take part in the key. */
static bool name_is_key(ElementKind kind) {
        return kind != ELEMENT_ENDPOINT;
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
            (r = number_compare(a->ports.first, b->ports.first)) != 0)
                return r;
        return number_compare(a->ports.last, b->ports.last);
}

int element_compare(const Element *a, const Element *b) {
        int r;

        if ((r = element_compare_key(a, b)) != 0 || (r = strcmp(a->name, b->name)) != 0 ||
            (r = address_compare(&a->target, &b->target)) != 0)
                return r;
        return number_compare(a->target_port, b->target_port);
}

/* FNV-1a, 64 bits: stable over versions and machines, as a name in the kernel must be. */
static uint64_t name_hash(const char *name) {
        uint64_t hash = 0xcbf29ce484222325;

        for (; *name; name++)
                hash = (hash ^ (uint8_t) *name) * 0x100000001b3;
        return hash;
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
                changed |= !is_name_character(*p);
                buffer[size++] = is_name_character(*p) ? *p : '_';
        }
        buffer[size] = '\0';
        if (changed || size == 0)
                snprintf(buffer + size, PROFILE_NAME_SIZE - size, "-%016llx",
                         (unsigned long long) name_hash(profile));
        return buffer;
}

int elements_append(Elements *elements, const Element *element) {
        int r;

        r = array_reserve(&elements->items, &elements->capacity, elements->count + 1, sizeof(*element));
        if (r < 0)
                return r;
        elements->items[elements->count++] = *element;
        return 0;
}

static int compare_for_qsort(const void *a, const void *b) {
        return element_compare(a, b);
}

void elements_sort(Elements *elements) {
        if (elements->count > 1)
                qsort(elements->items, elements->count, sizeof(*elements->items), compare_for_qsort);
}

void elements_done(Elements *elements) {
        free(elements->items);
        *elements = (Elements) {};
}
