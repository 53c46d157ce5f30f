/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/address.h"
#include "daemon/model/container.h"
#include "daemon/net/message.h"
#include "daemon/net/netlink.h"

/* Single requests to rtnetlink, over a socket of NETLINK_ROUTE; each is answered at once. No state. */

/* The route that the kernel takes to that address, as it stands in the table (not the host route cut out of it).
 * The kernel answers unreachable destinations with an error: -ENETUNREACH (no route), -EHOSTUNREACH, -EACCES,
 * -EINVAL (routes of type unreachable, prohibit, blackhole); IPv6 may give such a route with its type instead. */
int rtnl_get_route(Netlink *netlink, const Address *address, Route *ret);

/* The same for many addresses in one go, at most NETLINK_MANY_MAX. Returns 0, or negative errno: then there may be no
 * answer to any. */
typedef struct RouteAnswer {
        int error; /* 0, or as above */
        Route route;
} RouteAnswer;
int rtnl_get_routes(Netlink *netlink, const Address *addresses, size_t n, RouteAnswer *answers);

/* What the ruleset asks by `fib daddr type local`: 1, 0, or negative errno if there is no telling. */
int rtnl_address_is_local(Netlink *netlink, const Address *address);

/* By index, or by name if index is 0. -ENODEV: there is none. */
int rtnl_get_link(Netlink *netlink, unsigned index, const char *name, Link *ret);

/* The same for many, by index; at most RTNL_LINKS_MAX. */
#define RTNL_LINKS_MAX 16
typedef struct LinkAnswer {
        int error;
        Link link;
} LinkAnswer;
int rtnl_get_links(Netlink *netlink, const unsigned *indexes, size_t n, LinkAnswer *answers);

/* -ENODEV: there is no interface of that name. */
int rtnl_set_localnet(Netlink *netlink, const char *name, bool on);
/* -ENODEV: the interface is gone, or no port of a bridge any more. */
int rtnl_set_hairpin(Netlink *netlink, unsigned port, bool on);

/* The port of the bridge behind which that MAC was seen. -ENOENT: it was not. -ENODEV: the bridge is gone. */
int rtnl_find_port(Netlink *netlink, unsigned bridge, const uint8_t mac[static MAC_SIZE], unsigned *ret);
/* The same by reading the whole table. */
int rtnl_search_port(Netlink *netlink, unsigned bridge, const uint8_t mac[static MAC_SIZE], unsigned *ret);

/* 1 if the interface takes frames for that MAC, which is not its own, as the parent of a macvlan does for it, in
 * whatever namespace that is; 0 if not, or negative errno. */
int rtnl_takes_mac(Netlink *netlink, unsigned ifindex, const uint8_t mac[static MAC_SIZE]);

/* Makes the kernel ask who has that address on the interface (ARP, neighbour discovery), although it may know: so
 * that the answer passes the bridge, which learns the port. An entry that an administrator made permanent is left
 * alone, and nobody is asked. */
int rtnl_probe_neighbour(Netlink *netlink, unsigned ifindex, const Address *address,
                         const uint8_t mac[static MAC_SIZE]);
