/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/limits.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/hash.h"
#include "common/macros.h"
#include "daemon/model/entry.h"

const char limits_no_memory[] = "memory";

void limits_done(Limits *limits) {
        for (size_t i = 0; i < limits->n_interfaces; i++)
                free(limits->interfaces[i]);
        free(limits->interfaces);
        free(limits->from);
        *limits = (Limits) {};
}

bool limits_equal(const Limits *a, const Limits *b) {
        if (a->n_from != b->n_from || a->n_interfaces != b->n_interfaces)
                return false;
        for (size_t i = 0; i < a->n_from; i++)
                if (prefix_compare(&a->from[i], &b->from[i]) != 0)
                        return false;
        for (size_t i = 0; i < a->n_interfaces; i++)
                if (strcmp(a->interfaces[i], b->interfaces[i]) != 0)
                        return false;
        return true;
}

static int compare_prefixes(const void *a, const void *b) {
        return prefix_compare(a, b);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Copies the next item of the label into the buffer; what does not fit is none that could be valid. */
static const char *copy_item(const char *text, size_t size, char *buffer, size_t room) {
        if (size >= room)
                return NULL;
        memcpy(buffer, text, size);
        buffer[size] = '\0';
        return buffer;
}

const char *limits_parse_from(Limits *limits, const char *value) {
        _cleanup_free_ Prefix *from = calloc(LIMITS_FROM_MAX, sizeof(*from));
        const char *cursor = value, *text;
        size_t n = 0, kept = 0, size;

        if (!from)
                return limits_no_memory;
        while (entry_next(&cursor, &text, &size)) {
                char item[PREFIX_TEXT_SIZE];

                if (n == LIMITS_FROM_MAX)
                        return "at most 64 networks";
                if (!copy_item(text, size, item, sizeof(item)) || prefix_parse(item, &from[n]) < 0)
                        return "networks between commas, as 192.0.2.0/24,2001:db8::/32";
                n++;
        }
        array_sort(from, n, sizeof(*from), compare_prefixes);
        for (size_t i = 0; i < n; i++) /* sorted: who contains another stands before it */
                if (kept == 0 || !prefix_contains(&from[kept - 1], &from[i].address))
                        from[kept++] = from[i];
        free(limits->from);
        limits->from = TAKE_PTR(from);
        limits->n_from = kept;
        return NULL;
}

int limits_set_interfaces(Limits *limits, char *const *interfaces, size_t n_interfaces) {
        Limits set = { .from = limits->from, .n_from = limits->n_from };

        set.interfaces = calloc(n_interfaces + 1, sizeof(*set.interfaces));
        for (size_t i = 0; set.interfaces && i < n_interfaces; i++) {
                set.interfaces[i] = strdup(interfaces[i]);
                set.n_interfaces = i + 1;
                if (!set.interfaces[i]) {
                        set.from = NULL; /* remains the caller's */
                        limits_done(&set);
                        return -ENOMEM;
                }
        }
        if (!set.interfaces)
                return -ENOMEM;
        array_sort(set.interfaces, set.n_interfaces, sizeof(*set.interfaces), compare_names);
        limits->from = NULL;
        limits_done(limits);
        *limits = set;
        return 0;
}

bool limits_interface_is_valid(const char *name) {
        size_t size = strlen(name);

        if (size == 0 || size >= IF_NAMESIZE || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return false;
        for (const char *p = name; *p; p++)
                if (*p <= ' ' || *p >= 0x7f || strchr("/:,\"", *p))
                        return false;
        return true;
}

const char *limits_parse_interfaces(Limits *limits, const char *value) {
        char names[LIMITS_INTERFACES_MAX][IF_NAMESIZE], *items[LIMITS_INTERFACES_MAX] = {};
        const char *cursor = value, *text;
        size_t n = 0, size;

        while (entry_next(&cursor, &text, &size)) {
                bool twice = false;

                if (n == LIMITS_INTERFACES_MAX)
                        return "at most 16 interfaces";
                if (!copy_item(text, size, names[n], sizeof(names[n])) || !limits_interface_is_valid(names[n]))
                        return "names of interfaces between commas, as eth0,wg0";
                for (size_t i = 0; i < n; i++)
                        twice |= strcmp(names[i], names[n]) == 0;
                items[n] = names[n];
                n += !twice;
        }
        return limits_set_interfaces(limits, items, n) < 0 ? limits_no_memory : NULL;
}

uint64_t limits_hash(const Limits *limits) {
        uint64_t hash = HASH_START;

        for (size_t i = 0; i < limits->n_from; i++)
                hash = hash_bytes(hash, &limits->from[i], sizeof(limits->from[i]));
        for (size_t i = 0; i < limits->n_interfaces; i++)
                hash = hash_bytes(hash, limits->interfaces[i], strlen(limits->interfaces[i]) + 1);
        return hash;
}

bool limits_include_local(const Limits *limits) {
        for (size_t i = 0; i < limits->n_interfaces; i++)
                if (strcmp(limits->interfaces[i], "lo") == 0)
                        return true;
        return false;
}

_Static_assert(sizeof(Prefix) == 18, "Prefix is hashed as bytes: no padding");
