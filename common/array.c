/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/array.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* By memcpy(), for the pointer's real type is the caller's and not void *. */
static void *array_base(const void *items) {
        void *base;

        memcpy(&base, items, sizeof(base));
        return base;
}

int array_reserve(void *items, size_t *capacity, size_t need, size_t size) {
        size_t room;
        void *moved;

        if (need <= *capacity)
                return 0;
        room = *capacity + *capacity / 2;
        if (room < need)
                room = need;
        if (room > SIZE_MAX / size)
                return -ENOMEM;
        moved = realloc(array_base(items), room * size);
        if (!moved)
                return -ENOMEM;
        memcpy(items, &moved, sizeof(moved));
        *capacity = room;
        return 0;
}

int array_insert_gap(void *items, size_t *count, size_t *capacity, size_t index, size_t size) {
        char *base;
        int r;

        r = array_reserve(items, capacity, *count + 1, size);
        if (r < 0)
                return r;
        base = array_base(items);
        memmove(base + (index + 1) * size, base + index * size, (*count - index) * size);
        memset(base + index * size, 0, size);
        (*count)++;
        return 0;
}

void array_remove(void *items, size_t *count, size_t index, size_t size) {
        char *base = array_base(items);

        memmove(base + index * size, base + (index + 1) * size, (*count - index - 1) * size);
        (*count)--;
}

static bool is_sorted(const char *items, size_t count, size_t size, int (*compare)(const void *, const void *)) {
        for (size_t i = 1; i < count; i++)
                if (compare(items + (i - 1) * size, items + i * size) > 0)
                        return false;
        return true;
}

void array_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *)) {
        if (count > 1 && !is_sorted(items, count, size, compare))
                qsort(items, count, size, compare);
}

size_t array_lower_bound(const void *key, const void *items, size_t count, size_t size,
                         int (*compare)(const void *key, const void *item)) {
        size_t low = 0;

        /* What comes in order is behind the last one. */
        if (count > 0 && compare(key, (const char *) items + (count - 1) * size) > 0)
                return count;
        while (count > 0) {
                size_t half = count / 2;
                const char *item = (const char *) items + (low + half) * size;

                if (compare(key, item) > 0) {
                        low += half + 1;
                        count -= half + 1;
                } else
                        count = half;
        }
        return low;
}
