/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/net/listeners.h"
#include "tests/fuzz/fake-kernel.h"

/* What sock_diag answers, and who is found in it. */

static void check_listener(const Listeners *listeners, const Listener *listener) {
        CHECK(listener->family == AF_INET || listener->family == AF_INET6);
        CHECK(!address_is_set(&listener->address) || listener->address.family == listener->family);
        CHECK(!listener->dual || (listener->family == AF_INET6 && !address_is_set(&listener->address)));
        CHECK(protocol_to_string(listener->protocol) && listener->port != 0);
        CHECK(listener == listeners->items || listener[-1].protocol < listener->protocol ||
              (listener[-1].protocol == listener->protocol && listener[-1].port <= listener->port));
}

static bool is_in_the_way(const Listener *listener, uint8_t family, const Address *host) {
        if (listener->family != family)
                return listener->dual && family == AF_INET;
        return !address_is_set(&listener->address) || !address_is_set(host) ||
               address_compare(&listener->address, host) == 0;
}

/* The same question, answered by looking at each. */
static const Listener *find_plainly(const Listeners *listeners, uint8_t family, const Address *host,
                                    Protocol protocol, PortRange ports) {
        for (size_t i = 0; i < listeners->count; i++) {
                const Listener *listener = &listeners->items[i];

                if (listener->protocol == protocol && listener->port >= ports.first &&
                    listener->port <= ports.last && is_in_the_way(listener, family, host))
                        return listener;
        }
        return NULL;
}

static void check_find(const Listeners *listeners, const Listener *about) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        const Address any = {};

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                PortRange ports = { (uint16_t) (about->port & ~7u), about->port };

                CHECK(listeners_find(listeners, families[i], &any, about->protocol, ports) ==
                      find_plainly(listeners, families[i], &any, about->protocol, ports));
                CHECK(listeners_find(listeners, families[i], &about->address, about->protocol, ports) ==
                      find_plainly(listeners, families[i], &about->address, about->protocol, ports));
        }
}

/* Nothing outside of a message is read. */
static void try_message(const struct nlmsghdr *message) {
        _cleanup_(listeners_done) Listeners listeners = {};
        int r = listeners_add(&listeners, PROTOCOL_SCTP, message);

        CHECK(r == 0 || (r == -EBADMSG && listeners.count == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        Listeners listeners = {};

        fake_kernel_for_each(input, try_message);
        fake_kernel_begin(input, NULL);
        if (listeners_read(&listeners) == 0)
                for (size_t i = 0; i < listeners.count; i++) {
                        check_listener(&listeners, &listeners.items[i]);
                        check_find(&listeners, &listeners.items[i]);
                }
        listeners_done(&listeners);
        return 0;
}
