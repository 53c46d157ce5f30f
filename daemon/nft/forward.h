/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/nft/nft.h"

/* What the other tables of this network namespace do to forwarded packets, as far as that can be told from their rules.
 * What iptables-legacy holds is not seen here: see net/xtables.h. */

#define FORWARD_NAME_SIZE 128

/* A base chain of type filter at the hook forward, of a table that is not ours. */
typedef struct ForwardChain {
        uint8_t family; /* AF_INET, AF_INET6; AF_UNSPEC: both (inet) */
        char table[FORWARD_NAME_SIZE], name[FORWARD_NAME_SIZE]; /* as the kernel has them: not fit to be shown */
        bool drops; /* its policy, its last word, or in a chain that a map leads to */
        /* A chain that it leads to has a rule that accepts packets with our mark, or all that are translated. What stands
         * before that rule is not known. */
        bool passes;
        bool docker; /* it is that of Docker's nftables backend */
} ForwardChain;

/* *ret is an array of *ret_count, to be freed. Returns 0, -EPERM without CAP_NET_ADMIN, or another negative errno. */
int forward_chains_read(NftSocket *nft, const RulesetOptions *options, ForwardChain **ret, size_t *ret_count);
