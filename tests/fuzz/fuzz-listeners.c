/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/net/listeners.h"
#include "tests/fuzz/fake-kernel.h"

/* What sock_diag answers. */

static void check_listener(const Listener *listener) {
        CHECK(listener->family == AF_INET || listener->family == AF_INET6);
        CHECK(!address_is_set(&listener->address) || listener->address.family == listener->family);
        CHECK(!listener->dual || (listener->family == AF_INET6 && !address_is_set(&listener->address)));
        CHECK(protocol_to_string(listener->protocol) && listener->port != 0);
}

/* Nothing outside of a message is read. */
static void try_message(const struct nlmsghdr *message) {
        _cleanup_(listeners_done) Listeners listeners = {};
        int r = listeners_add(&listeners, PROTOCOL_SCTP, message);

        CHECK(r == 0 || (r == -EBADMSG && listeners.count == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(netlink_close) Netlink netlink = NETLINK_CLOSED;
        FuzzInput input = { data, size };
        Listeners listeners = {};

        fake_kernel_for_each(input, try_message);
        fake_kernel_begin(input, NULL);
        if (listeners_read(&netlink, PROTOCOLS_ALL, &listeners) == 0)
                for (size_t i = 0; i < listeners.count; i++)
                        check_listener(&listeners.items[i]);
        listeners_done(&listeners);
        return 0;
}
