/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"

/* What the kernel said of routes and interfaces, as far as it is worth remembering. */

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

/* Adds those that are not there yet; sorts the array that it is given. Returns 0 or -ENOMEM. */
int known_routes_add(KnownRoutes *routes, KnownRoute *added, size_t n);
void known_routes_remove(KnownRoutes *routes, unsigned ifindex, const Prefix *prefix);
void known_routes_done(KnownRoutes *routes);

/* Takes the interface's first route behind `after` (NULL: the first of all) out of the list. So it can be gone
 * through while others are added. False if there is no further one. */
bool known_routes_take(KnownRoutes *routes, unsigned ifindex, const Prefix *after, Prefix *ret);

/* The interfaces that were asked about last, as far as notifications tell what becomes of it: asking takes a lock that
 * whoever makes or removes an interface holds, for milliseconds. */
#define KNOWN_LINKS_MAX 64

typedef struct KnownLink {
        unsigned index;
        char name[IF_NAMESIZE];
        bool bridge;
} KnownLink;

typedef struct KnownLinks {
        KnownLink items[KNOWN_LINKS_MAX];
        size_t count;
} KnownLinks;

/* NULL: not known. */
const KnownLink *known_links_find(const KnownLinks *links, unsigned index);
/* Where there is no room, all others are forgotten. */
void known_links_add(KnownLinks *links, const KnownLink *link);
void known_links_remove(KnownLinks *links, unsigned index);
void known_links_clear(KnownLinks *links);

/* The interfaces on which a switch was put on by us, with their names then: under another one, which it may get, it would
 * be taken for somebody else's. */
typedef struct SwitchedLinks {
        KnownLink *items; /* sorted by index */
        size_t count;
        size_t capacity;
} SwitchedLinks;

/* In place of one that had that index. Returns 0 or -ENOMEM. */
int switched_links_add(SwitchedLinks *links, unsigned index, const char *name);
void switched_links_remove(SwitchedLinks *links, unsigned index);
/* True if it had another name when it was switched. */
bool switched_links_is_renamed(const SwitchedLinks *links, unsigned index, const char *name);
void switched_links_done(SwitchedLinks *links);
