/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/known.h"

#include <stdlib.h>

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

int known_routes_add(KnownRoutes *routes, unsigned ifindex, const Prefix *prefix) {
        const KnownRoute route = { .ifindex = ifindex, .prefix = *prefix };
        bool found;
        size_t place = known_routes_place(routes, &route, &found);
        int r;

        if (found)
                return 0;
        r = array_insert_gap(&routes->items, &routes->count, &routes->capacity, place, sizeof(route));
        if (r < 0)
                return r;
        routes->items[place] = route;
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
