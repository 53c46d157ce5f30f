/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/container.h"

/* How the host reaches a container, by rtnetlink: the interface, who are its neighbours there, and the two switches
 * that let 127.0.0.1 and the container itself use an exposure. */

/* route_localnet of an interface */
typedef enum Localnet {
        LOCALNET_UNASKED,
        LOCALNET_NONE, /* it has no IPv4 */
        LOCALNET_OFF,
        LOCALNET_ON,
} Localnet;

typedef struct Path {
        unsigned ifindex;
        char ifname[IF_NAMESIZE];
        Prefix neighbours; /* the on-link network that the route is for; full length where it is a host route */
        bool bridge;       /* the interface is a bridge: the container hangs on one of its ports */
        Localnet localnet; /* just now; unasked where the interface was known from an earlier question */
} Path;

typedef struct Paths Paths;

/* Called from the loop, never from within a call of the functions below; they may call those, but paths_free(). Any
 * may be NULL. */
typedef struct PathsHandlers {
        /* A route to (part of) that prefix came, changed or went: paths found before may no longer hold. Length 0 of
         * AF_UNSPEC: events were lost (interfaces may have gone, too), or routing rules changed: look at all
         * again. */
        void (*route_changed)(void *userdata, const Prefix *prefix);
        /* Hairpin mode was switched on by us on that bridge port. */
        void (*hairpin_on)(void *userdata, const char *port);
        /* Hairpin mode could not be switched on; port is "" if it was not even found. Tried again after some
         * seconds, and when something changes there; told once for each kind of error. */
        void (*hairpin_failed)(void *userdata, const char *port, int error);
        /* An interface went. */
        void (*link_gone)(void *userdata, const char *name);
} PathsHandlers;

int paths_new(sd_event *event, const PathsHandlers *handlers, void *userdata, Paths **ret);
/* One that only answers questions: it hears of nothing, and no wish is fulfilled. */
int paths_new_reader(Paths **ret);
Paths *paths_free(Paths *paths);
DEFINE_CLEANUP(Paths, paths_free)

/* Asks the kernel for the route to a container's address (RTM_GETROUTE with RTM_F_FIB_MATCH, answered at once).
 * Where nobody reaches a container of this host:
 * -ENETUNREACH: there is no route.
 * -EHOSTUNREACH: a route through a gateway or several interfaces, the default route, a route of type unreachable, or
 * the host's own address.
 * -EACCES, -EINVAL: a route of type prohibit or blackhole (IPv4; IPv6 gives -EHOSTUNREACH).
 * -ENODEV: the interface went in between. */
int paths_find(Paths *paths, const Address *address, Path *ret);

/* The same for many addresses, at most PATHS_AT_ONCE_MAX, in few questions. Returns 0 when each has its answer, or
 * negative errno: the kernel could not be asked. */
#define PATHS_AT_ONCE_MAX 64
typedef struct PathAnswer {
        int error; /* 0, or as above */
        Path path;
} PathAnswer;
int paths_find_many(Paths *paths, const Address *addresses, size_t n, PathAnswer *answers);

/* route_localnet of an interface (IFLA_INET_CONF by RTM_SETLINK and RTM_GETLINK: works where /proc/sys is read-only).
 * -ENODEV: it is gone. -EAFNOSUPPORT: it has no IPv4. Where it was switched on by us and the interface gets another name,
 * it is switched off, and handlers->route_changed says that all is to be looked at again. */
int paths_get_localnet(Paths *paths, const char *ifname, bool *ret);
int paths_set_localnet(Paths *paths, const char *ifname, bool on);

/* Asks for hairpin mode on the port of `bridge` behind which `mac` is, so that the container reaches itself by the
 * host's address. The port is found in the bridge's forwarding table; where the container has not spoken yet, the
 * kernel is asked to resolve `address` (a neighbour probe, no packet of ours) and the port is switched when the entry
 * appears. handlers->hairpin_on follows, unless the port is in hairpin mode already. The wish stays until it is
 * forgotten: a port that the MAC moves to is switched as well, and one that somebody switched off is switched on
 * again. Asking twice renews the address of that family. An all-zero MAC (unknown) is no wish. Returns 0 or -ENOMEM. */
int paths_want_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE], const Address *address);
/* Forgets the wish; the port is left as it is (it goes with its container). */
void paths_forget_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE]);
/* Forgets all but those that are confirmed between the two. */
void paths_doubt_hairpins(Paths *paths);
void paths_confirm_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE]);
void paths_forget_doubted_hairpins(Paths *paths);
/* Whether the port of `bridge` behind which `mac` is, is in hairpin mode, and the port's name. -ENOENT: the bridge does
 * not know where that MAC is. -ENODEV: the bridge or the port is gone. */
int paths_get_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE],
                      char ret_port[static IF_NAMESIZE], bool *ret);
/* Switches a port's hairpin mode. -ENODEV: it is gone. */
int paths_set_hairpin(Paths *paths, const char *port, bool on);
/* True if an interface of type macvlan with that MAC lies on that one: the two never hear each other. An all-zero MAC
 * (unknown) has none; nor has what could not be asked. */
bool paths_is_macvlan_parent(Paths *paths, unsigned ifindex, const uint8_t mac[static MAC_SIZE]);
/* True if that interface exists. */
bool paths_link_exists(Paths *paths, const char *ifname);
