/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"

/* The routes that were told to somebody, by interface: when an interface goes down, the kernel drops its IPv4 routes
 * without a word, and only this says which. */

typedef struct KnownRoute {
        unsigned ifindex;
        Prefix prefix;
} KnownRoute;

/* Sorted by interface, then prefix. */
typedef struct KnownRoutes {
        KnownRoute *items;
        size_t count;
        size_t capacity;
} KnownRoutes;

/* Returns 0 (also if it is there already) or -ENOMEM. */
int known_routes_add(KnownRoutes *routes, unsigned ifindex, const Prefix *prefix);
void known_routes_remove(KnownRoutes *routes, unsigned ifindex, const Prefix *prefix);
void known_routes_done(KnownRoutes *routes);

/* Takes the interface's first route behind `after` (NULL: the first of all) out of the list. So it can be gone
 * through while others are added. False if there is no further one. */
bool known_routes_take(KnownRoutes *routes, unsigned ifindex, const Prefix *after, Prefix *ret);
