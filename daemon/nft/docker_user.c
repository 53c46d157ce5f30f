/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libnftnl/common.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include "common/array.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"
#include "daemon/nft/socket.h"

/* Somebody may change the chain between our look and our change of it: then the kernel misses what we delete. */
enum { ATTEMPTS = 5 };

/* What is in the chain, as far as it is ours. */
typedef struct ChainView {
        const struct nftnl_rule *wanted;
        size_t n_others;
        bool at_top;       /* the first rule of the chain is the wanted one, and so the first of ours */
        uint64_t *handles; /* of ours, in the chain's order */
        size_t n_handles;
        size_t capacity;
} ChainView;

static void put_names(struct nlmsghdr *request, uint16_t table_attribute, uint16_t chain_attribute) {
        mnl_attr_put_strz(request, table_attribute, DOCKER_USER_TABLE);
        mnl_attr_put_strz(request, chain_attribute, DOCKER_USER_CHAIN);
}

/* Positive: it is ours, for it says so: for this mark or an earlier one, or restored by iptables from what it had
 * saved. A rule that does the same and says nothing is somebody else's, and so is one that libnftnl does not know. */
static int parse_ours(const struct nlmsghdr *message, struct nftnl_rule *rule) {
        errno = 0;
        if (nftnl_rule_nlmsg_parse(message, rule) < 0)
                return errno == ENOMEM ? -ENOMEM : 0;
        return rule_has_comment(rule, DOCKER_USER_COMMENT);
}

static int view_add_ours(ChainView *view, const struct nftnl_rule *rule) {
        int r;

        if (view->n_others == 0 && view->n_handles == 0) {
                r = rule_matches(view->wanted, rule);
                if (r < 0)
                        return r;
                view->at_top = r > 0;
        }
        r = array_reserve(&view->handles, &view->capacity, view->n_handles + 1, sizeof(*view->handles));
        if (r >= 0)
                view->handles[view->n_handles++] = nftnl_rule_get_u64(rule, NFTNL_RULE_HANDLE);
        return r;
}

static int view_take_rule(const struct nlmsghdr *message, void *userdata) {
        _cleanup_rule_ struct nftnl_rule *rule = nftnl_rule_alloc();
        ChainView *view = userdata;
        int r = rule ? parse_ours(message, rule) : -ENOMEM;

        if (r == 0)
                view->n_others++;
        return r > 0 ? view_add_ours(view, rule) : r;
}

/* -ENOENT: there is no such chain. */
static int view_read(ChainView *view, NftSocket *nft, uint16_t family) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, family, 0, 0);
        int r;

        put_names(request, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
        r = nft_socket_request(nft, request, NULL, NULL);
        if (r < 0)
                return r;
        /* Asked separately, for the list of rules of a chain that is not there is just empty. */
        request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETRULE, family, NLM_F_DUMP, 0);
        put_names(request, NFTA_RULE_TABLE, NFTA_RULE_CHAIN);
        return nft_socket_request(nft, request, view_take_rule, view);
}

static void put_delete(Batch *batch, uint16_t family, uint64_t handle) {
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_DELRULE, family, 0);

        if (!message)
                return;
        put_names(message, NFTA_RULE_TABLE, NFTA_RULE_CHAIN);
        mnl_attr_put_u64(message, NFTA_RULE_HANDLE, htobe64(handle));
        batch_put(batch, message);
}

/* Without NLM_F_APPEND, and without a position: at the top. */
static void put_insert(Batch *batch, uint16_t family, struct nftnl_rule *rule) {
        struct nlmsghdr *message = batch_message(batch, NFT_MSG_NEWRULE, family, NLM_F_CREATE);

        if (!message)
                return;
        nftnl_rule_nlmsg_build_payload(message, rule);
        batch_put(batch, message);
}

/* Deletes ours but for the first `keep`, and puts one at the top if `insert` is not NULL. */
static int commit(NftSocket *nft, uint16_t family, const ChainView *view, size_t keep, struct nftnl_rule *insert) {
        Batch *batch = nft_socket_begin(nft);

        for (size_t i = keep; i < view->n_handles; i++)
                put_delete(batch, family, view->handles[i]);
        if (insert)
                put_insert(batch, family, insert);
        return nft_socket_commit(nft);
}

typedef enum Work {
        WORK_CHECK,
        WORK_ENSURE,
        WORK_REMOVE,
} Work;

static int view_work(const ChainView *view, NftSocket *nft, uint16_t family, Work work, struct nftnl_rule *wanted,
                     DockerUserState *ret) {
        bool right = view->at_top && view->n_handles == 1;
        int r = 0;

        if (work == WORK_ENSURE && !right)
                r = commit(nft, family, view, view->at_top, view->at_top ? NULL : wanted);
        else if (work == WORK_REMOVE && view->n_handles > 0)
                r = commit(nft, family, view, 0, NULL);
        if (r >= 0)
                *ret = right ? DOCKER_USER_IN_PLACE : DOCKER_USER_PUT;
        return r;
}

/* -ENOENT: the chain changed between looking and writing. */
static int work_once(NftSocket *nft, uint16_t family, Work work, struct nftnl_rule *wanted, DockerUserState *ret) {
        ChainView view = { .wanted = wanted };
        int r = view_read(&view, nft, family);

        if (r == -ENOENT) {
                *ret = DOCKER_USER_ABSENT;
                r = 0;
        } else if (r >= 0)
                r = view_work(&view, nft, family, work, wanted, ret);
        free(view.handles);
        return r;
}

static int work_on_chain(NftSocket *nft, int family, const RulesetOptions *options, Work work, DockerUserState *ret) {
        Rules wanted = {};
        int r = ruleset_make_docker_user((uint16_t) family, options, &wanted);

        if (r < 0)
                return r;
        r = -ENOENT;
        for (int i = 0; i < ATTEMPTS && r == -ENOENT; i++)
                r = work_once(nft, (uint16_t) family, work, wanted.items[0], ret);
        rules_done(&wanted);
        return r;
}

int docker_user_ensure(NftSocket *nft, int family, const RulesetOptions *options, DockerUserState *ret) {
        return work_on_chain(nft, family, options, WORK_ENSURE, ret);
}

int docker_user_check(NftSocket *nft, int family, const RulesetOptions *options, DockerUserState *ret) {
        return work_on_chain(nft, family, options, WORK_CHECK, ret);
}

int docker_user_remove(NftSocket *nft, int family, const RulesetOptions *options) {
        DockerUserState state;

        return work_on_chain(nft, family, options, WORK_REMOVE, &state);
}
