/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sockets of netfilter's netlink (NETLINK_NETFILTER), and nothing of what is in the messages. */

/* No datagram of the kernel's is longer: a dump fills at most 32 KiB, an error repeats at most one message. */
#define NFNL_BUFFER_SIZE (64u * 1024)

/* Opens one that does not block. *ret_port: the port number that the kernel gave it. Returns the descriptor, or
 * negative errno. */
int nfnl_open(uint32_t *ret_port);

/* The port number of an open one. -ENOTSOCK, -EINVAL: it is something else, or has none yet. */
int nfnl_get_port(int fd, uint32_t *ret);

/* Takes one datagram, without blocking. Returns its size, or 0 for one that is not the kernel's. -EAGAIN: there is
 * none; -ENOBUFS: the kernel had to drop some; -EMSGSIZE: it did not fit and is lost. */
ssize_t nfnl_receive(int fd, void *buffer, size_t size);

/* Throws away all that waits, an unfinished dump too. */
int nfnl_drain(int fd, void *buffer, size_t size);

/* Waits for something to receive. -ETIMEDOUT. */
int nfnl_wait(int fd, int timeout_msec);

/* Sends to the kernel, whatever the size: the send buffer is raised where it must be (that is CAP_NET_ADMIN's). */
int nfnl_send(int fd, const void *data, size_t size);
