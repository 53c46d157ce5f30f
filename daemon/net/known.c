/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/known.h"

#include <stdlib.h>
#include <string.h>

#include "common/array.h"

static int known_route_compare(const void *key, const void *item) {
        const KnownRoute *a = key, *b = item;

        if (a->ifindex != b->ifindex)
                return a->ifindex < b->ifindex ? -1 : 1;
        return prefix_compare(&a->prefix, &b->prefix);
}

static size_t known_routes_place(const KnownRoutes *routes, const KnownRoute *key, bool *ret_found) {
        size_t place = array_lower_bound(key, routes->items, routes->count, sizeof(*key), known_route_compare);

        *ret_found = place < routes->count && known_route_compare(key, &routes->items[place]) == 0;
        return place;
}

/* Leaves those that are not there yet, each once, in order. Returns how many. */
static size_t known_routes_sift(const KnownRoutes *routes, KnownRoute *added, size_t n) {
        size_t kept = 0;

        array_sort(added, n, sizeof(*added), known_route_compare);
        for (size_t i = 0; i < n; i++) {
                bool found = kept > 0 && known_route_compare(&added[kept - 1], &added[i]) == 0;

                if (!found)
                        (void) known_routes_place(routes, &added[i], &found);
                if (!found)
                        added[kept++] = added[i];
        }
        return kept;
}

int known_routes_add(KnownRoutes *routes, KnownRoute *added, size_t n) {
        size_t end = routes->count; /* of what was not moved yet */
        int r;

        n = known_routes_sift(routes, added, n);
        r = array_reserve(&routes->items, &routes->capacity, routes->count + n, sizeof(*added));
        if (r < 0)
                return r;
        routes->count += n;
        for (; n > 0; n--) { /* from the last, so that each is moved once */
                const KnownRoute *last = &added[n - 1];
                size_t place = array_lower_bound(last, routes->items, end, sizeof(*last), known_route_compare);

                memmove(&routes->items[place + n], &routes->items[place], (end - place) * sizeof(*last));
                routes->items[place + n - 1] = *last;
                end = place;
        }
        return 0;
}

void known_routes_remove(KnownRoutes *routes, unsigned ifindex, const Prefix *prefix) {
        const KnownRoute route = { .ifindex = ifindex, .prefix = *prefix };
        bool found;
        size_t place = known_routes_place(routes, &route, &found);

        if (found)
                array_remove(&routes->items, &routes->count, place, sizeof(route));
}

void known_routes_done(KnownRoutes *routes) {
        free(routes->items);
        *routes = (KnownRoutes) {};
}

bool known_routes_take(KnownRoutes *routes, unsigned ifindex, const Prefix *after, Prefix *ret) {
        KnownRoute key = { .ifindex = ifindex };
        bool found;
        size_t place;

        /* An all-zero prefix (AF_UNSPEC) comes before all. */
        if (after)
                key.prefix = *after;
        place = known_routes_place(routes, &key, &found);
        if (found)
                place++;
        if (place >= routes->count || routes->items[place].ifindex != ifindex)
                return false;
        *ret = routes->items[place].prefix;
        array_remove(&routes->items, &routes->count, place, sizeof(key));
        return true;
}

const KnownLink *known_links_find(const KnownLinks *links, unsigned index) {
        for (size_t i = 0; i < links->count; i++)
                if (links->items[i].index == index)
                        return &links->items[i];
        return NULL;
}

void known_links_add(KnownLinks *links, const KnownLink *link) {
        known_links_remove(links, link->index);
        if (links->count == KNOWN_LINKS_MAX)
                known_links_clear(links);
        links->items[links->count++] = *link;
}

void known_links_remove(KnownLinks *links, unsigned index) {
        for (size_t i = 0; i < links->count; i++)
                if (links->items[i].index == index) {
                        links->items[i] = links->items[--links->count];
                        return;
                }
}

void known_links_clear(KnownLinks *links) {
        links->count = 0;
}

static int switched_link_compare(const void *key, const void *item) {
        const unsigned *index = key;
        const KnownLink *link = item;

        return (*index > link->index) - (*index < link->index);
}

static size_t switched_links_place(const SwitchedLinks *links, unsigned index, bool *ret_found) {
        size_t place = array_lower_bound(&index, links->items, links->count, sizeof(*links->items), switched_link_compare);

        *ret_found = place < links->count && links->items[place].index == index;
        return place;
}

int switched_links_add(SwitchedLinks *links, unsigned index, const char *name) {
        bool found;
        size_t place = switched_links_place(links, index, &found);
        int r;

        if (!found) {
                r = array_insert_gap(&links->items, &links->count, &links->capacity, place, sizeof(*links->items));
                if (r < 0)
                        return r;
        }
        links->items[place] = (KnownLink) { .index = index };
        strncpy(links->items[place].name, name, IF_NAMESIZE - 1);
        return 0;
}

void switched_links_remove(SwitchedLinks *links, unsigned index) {
        bool found;
        size_t place = switched_links_place(links, index, &found);

        if (found)
                array_remove(&links->items, &links->count, place, sizeof(*links->items));
}

bool switched_links_is_renamed(const SwitchedLinks *links, unsigned index, const char *name) {
        bool found;
        size_t place = switched_links_place(links, index, &found);

        return found && strcmp(links->items[place].name, name) != 0;
}

void switched_links_done(SwitchedLinks *links) {
        free(links->items);
        *links = (SwitchedLinks) {};
}
