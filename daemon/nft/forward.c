/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/forward.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"
#include "daemon/nft/schema.h"
#include "daemon/nft/socket.h"

/* Docker 29, "firewall-backend": "nftables" (moby, libnetwork's nftabler): one chain a bridge, found by a map, drops what
 * is not published. */
#define DOCKER_TABLE "docker-bridges"

typedef struct ForwardChains {
        ForwardChain *items;
        size_t count;
        size_t capacity;
} ForwardChains;

static bool family_is_ip(uint32_t family) {
        return family == NFPROTO_IPV4 || family == NFPROTO_IPV6 || family == NFPROTO_INET;
}

static bool chain_is_wanted(const struct nftnl_chain *chain) {
        const char *type;

        if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) || !nftnl_chain_is_set(chain, NFTNL_CHAIN_TYPE))
                return false;
        type = nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE);
        return strcmp(type, "filter") == 0 && nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD &&
               family_is_ip(nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY)) &&
               strcmp(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), CALICO_EXPOSED_TABLE) != 0;
}

static int take_chain(const struct nlmsghdr *message, void *userdata) {
        _cleanup_chain_ struct nftnl_chain *chain = nftnl_chain_alloc();
        ForwardChains *chains = userdata;
        ForwardChain *item;
        uint32_t family;
        int r;

        if (!chain)
                return -ENOMEM;
        if (nftnl_chain_nlmsg_parse(message, chain) < 0 || !chain_is_wanted(chain))
                return 0;
        r = array_reserve(&chains->items, &chains->capacity, chains->count + 1, sizeof(*chains->items));
        if (r < 0)
                return r;
        item = &chains->items[chains->count++];
        family = nftnl_chain_get_u32(chain, NFTNL_CHAIN_FAMILY);
        *item = (ForwardChain) {
                .family = family == NFPROTO_IPV4 ? AF_INET : family == NFPROTO_IPV6 ? AF_INET6 : AF_UNSPEC,
                .drops = nftnl_chain_is_set(chain, NFTNL_CHAIN_POLICY) &&
                         nftnl_chain_get_u32(chain, NFTNL_CHAIN_POLICY) == NF_DROP,
        };
        snprintf(item->table, sizeof(item->table), "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE));
        snprintf(item->name, sizeof(item->name), "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
        item->docker = strcmp(item->table, DOCKER_TABLE) == 0;
        item->drops |= item->docker;
        return 0;
}

/* A jump from one chain to another, or what a chain does. */
typedef struct Step {
        char from[FORWARD_NAME_SIZE];
        char to[FORWARD_NAME_SIZE]; /* "" for none */
        bool anywhere;              /* a map leads on: to any chain, as far as we know */
        bool passes;
        bool drops;                 /* whatever the packet */
        bool reached;
} Step;

typedef struct Steps {
        Step *items;
        size_t count;
        size_t capacity;
        const Rules *passes;
} Steps;

static int rule_passes(const Rules *passes, const struct nftnl_rule *rule) {
        int r = 0;

        for (size_t i = 0; i < passes->count && r == 0; i++)
                r = rule_does(passes->items[i], rule);
        return r;
}

static int steps_add(Steps *steps, const struct nftnl_rule *rule) {
        RuleSummary summary;
        Step step = {};
        int r, passes;

        passes = rule_passes(steps->passes, rule);
        r = passes < 0 ? passes : rule_summarise(rule, &summary);
        if (r < 0)
                return r;
        step.passes = passes > 0 || (summary.unconditional && summary.accepts);
        step.drops = summary.unconditional && summary.drops;
        step.anywhere = summary.map;
        if (!step.passes && !step.drops && !step.anywhere && !summary.chain)
                return 0;
        snprintf(step.from, sizeof(step.from), "%s", nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
        snprintf(step.to, sizeof(step.to), "%s", summary.chain ?: "");
        r = array_reserve(&steps->items, &steps->capacity, steps->count + 1, sizeof(step));
        if (r >= 0)
                steps->items[steps->count++] = step;
        return r;
}

static int take_rule(const struct nlmsghdr *message, void *userdata) {
        _cleanup_rule_ struct nftnl_rule *rule = nftnl_rule_alloc();
        Steps *steps = userdata;

        if (!rule)
                return -ENOMEM;
        /* One that libnftnl does not know says nothing to us. */
        return nftnl_rule_nlmsg_parse(message, rule) < 0 ? 0 : steps_add(steps, rule);
}

static bool chain_is_reached(const Steps *steps, const ForwardChain *base, const char *name) {
        if (strcmp(base->name, name) == 0)
                return true;
        for (size_t i = 0; i < steps->count; i++)
                if (steps->items[i].reached && (steps->items[i].anywhere || strcmp(steps->items[i].to, name) == 0))
                        return true;
        return false;
}

/* Until no further one is reached. */
static void steps_follow(Steps *steps, const ForwardChain *base) {
        bool moved;

        do {
                moved = false;
                for (size_t i = 0; i < steps->count; i++)
                        if (!steps->items[i].reached && chain_is_reached(steps, base, steps->items[i].from))
                                steps->items[i].reached = moved = true;
        } while (moved);
}

static void judge_chain(const Steps *steps, ForwardChain *chain) {
        for (size_t i = 0; i < steps->count; i++) {
                const Step *step = &steps->items[i];

                chain->passes |= step->reached && step->passes;
                chain->drops |= step->drops && strcmp(step->from, chain->name) == 0;
        }
}

static uint16_t kernel_family(const ForwardChain *chain) {
        return chain->family == AF_INET ? NFPROTO_IPV4 : chain->family == AF_INET6 ? NFPROTO_IPV6 : NFPROTO_INET;
}

static int look_into_chain(NftSocket *nft, const Rules *passes, ForwardChain *chain) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request =
                nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, kernel_family(chain), NLM_F_DUMP, 0);
        Steps steps = { .passes = passes };
        int r;

        mnl_attr_put_strz(request, NFTA_RULE_TABLE, chain->table);
        r = nft_socket_request(nft, request, take_rule, &steps);
        if (r >= 0) {
                steps_follow(&steps, chain);
                judge_chain(&steps, chain);
        }
        free(steps.items);
        return r == -ENOENT ? 0 : r; /* it went meanwhile */
}

int forward_chains_read(NftSocket *nft, const RulesetOptions *options, ForwardChain **ret, size_t *ret_count) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, NLM_F_DUMP, 0);
        ForwardChains chains = {};
        Rules passes = {};
        int r;

        r = ruleset_make_passes(options, &passes);
        if (r >= 0)
                r = nft_socket_request(nft, request, take_chain, &chains);
        for (size_t i = 0; i < chains.count && r >= 0; i++)
                r = look_into_chain(nft, &passes, &chains.items[i]);
        rules_done(&passes);
        if (r < 0) {
                free(chains.items);
                return r;
        }
        *ret = chains.items;
        *ret_count = chains.count;
        return 0;
}
