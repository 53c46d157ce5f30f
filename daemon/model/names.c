/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/names.h"

#include <string.h>

#include "common/array.h"

struct Names {
        char **items; /* sorted */
        size_t count, capacity;
};

Names *names_new(void) {
        return calloc(1, sizeof(Names));
}

Names *names_free(Names *names) {
        if (!names)
                return NULL;
        for (size_t i = 0; i < names->count; i++)
                free(names->items[i]);
        free(names->items);
        free(names);
        return NULL;
}

static int name_compare(const void *key, const void *item) {
        return strcmp(key, *(char *const *) item);
}

const char *names_intern(Names *names, const char *name) {
        size_t at = array_lower_bound(name, names->items, names->count, sizeof(*names->items), name_compare);
        _cleanup_free_ char *copy = NULL;

        if (at < names->count && strcmp(names->items[at], name) == 0)
                return names->items[at];
        copy = strdup(name);
        if (!copy || array_insert_gap(&names->items, &names->count, &names->capacity, at, sizeof(*names->items)) < 0)
                return NULL;
        return names->items[at] = TAKE_PTR(copy);
}

size_t names_count(const Names *names) {
        return names->count;
}
