/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What iptables-legacy holds: rules of an older kind, which the kernel applies beside nftables', and which nft does not
 * list. Reading them makes nothing: a table that was never used is not asked for. */

/* The chain FORWARD of its table filter. */
typedef struct XtablesForward {
        bool drops;  /* its policy, or its last word whatever the packet, is to drop or reject */
        bool passes; /* some rule of the table accepts packets with that mark; what stands before it is not known */
} XtablesForward;

/* family: AF_INET or AF_INET6. Returns 1, 0 if there is no such table in this network namespace, -EPERM or -EACCES
 * without CAP_NET_ADMIN, or another negative errno. */
int xtables_read_forward(int family, uint32_t mark, uint32_t mask, XtablesForward *ret);

/* Of a table's entries, as IPT_SO_GET_ENTRIES gives them; the chain's first entry and its policy's stand at these
 * offsets. -EBADMSG: that is no such table. Pure. */
int xtables_judge(int family, const void *entries, size_t size, size_t first, size_t policy, uint32_t mark,
                  uint32_t mask, XtablesForward *ret);
