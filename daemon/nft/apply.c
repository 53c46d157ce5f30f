/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/nft/encode.h"
#include "daemon/nft/nft.h"
#include "daemon/nft/socket.h"

/* No NFNL_BATCH_GENID: it would make any commit on this host, Docker's included, fail ours, and is not needed. A table
 * that we own nobody else changes. In one that is shared, each message of ours fails where the kernel does not hold
 * what the plan began from (deleting finds nothing, adding is exclusive), and a change that does not meet ours is told
 * by the monitor. */

static int apply_rebuild(NftSocket *nft, const RulesetOptions *options, const Plan *plan, bool table_exists,
                         bool owner) {
        Batch *batch = nft_socket_begin(nft);

        if (table_exists)
                encode_delete_table(batch);
        encode_skeleton(batch, options, owner);
        encode_add_elements(batch, options, &plan->add);
        return nft_socket_commit(nft);
}

static int apply_changes(NftSocket *nft, const RulesetOptions *options, const Plan *plan) {
        Batch *batch = nft_socket_begin(nft);

        encode_remove_elements(batch, &plan->remove);
        encode_add_elements(batch, options, &plan->add);
        return nft_socket_commit(nft);
}

int nft_apply(NftSocket *nft, const RulesetOptions *options, const Plan *plan, bool rebuild, bool table_exists) {
        bool owner = !nft_socket_is_shared(nft);
        int r;

        if (!rebuild)
                return plan_is_empty(plan) ? 0 : apply_changes(nft, options, plan);
        r = apply_rebuild(nft, options, plan, table_exists, owner);
        /* Kernels before 5.12 know no owner; which of the two they say depends on their age. */
        if (owner && (r == -EOPNOTSUPP || r == -EINVAL)) {
                r = apply_rebuild(nft, options, plan, table_exists, false);
                if (r >= 0) /* it will not learn: when a table must be made again at once, ask no more */
                        nft_socket_set_shared(nft, true);
        }
        return r;
}

int nft_delete_table(NftSocket *nft) {
        int r;

        encode_delete_table(nft_socket_begin(nft));
        r = nft_socket_commit(nft);
        return r == -ENOENT ? 0 : r;
}
