/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into the daemon, turns the owner flag of a new nftables table into one that no kernel knows. So the kernel
 * refuses as one before 5.12 does, and the daemon falls back to a table that everybody may change.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 2
#endif

enum { UNKNOWN_FLAG = 0x80, NEWTABLE = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE };

static void change_table(char *message, size_t size)
{
	size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

	while (at + NLA_HDRLEN <= size) {
		struct nlattr *attribute = (struct nlattr *)(message + at);
		uint32_t *flags = (uint32_t *)(message + at + NLA_HDRLEN);

		if (attribute->nla_len < NLA_HDRLEN)
			return;
		if (attribute->nla_type == NFTA_TABLE_FLAGS && *flags & htonl(NFT_TABLE_F_OWNER))
			*flags = htonl(UNKNOWN_FLAG);
		at += NLA_ALIGN(attribute->nla_len);
	}
}

static void change_batch(char *batch, size_t size)
{
	for (size_t at = 0; at + NLMSG_HDRLEN <= size;) {
		struct nlmsghdr *header = (struct nlmsghdr *)(batch + at);

		if (header->nlmsg_len < NLMSG_HDRLEN || header->nlmsg_len > size - at)
			return;
		if (header->nlmsg_type == NEWTABLE)
			change_table(batch + at, header->nlmsg_len);
		at += NLMSG_ALIGN(header->nlmsg_len);
	}
}

ssize_t sendto(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr, socklen_t addr_len)
{
	ssize_t (*next)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "sendto");
	char *copy;
	ssize_t sent;

	if (!addr || addr->sa_family != AF_NETLINK || !(copy = malloc(n)))
		return next(fd, buf, n, flags, addr, addr_len);
	memcpy(copy, buf, n);
	change_batch(copy, n);
	sent = next(fd, copy, n, flags, addr, addr_len);
	free(copy);
	return sent;
}
