/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/flows_read.h"

#include <errno.h>
#include <linux/rtnetlink.h>

#include "daemon/net/ctnetlink.h"
#include "daemon/net/netlink.h"
#include "daemon/net/rtnl.h"

typedef struct FlowReading {
        FlowHandler handler;
        void *userdata;
} FlowReading;

static int on_entry(const struct nlmsghdr *message, void *userdata) {
        FlowReading *reading = userdata;
        Flow flow;
        int r = ctnetlink_decode(message, &flow);

        return r > 0 ? reading->handler(&flow, reading->userdata) : r;
}

int flows_read(FlowHandler handler, void *userdata) {
        _cleanup_(netlink_close) Netlink netlink = NETLINK_CLOSED;
        FlowReading reading = { .handler = handler, .userdata = userdata };
        const uint8_t families[] = { AF_INET, AF_INET6 };
        int r;

        r = netlink_open(NETLINK_NETFILTER, &netlink);
        for (size_t i = 0; i < ELEMENTSOF(families) && r >= 0; i++) {
                _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
                struct nlmsghdr *request = ctnetlink_put_dump(buffer, families[i], 0);

                r = netlink_request(&netlink, request, on_entry, &reading);
                if (r == -EINTR) /* the table was resized: all that stays in it was said */
                        r = 0;
        }
        return r;
}

int flows_address_is_local(const Address *address) {
        _cleanup_(netlink_close) Netlink netlink = NETLINK_CLOSED;
        int r;

        r = netlink_open(NETLINK_ROUTE, &netlink);
        return r < 0 ? r : rtnl_address_is_local(&netlink, address);
}
