/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/nfnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/macros.h"

static int get_option(int fd, int option, int *ret) {
        socklen_t size = sizeof(*ret);

        return getsockopt(fd, SOL_SOCKET, option, ret, &size) < 0 ? -errno : 0;
}

int nfnl_get_port(int fd, uint32_t *ret) {
        struct sockaddr_nl address = {};
        socklen_t size = sizeof(address);
        int domain = 0, protocol = 0;
        int r;

        if ((r = get_option(fd, SO_DOMAIN, &domain)) < 0 || (r = get_option(fd, SO_PROTOCOL, &protocol)) < 0)
                return r;
        if (domain != AF_NETLINK || protocol != NETLINK_NETFILTER)
                return -EINVAL;
        if (getsockname(fd, (struct sockaddr *) &address, &size) < 0)
                return -errno;
        if (address.nl_pid == 0)
                return -EINVAL;
        *ret = address.nl_pid;
        return 0;
}

int nfnl_open(uint32_t *ret_port) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
        int r;

        if (fd < 0 || bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = nfnl_get_port(fd, ret_port);
        return r < 0 ? r : take_fd(&fd);
}

ssize_t nfnl_receive(int fd, void *buffer, size_t size) {
        struct sockaddr_nl sender = {};
        struct iovec part = { buffer, size };
        struct msghdr header = {
                .msg_name = &sender,
                .msg_namelen = sizeof(sender),
                .msg_iov = &part,
                .msg_iovlen = 1,
        };
        ssize_t received;

        do
                received = recvmsg(fd, &header, MSG_DONTWAIT);
        while (received < 0 && errno == EINTR);
        if (received < 0)
                return -errno;
        if (header.msg_flags & MSG_TRUNC)
                return -EMSGSIZE;
        return sender.nl_pid == 0 ? received : 0;
}

int nfnl_drain(int fd, void *buffer, size_t size) {
        ssize_t received;

        do
                received = nfnl_receive(fd, buffer, size);
        while (received >= 0 || received == -ENOBUFS || received == -EMSGSIZE);
        return received == -EAGAIN ? 0 : (int) received;
}

int nfnl_wait(int fd, int timeout_msec) {
        struct pollfd wanted = { .fd = fd, .events = POLLIN };
        int r;

        do
                r = poll(&wanted, 1, timeout_msec);
        while (r < 0 && errno == EINTR);
        return r < 0 ? -errno : r == 0 ? -ETIMEDOUT : 0;
}

/* The kernel wants a little more than the data itself (netlink_sendmsg()). A refusal to raise the limit shows when the
 * data is sent. */
static void reserve_send_buffer(int fd, size_t size) {
        enum { SLACK = 4096 }; /* also what fits into any buffer */
        int have = 0, want;

        if (size < SLACK || size > INT32_MAX / 2 - SLACK || get_option(fd, SO_SNDBUF, &have) < 0)
                return;
        want = (int) size + SLACK;
        if (have < want && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof(want)) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &want, sizeof(want));
}

int nfnl_send(int fd, const void *data, size_t size) {
        struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        ssize_t sent;

        reserve_send_buffer(fd, size);
        do
                sent = sendto(fd, data, size, 0, (const struct sockaddr *) &kernel, sizeof(kernel));
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : 0;
}
