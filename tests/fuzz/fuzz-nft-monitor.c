/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/nft/attribute.h"
#include "daemon/nft/monitor.h"
#include "tests/fuzz/fuzz.h"

/* One datagram of notifications. */

static NftChanges take(const void *datagram, size_t size, uint32_t own_port) {
        _cleanup_free_ void *copy = fuzz_copy(datagram, size);
        NftChanges changes = {};

        monitor_take_datagram(copy, size, own_port, &changes);
        return changes;
}

static bool is_equal(const NftChanges *a, const NftChanges *b) {
        return a->table == b->table && a->docker_user[0] == b->docker_user[0] &&
               a->docker_user[1] == b->docker_user[1];
}

static void join(NftChanges *changes, const NftChanges *more) {
        changes->table |= more->table;
        changes->docker_user[0] |= more->docker_user[0];
        changes->docker_user[1] |= more->docker_user[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) data;
        uint32_t own_port = size >= sizeof(*message) ? message->nlmsg_pid : 0;
        NftChanges all = take(data, size, 0), others = take(data, size, own_port), each = {}, most = {};

        /* Each message speaks for itself, and those of the own port not at all. */
        for (size_t left = size; message_is_whole(message, left); message = message_next(message, &left)) {
                NftChanges one = take(message, message->nlmsg_len, 0);

                join(&each, &one);
                if (own_port == 0 || message->nlmsg_pid != own_port)
                        join(&most, &one);
        }
        CHECK(is_equal(&all, &each) && is_equal(&others, &most));
        return 0;
}
