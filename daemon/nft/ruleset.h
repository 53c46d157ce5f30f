/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/nft/nft.h"
#include "daemon/nft/rule.h"

/* What the rules say: of the table's own chains, of objects' chains, and the one in DOCKER-USER. Pure.
 *
 * nft must be able to read back what it lists of them: many a host keeps the output of `nft list ruleset` as its
 * /etc/nftables.conf, and one line that nft refuses would leave that host without its firewall at the next boot.
 * So, for one, no `ct reply proto-src` in a key, which nft lists and cannot parse. */

/* The rules of a chain, in order. `chain` is a name of chain_schemas, or an object's; an unknown one has none.
 * Returns 0 or -ENOMEM. */
int ruleset_make_rules(const char *chain, const RulesetOptions *options, Rules *ret);

#define DOCKER_USER_TABLE "filter"
#define DOCKER_USER_CHAIN "DOCKER-USER"
#define DOCKER_USER_COMMENT "calico-exposed"

/* The one rule of ours in DOCKER-USER. family: NFPROTO_IPV4 or NFPROTO_IPV6. */
int ruleset_make_docker_user(uint16_t family, const RulesetOptions *options, Rules *ret);

/* Rules by which another firewall would let through what we mark, or all that is translated; for rule_does(). */
int ruleset_make_passes(const RulesetOptions *options, Rules *ret);
