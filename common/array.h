/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Makes room for `need` items of `size` bytes in a malloc()ed array; the capacity grows by half, so that appending
 * costs constant time on average; the first room is exact, for most arrays of a container hold one item. `items` is the
 * address of the array's pointer (of any type). Returns 0, or -ENOMEM with the array as it was. */
int array_reserve(void *items, size_t *capacity, size_t need, size_t size);

/* Opens a gap of one item at `index` in an array of `*count` items, growing it; counts it. The gap is zeroed.
 * Returns 0, or -ENOMEM with the array as it was. */
int array_insert_gap(void *items, size_t *count, size_t *capacity, size_t index, size_t size);

/* Closes the gap left by the item at `index`. `items` is the address of the array's pointer here, too. */
void array_remove(void *items, size_t *count, size_t index, size_t size);

/* As qsort(3), for any count; what is sorted already, as most of what is kept in order, costs one look at each item. */
void array_sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *));

/* Index of the first item that does not compare below the key (lower bound). compare(key, item) as bsearch(3). */
size_t array_lower_bound(const void *key, const void *items, size_t count, size_t size,
                         int (*compare)(const void *key, const void *item));
