/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/monitor.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/nft/attribute.h"
#include "daemon/nft/nfnl.h"
#include "daemon/nft/ruleset.h"
#include "daemon/nft/schema.h"
#include "daemon/nft/socket.h"

enum {
        /* A commit of 10,000 elements, our own too, comes as some 3 MiB of datagrams at once. */
        RECEIVE_BUFFER_SIZE = 8 * 1024 * 1024,
        /* One call takes no more: what is left makes the descriptor readable again. */
        DATAGRAMS_MAX = 4096,
};

const NftChanges nft_changes_all = { .table = true, .docker_user = { true, true } };

struct NftMonitor {
        int fd;
        bool lost; /* notifications, since there were none left to be read */
        char buffer[NFNL_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

static int set_membership(int fd, int option) {
        return setsockopt(fd, SOL_NETLINK, option, &(int) { NFNLGRP_NFTABLES }, sizeof(int)) < 0 ? -errno : 0;
}

static int subscribe(int fd) {
        int size = RECEIVE_BUFFER_SIZE;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
                (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        return set_membership(fd, NETLINK_ADD_MEMBERSHIP);
}

int nft_monitor_new(NftMonitor **ret) {
        _cleanup_(nft_monitor_freep) NftMonitor *monitor = calloc(1, sizeof(*monitor));
        uint32_t port;
        int r;

        if (!monitor)
                return -ENOMEM;
        monitor->fd = nfnl_open(&port);
        if (monitor->fd < 0)
                return monitor->fd;
        r = subscribe(monitor->fd);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(monitor);
        return 0;
}

NftMonitor *nft_monitor_free(NftMonitor *monitor) {
        if (!monitor)
                return NULL;
        (void) close_fd(monitor->fd);
        free(monitor);
        return NULL;
}

int nft_monitor_fd(const NftMonitor *monitor) {
        return monitor->fd;
}

/* In each kind of message the table's name is attribute 1. */
#define TABLE_ATTRIBUTE 1

static const char *find_string(const struct nlmsghdr *message, uint16_t type) {
        const struct nlattr *attribute = attribute_find(message, type, MNL_TYPE_NUL_STRING);

        return attribute ? mnl_attr_get_str(attribute) : NULL;
}

/* The chain that a message about a chain, or a rule, is about; NULL for other messages. */
static const char *find_chain(const struct nlmsghdr *message) {
        switch (NFNL_MSG_TYPE(message->nlmsg_type)) {
        case NFT_MSG_NEWCHAIN:
        case NFT_MSG_DELCHAIN:
                return find_string(message, NFTA_CHAIN_NAME);
        case NFT_MSG_NEWRULE:
        case NFT_MSG_DELRULE:
                return find_string(message, NFTA_RULE_CHAIN);
        default:
                return NULL;
        }
}

static bool is_docker_user(const struct nlmsghdr *message, const char *table) {
        const char *chain = strcmp(table, DOCKER_USER_TABLE) == 0 ? find_chain(message) : NULL;

        return chain && strcmp(chain, DOCKER_USER_CHAIN) == 0;
}

static void take_message(const struct nlmsghdr *message, NftChanges *changes) {
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);
        const char *table;

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header) ||
            NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
            NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWGEN)
                return;
        table = find_string(message, TABLE_ATTRIBUTE);
        if (!table)
                return;
        if (header->nfgen_family == NFPROTO_INET)
                changes->table |= strcmp(table, CALICO_EXPOSED_TABLE) == 0;
        else if (header->nfgen_family == NFPROTO_IPV4)
                changes->docker_user[0] |= is_docker_user(message, table);
        else if (header->nfgen_family == NFPROTO_IPV6)
                changes->docker_user[1] |= is_docker_user(message, table);
}

void monitor_take_datagram(const void *datagram, size_t size, uint32_t own_port, NftChanges *changes) {
        const struct nlmsghdr *message = datagram;

        /* The kernel writes into each message the port of the socket that it was asked through. */
        for (; message_is_whole(message, size); message = message_next(message, &size))
                if (own_port == 0 || message->nlmsg_pid != own_port)
                        take_message(message, changes);
}

/* After a loss the kernel says nothing of further ones until all is read (NETLINK_S_CONGESTED in af_netlink.c): what is
 * read before that may change again unheard. All may be read without the next one having been asked for. */
static void monitor_tell_lost(NftMonitor *monitor, NftChanges *changes) {
        if (!monitor->lost || nfnl_wait(monitor->fd, 0) == 0)
                return;
        *changes = nft_changes_all;
        monitor->lost = false;
}

int nft_monitor_read(NftMonitor *monitor, const NftSocket *own, NftChanges *ret) {
        uint32_t own_port = own ? nft_socket_port(own) : 0;
        NftChanges changes = {};

        for (int i = 0; i < DATAGRAMS_MAX; i++) {
                ssize_t size = nfnl_receive(monitor->fd, monitor->buffer, sizeof(monitor->buffer));

                if (size == -EAGAIN)
                        break;
                if (size == -ENOBUFS || size == -EMSGSIZE)
                        monitor->lost = true;
                else if (size < 0)
                        return (int) size;
                else
                        monitor_take_datagram(monitor->buffer, (size_t) size, own_port, &changes);
        }
        monitor_tell_lost(monitor, &changes);
        *ret = changes;
        return 0;
}

/* What others committed before the generation is read waits in the queue. */
int nft_monitor_pause(NftMonitor *monitor, NftSocket *own, uint32_t *ret_generation) {
        uint32_t generation;
        int r;

        r = nft_socket_get_generation(own, &generation);
        if (r >= 0)
                r = set_membership(monitor->fd, NETLINK_DROP_MEMBERSHIP);
        if (r >= 0)
                *ret_generation = generation;
        return r;
}

int nft_monitor_resume(NftMonitor *monitor, NftSocket *own, uint32_t generation, bool committed, NftChanges *ret) {
        uint32_t now;
        int r;

        r = set_membership(monitor->fd, NETLINK_ADD_MEMBERSHIP);
        if (r < 0)
                return r;
        if (committed) /* 0 is left out by the kernel */
                generation = generation == UINT32_MAX ? 1 : generation + 1;
        if (nft_socket_get_generation(own, &now) < 0 || now != generation)
                *ret = nft_changes_all;
        else
                *ret = (NftChanges) {};
        return 0;
}

_Static_assert(NFTA_TABLE_NAME == TABLE_ATTRIBUTE && NFTA_CHAIN_TABLE == TABLE_ATTRIBUTE &&
                       NFTA_RULE_TABLE == TABLE_ATTRIBUTE && NFTA_SET_TABLE == TABLE_ATTRIBUTE &&
                       NFTA_SET_ELEM_LIST_TABLE == TABLE_ATTRIBUTE && NFTA_OBJ_TABLE == TABLE_ATTRIBUTE &&
                       NFTA_FLOWTABLE_TABLE == TABLE_ATTRIBUTE,
               "where the table's name is");
