/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

/* Requests to the kernel over netlink, each answered before the call returns. The kernel works on a request inside
 * sendmsg() and queues the reply there, so reading it does not wait; the socket's time limit is only there so that a
 * reply which never comes ends in an error and not in a hang. Formats: linux/netlink.h, man 7 netlink. */

/* A dump's parts are as large as the reader's buffer, up to 32 KiB. */
#define NETLINK_BUFFER_SIZE 32768

/* Room for any request of ours. */
#define NETLINK_REQUEST_SIZE 512

typedef struct Netlink {
        int fd; /* -1: closed */
        uint32_t sequence;
} Netlink;

#define NETLINK_CLOSED ((Netlink) { .fd = -1 })

/* One message of an answer; what it returns below 0 becomes the request's result (the rest is still read). */
typedef int (*NetlinkReader)(const struct nlmsghdr *message, void *userdata);

/* Opens a socket of that netlink protocol (NETLINK_ROUTE...). */
int netlink_open(int protocol, Netlink *ret);
/* Closes it; may be closed already. Fit for _cleanup_(). */
void netlink_close(Netlink *netlink);

/* Sends one request and hands every message of the answer to reader. With NLM_F_DUMP in its flags it is read to the
 * end; else one message or an error answers it, and without a reader the acknowledgement, which is asked for then
 * alone. NLM_F_REQUEST and the sequence number are set here.
 * Returns 0, the kernel's negative errno, what reader returned, -ETIMEDOUT, or -EINTR if the dump was interrupted by
 * a change and is not consistent. */
int netlink_request(Netlink *netlink, struct nlmsghdr *request, NetlinkReader reader, void *userdata);

/* What became of one request: 0 or negative errno. */
typedef void (*NetlinkResult)(int error, void *userdata);

/* Sends `size` bytes of requests, one behind the other, in one go (none of them a dump), and calls result() for each,
 * in order. At most NETLINK_MANY_MAX requests: more answers would not fit into the socket's queue.
 * Returns 0, or negative errno if answers are missing. */
#define NETLINK_MANY_MAX 64
int netlink_request_many(Netlink *netlink, void *requests, size_t size, NetlinkResult result, void *userdata);

/* What answers the request of that number (from 0): a message, or (NULL) a negative errno. */
typedef void (*NetlinkAnswer)(size_t number, const struct nlmsghdr *message, int error, void *userdata);

/* The same for requests that one message each answers. Those of which nothing is heard (the kernel had no memory, or
 * the queue was full) are passed over. Of large answers, ask for fewer at a time: in the queue each takes up to 5 KB of
 * its 200. Returns 0, or negative errno if the answer to the last one is missing. */
int netlink_ask_many(Netlink *netlink, void *requests, size_t size, NetlinkAnswer answer, void *userdata);

/* Receives one datagram from the kernel; others' are passed over. Returns its size, 0 if it came from elsewhere,
 * -EAGAIN, -ENOBUFS (the queue overflowed: messages are lost), -EMSGSIZE (larger than the buffer, and lost). */
ssize_t netlink_receive(int fd, void *buffer, size_t size, int flags);

/* The error that an NLMSG_ERROR or NLMSG_DONE message carries: 0 or negative errno. */
int netlink_error(const struct nlmsghdr *message);
