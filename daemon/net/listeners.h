/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/protocol.h"
#include "daemon/net/netlink.h"

/* Which ports of the host its own processes listen on, by sock_diag (linux/inet_diag.h, man 7 sock_diag): TCP and SCTP
 * sockets that listen, UDP sockets without a peer. Anyone may ask, and learns the user and the inode, not the process.
 * Only this network namespace's: containers' sockets are elsewhere, docker-proxy's are here. A UDP client that has
 * sent without a peer looks like a server on its (ephemeral) port, to the kernel as well. */

typedef struct Listener {
        uint8_t family;  /* AF_INET, AF_INET6; an IPv4-mapped address is AF_INET */
        Address address; /* AF_UNSPEC: any of that family */
        bool dual;       /* any address, and of IPv4 too, though family is AF_INET6 */
        Protocol protocol;
        uint16_t port;
        uid_t uid;
        uint32_t inode;
        unsigned ifindex; /* bound to that interface, or 0 */
} Listener;

/* A snapshot, in no order. */
typedef struct Listeners {
        Listener *items;
        size_t count;
        size_t capacity;
} Listeners;

/* Asks the kernel for the protocols of a set (protocol_bit()); it answers at once, unless it must load a module first
 * to be able to: for what nobody needs it should not be asked. The socket (NETLINK_CLOSED in the beginning) is opened
 * where it is closed, and stays open for the next time, but not after an error; the caller closes it. Returns 0 or
 * negative errno (-ENOENT: the kernel has no sock_diag for TCP or UDP; SCTP may be missing). */
int listeners_read(Netlink *netlink, unsigned protocols, Listeners *ret);
void listeners_done(Listeners *listeners);

/* Adds what one answer of the kernel says, which may be several addresses (SCTP). Returns 0, -EBADMSG, -ENOMEM. */
int listeners_add(Listeners *listeners, Protocol protocol, const struct nlmsghdr *message);
