/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>

#include "common/address.h"
#include "daemon/model/container.h"

/* From rtnetlink's messages (answers and notifications alike) to values; no socket here. Formats: linux/rtnetlink.h,
 * linux/if_link.h, linux/neighbour.h, man 7 rtnetlink. Each returns 0, or -EBADMSG for a message that is too short or
 * of another type. What a message does not say is left zero. */

/* RTM_NEWROUTE, RTM_DELROUTE */
typedef struct Route {
        Prefix prefix;
        uint8_t type;     /* RTN_UNICAST... */
        unsigned ifindex; /* 0: none, or several */
        bool gateway;     /* the next hop is another machine */
} Route;
int route_decode(const struct nlmsghdr *message, Route *ret);

/* RTM_NEWLINK, RTM_DELLINK */
typedef struct Link {
        uint8_t family; /* AF_UNSPEC; AF_BRIDGE: the message is of the interface as a port (RTM_DELLINK: it left) */
        unsigned index;
        char name[IF_NAMESIZE];
        unsigned flags;  /* IFF_UP... */
        unsigned master; /* interface that it is a port of, or 0 */
        bool bridge;
        bool vlan_filtering; /* of a bridge: its forwarding table is kept by VLAN */
        bool bridge_port;
        bool hairpin;      /* of a bridge port */
        bool has_localnet; /* the message says whether route_localnet is on */
        bool localnet;
} Link;
int link_decode(const struct nlmsghdr *message, Link *ret);

/* RTM_NEWNEIGH, RTM_DELNEIGH: an entry of the neighbour table, or (AF_BRIDGE) of a bridge's forwarding table. */
typedef struct Neighbour {
        uint8_t family;
        unsigned ifindex; /* AF_BRIDGE: the port */
        unsigned master;  /* AF_BRIDGE: the bridge */
        uint16_t state;   /* NUD_REACHABLE... */
        bool has_mac;
        uint8_t mac[MAC_SIZE];
} Neighbour;
int neighbour_decode(const struct nlmsghdr *message, Neighbour *ret);
