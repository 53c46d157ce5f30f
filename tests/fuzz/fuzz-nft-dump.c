/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "daemon/nft/attribute.h"
#include "daemon/nft/decode.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/nft-message.h"
#include "tests/fuzz/table.h"

/* Datagrams of a dump, as the kernel sent them, or could have. */

/* A rule of anybody's is looked at where there is a DOCKER-USER; and one that was written as this one is equals it. */
static void check_rule(const struct nlmsghdr *message) {
        _cleanup_rule_ struct nftnl_rule *rule = fuzz_must(nftnl_rule_alloc());

        if (nftnl_rule_nlmsg_parse(message, rule) < 0)
                return;
        CHECK(rule_has_comment(rule, DOCKER_USER_COMMENT) >= 0);
        CHECK(rule_matches(rule, rule) == 1);
}

static int take(Snapshot *snapshot, const struct nlmsghdr *message) {
        struct nlmsghdr *copy = fuzz_copy(message, message->nlmsg_len);
        int r = 0;

        if (nft_message_is_kernels(copy)) {
                r = table_take_message(snapshot, copy);
                CHECK(r == 0 || r == -EBADMSG);
                if (NFNL_MSG_TYPE(message->nlmsg_type) == NFT_MSG_NEWRULE)
                        check_rule(copy);
        }
        free(copy);
        return r;
}

static void check_names(const KernelState *state) {
        for (size_t i = 1; i < state->n_names; i++)
                CHECK(strcmp(state->names[i - 1], state->names[i]) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) data;
        Snapshot snapshot = { .options = &table_options, .port = 1 };
        KernelState state = {};
        int r = 0;

        for (; message_is_whole(message, size) && r >= 0; message = message_next(message, &size))
                r = take(&snapshot, message);
        r = snapshot_finish(&snapshot, &state);
        CHECK(r == 0 || r == -ESTALE);
        if (r == 0) {
                check_names(&state);
                table_check_sorted(&state.elements);
        }
        kernel_state_done(&state);
        snapshot_done(&snapshot);
        return 0;
}
