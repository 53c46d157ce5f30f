/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/net/flow.h"

/* The messages of connection tracking (NETLINK_NETFILTER, subsystem CTNETLINK): from buffers to values and back, no
 * socket. Format: linux/netfilter/nfnetlink_conntrack.h. By hand, for libnetfilter_conntrack (1.0.9) calls exit() on a
 * message that it does not like ("ctnetlink kernel ABI is broken"), which no daemon can have. */

/* Room for a request to delete one entry. */
#define CTNETLINK_DELETE_SIZE_MAX 512

/* A request for all entries of that address family, into a buffer of NETLINK_REQUEST_SIZE. */
struct nlmsghdr *ctnetlink_put_dump(void *buffer, uint8_t family, uint32_t sequence);

/* 1 and the flow; 0 for an entry of another protocol than ours; -EBADMSG. */
int ctnetlink_decode(const struct nlmsghdr *message, Flow *ret);

/* A request to delete the very entry that the message is about: its original tuple, zone and id are taken over as
 * they are. Returns its size (aligned), or -EBADMSG if the message has no tuple or no id: a request without a tuple
 * would delete everything. */
int ctnetlink_put_delete(void *buffer, size_t size, const struct nlmsghdr *message);
