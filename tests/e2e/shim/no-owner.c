/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * To be preloaded: makes the kernel refuse tables with an owner, as one before 5.12 does. In messages that make a
 * table, the flag becomes one that no kernel knows, so the answer is the kernel's own.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define OWNER htonl(0x2)
#define UNKNOWN htonl(0x40000000)

static void spoil_flags(char *attributes, size_t size)
{
        while (size >= NLA_HDRLEN) {
                struct nlattr *attribute = (struct nlattr *)(void *)attributes;
                unsigned *flags = (unsigned *)(void *)(attributes + NLA_HDRLEN);
                size_t step = NLA_ALIGN((size_t)attribute->nla_len);

                if (attribute->nla_len < NLA_HDRLEN || step > size)
                        return;
                if (attribute->nla_type == NFTA_TABLE_FLAGS && *flags & OWNER)
                        *flags = UNKNOWN;
                size -= step;
                attributes += step;
        }
}

static void spoil(void *data, size_t size)
{
        const size_t head = NLMSG_SPACE(sizeof(struct nfgenmsg));

        for (struct nlmsghdr *message = data; NLMSG_OK(message, size); message = NLMSG_NEXT(message, size))
                if (message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE) && message->nlmsg_len > head)
                        spoil_flags((char *)message + head, message->nlmsg_len - head);
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *address, socklen_t length)
{
        ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

        *(void **)&next = dlsym(RTLD_NEXT, "sendto");
        if (address && address->sa_family == AF_NETLINK)
                spoil((void *)data, size); /* the caller's own buffer */
        return next(fd, data, size, flags, address, length);
}
