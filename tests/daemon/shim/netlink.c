/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control.h"

/* What can go wrong between the daemon and the kernel: requests that are not taken, answers that are lost, cut, or say
 * no. It sends by sendto(2) and receives by recvmsg(2), and by nothing else. */

#define PUBLIC __attribute__((visibility("default")))

/* No flag of a table, and none that will soon be one. */
#define UNKNOWN_FLAG 0x80000000u

enum { SEND_MAX = 4 * 1024 * 1024 };

static int protocol_of(int fd) {
        int domain = 0, protocol = 0;
        socklen_t size = sizeof(int);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_NETLINK ||
            getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
                return -1;
        return protocol;
}

static bool is_monitor(int fd) {
        struct sockaddr_nl address = {};
        socklen_t size = sizeof(address);

        return getsockname(fd, (struct sockaddr *) &address, &size) == 0 && address.nl_groups != 0;
}

static bool is_concerned(int fd) {
        return shim_control && protocol_of(fd) == (int) shim_control->protocol &&
               is_monitor(fd) == (shim_control->monitors != 0);
}

static bool is_spoiled(uint64_t number, uint64_t first) {
        if (first == 0 || number < first || number - first >= shim_control->spoil_count)
                return false;
        shim_control->spoiled++;
        return true;
}

/* The owner flag, in each NFT_MSG_NEWTABLE of the requests. */

static void deny_owner(char *message, size_t size) {
        size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

        while (at + NLA_HDRLEN <= size) {
                struct nlattr *attribute = (struct nlattr *) (void *) (message + at);
                uint32_t flags;

                if (attribute->nla_len < NLA_HDRLEN || at + attribute->nla_len > size)
                        return;
                if ((attribute->nla_type & NLA_TYPE_MASK) == NFTA_TABLE_FLAGS) {
                        memcpy(&flags, message + at + NLA_HDRLEN, sizeof(flags));
                        if (flags & htobe32(NFT_TABLE_F_OWNER))
                                flags = htobe32(UNKNOWN_FLAG);
                        memcpy(message + at + NLA_HDRLEN, &flags, sizeof(flags));
                }
                at += NLA_ALIGN(attribute->nla_len);
        }
}

static void deny_owners(char *data, size_t size) {
        while (size >= NLMSG_HDRLEN) {
                const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) data;
                size_t step = NLMSG_ALIGN(message->nlmsg_len);

                if (message->nlmsg_len < NLMSG_HDRLEN || message->nlmsg_len > size)
                        return;
                if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
                        deny_owner(data, message->nlmsg_len);
                if (step >= size)
                        return;
                data += step;
                size -= step;
        }
}

PUBLIC ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t addr_len) {
        static char copy[SEND_MAX];

        if (is_concerned(fd) && is_spoiled(++shim_control->sends, shim_control->spoil_send)) {
                errno = (int) shim_control->error;
                return -1;
        }
        if (shim_control && shim_control->deny_owner && n <= sizeof(copy) && protocol_of(fd) == NETLINK_NETFILTER) {
                memcpy(copy, buf, n);
                deny_owners(copy, n);
                buf = copy;
        }
        return syscall(SYS_sendto, fd, buf, n, flags, addr, addr_len);
}

/* One error in place of all that was answered. */
static ssize_t put_error(void *buffer, size_t room) {
        struct {
                struct nlmsghdr header;
                struct nlmsgerr error;
        } answer = {};
        struct nlmsghdr request;

        if (room < sizeof(answer))
                return -1;
        memcpy(&request, buffer, sizeof(request));
        answer.header = (struct nlmsghdr) {
                .nlmsg_len = sizeof(answer),
                .nlmsg_type = NLMSG_ERROR,
                .nlmsg_seq = request.nlmsg_seq,
                .nlmsg_pid = request.nlmsg_pid,
        };
        answer.error = (struct nlmsgerr) { .error = -(int) shim_control->error, .msg = request };
        memcpy(buffer, &answer, sizeof(answer));
        return sizeof(answer);
}

/* What became of an answer of `size` bytes. */
static ssize_t spoil(struct msghdr *message, ssize_t size) {
        switch ((Reply) shim_control->reply) {
        case REPLY_LOST:
                errno = shim_control->error ? (int) shim_control->error : EAGAIN;
                return -1;
        case REPLY_TRUNCATED:
                return size / 2;
        case REPLY_ERROR:
                return put_error(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
        case REPLY_FAILED:
                break;
        }
        return size;
}

static bool has_something(int fd) {
        char byte;

        return syscall(SYS_recvfrom, fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) > 0;
}

PUBLIC ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        ssize_t size;

        if (!is_concerned(fd) || !has_something(fd) ||
            !is_spoiled(++shim_control->receives, shim_control->spoil_receive))
                return syscall(SYS_recvmsg, fd, message, flags);
        if (shim_control->reply == REPLY_FAILED) {
                errno = (int) shim_control->error;
                return -1;
        }
        size = syscall(SYS_recvmsg, fd, message, flags);
        return size < 0 ? size : spoil(message, size);
}
