/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/finder.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "daemon/net/rtnl.h"

_Static_assert(PATHS_AT_ONCE_MAX <= NETLINK_MANY_MAX, "what fits at a time");
_Static_assert(PATHS_AT_ONCE_MAX <= KNOWN_LINKS_MAX, "likewise");

/* One look-up of many. */
typedef struct Finder {
        Netlink *netlink;
        KnownLinks *links;
        PathAnswer *answers;
        size_t n;
} Finder;

static int path_of_route(const RouteAnswer *answer, Path *path) {
        const Route *route = &answer->route;

        if (answer->error < 0)
                return answer->error;
        if (route->type != RTN_UNICAST || route->gateway || route->ifindex == 0 || route->prefix.length == 0)
                return -EHOSTUNREACH;
        *path = (Path) { .ifindex = route->ifindex, .neighbours = route->prefix };
        return 0;
}

static int find_routes(Finder *finder, const Address *addresses) {
        RouteAnswer routes[PATHS_AT_ONCE_MAX];
        int r = rtnl_get_routes(finder->netlink, addresses, finder->n, routes);

        for (size_t i = 0; i < finder->n && r >= 0; i++)
                finder->answers[i].error = path_of_route(&routes[i], &finder->answers[i].path);
        return r;
}

static void path_set_link(Path *path, const KnownLink *link) {
        path->bridge = link->bridge;
        memcpy(path->ifname, link->name, IF_NAMESIZE);
}

static Localnet localnet_of(const Link *link) {
        return !link->has_localnet ? LOCALNET_NONE : link->localnet ? LOCALNET_ON : LOCALNET_OFF;
}

/* All paths by that interface. */
static void take_link(Finder *finder, unsigned index, const LinkAnswer *answer) {
        KnownLink known = { .index = index, .bridge = answer->link.bridge };
        int error = answer->error;

        if (error == 0 && answer->link.index != index) /* an acknowledgement, which says nothing */
                error = -EBADMSG;
        memcpy(known.name, answer->link.name, IF_NAMESIZE);
        if (error == 0)
                known_links_add(finder->links, &known);
        for (size_t i = 0; i < finder->n; i++) {
                PathAnswer *path = &finder->answers[i];

                if (path->error < 0 || path->path.ifindex != index)
                        continue;
                path->error = error;
                path->path.localnet = localnet_of(&answer->link);
                path_set_link(&path->path, &known);
        }
}

static int ask_for_links(Finder *finder, const unsigned *indexes, size_t n) {
        LinkAnswer links[RTNL_LINKS_MAX];
        int r = n > 0 ? rtnl_get_links(finder->netlink, indexes, n, links) : 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                take_link(finder, indexes[i], &links[i]);
        return r;
}

static bool is_among(unsigned index, const unsigned *indexes, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (indexes[i] == index)
                        return true;
        return false;
}

/* What is known is taken first: asking may push it out. */
static void take_known_links(Finder *finder) {
        for (size_t i = 0; i < finder->n; i++) {
                PathAnswer *answer = &finder->answers[i];
                const KnownLink *known = NULL;

                if (answer->error >= 0)
                        known = known_links_find(finder->links, answer->path.ifindex);
                if (known)
                        path_set_link(&answer->path, known);
        }
}

static int find_links(Finder *finder) {
        unsigned indexes[RTNL_LINKS_MAX] = {};
        size_t n = 0;
        int r = 0;

        take_known_links(finder);
        for (size_t i = 0; i < finder->n && r >= 0; i++) {
                const PathAnswer *answer = &finder->answers[i];

                if (answer->error < 0 || answer->path.ifname[0] != '\0' || is_among(answer->path.ifindex, indexes, n))
                        continue;
                indexes[n++] = answer->path.ifindex;
                if (n < RTNL_LINKS_MAX)
                        continue;
                r = ask_for_links(finder, indexes, n);
                n = 0;
        }
        return r < 0 ? r : ask_for_links(finder, indexes, n);
}

int finder_find(Netlink *netlink, KnownLinks *links, const Address *addresses, size_t n, PathAnswer *answers) {
        Finder finder = { .netlink = netlink, .links = links, .answers = answers, .n = n };
        int r = find_routes(&finder, addresses);

        return r < 0 ? r : find_links(&finder);
}
