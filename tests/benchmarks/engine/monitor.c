/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/benchmarks/engine/monitor.h"

#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/net/attribute.h"
#include "daemon/nft/attribute.h"
#include "tests/benchmarks/engine/clock.h"

enum { RECEIVE_BUFFER_SIZE = 64 * 1024 * 1024 };

void monitor_listen(int fd, bool on) {
        int option = on ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;

        if (setsockopt(fd, SOL_NETLINK, option, &(int) { NFNLGRP_NFTABLES }, sizeof(int)) < 0)
                err(1, "netlink");
}

int monitor_open(void) {
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);

        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int) { RECEIVE_BUFFER_SIZE }, sizeof(int)) < 0)
                err(1, "netlink");
        monitor_listen(fd, true);
        return fd;
}

static size_t count_elements(const struct nlmsghdr *message) {
        const struct nlattr *set = attribute_find(message, NFTA_SET_ELEM_LIST_SET, MNL_TYPE_NUL_STRING), *element;
        const struct nlattr *list = attribute_find(message, NFTA_SET_ELEM_LIST_ELEMENTS, MNL_TYPE_NESTED);
        size_t n = 0;

        if (!set || !list || strcmp(mnl_attr_get_str(set), "dnat4") != 0)
                return 0;
        ATTRIBUTES_FOR_EACH_NESTED(element, list)
                n++;
        return n;
}

static void take(const struct nlmsghdr *message, int64_t now, Heard *heard) {
        const struct nlattr *name;
        size_t n;

        switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
        case NFT_MSG_NEWSETELEM:
                n = count_elements(message);
                heard->added += n;
                heard->last = n > 0 ? now : heard->last;
                break;
        case NFT_MSG_DELSETELEM:
                n = count_elements(message);
                heard->deleted += n;
                heard->last = n > 0 ? now : heard->last;
                break;
        case NFT_MSG_NEWGEN:
                name = attribute_find(message, NFTA_GEN_PROC_NAME, MNL_TYPE_NUL_STRING);
                heard->commits += name && strcmp(mnl_attr_get_str(name), "calico-exposed") == 0;
                heard->committed = heard->added + heard->deleted;
                break;
        }
}

void monitor_read(int fd, Heard *heard) {
        static char buffer[256 * 1024] __attribute__((aligned(NLMSG_ALIGNTO)));
        ssize_t received;

        while ((received = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
                const struct nlmsghdr *message = (const void *) buffer;
                size_t left = (size_t) received;
                int64_t now = now_ns();

                for (; message_is_whole(message, left); message = message_next(message, &left))
                        take(message, now, heard);
        }
        if (received < 0 && errno != EAGAIN)
                err(1, "netlink");
}
