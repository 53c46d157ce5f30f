/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>

/* Whether the kernel could have written that nf_tables message: each attribute is of the kind and the length that
 * linux/netfilter/nf_tables.h says, and none reaches out of the one around it. Others are not for us to read: libnftnl
 * (1.2.4) takes messages apart before we see them, and trusts its kernel (a name need not end, for one). The message
 * lies whole in memory. */
bool nft_message_is_kernels(const struct nlmsghdr *message);
