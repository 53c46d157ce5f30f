/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "daemon/net/message.h"
#include "daemon/net/paths.h"
#include "tests/fuzz/fake-kernel.h"

/* rtnetlink: what is said of routes, interfaces and neighbours, and who listens to it. */

static void check_prefix(const Prefix *prefix) {
        Address masked = address_masked(&prefix->address, prefix->length);

        CHECK(prefix->length <= address_size(prefix->address.family) * 8);
        CHECK(address_compare(&masked, &prefix->address) == 0);
}

static void try_message(const struct nlmsghdr *message) {
        Neighbour neighbour;
        Route route;
        Link link;
        int r;

        r = route_decode(message, &route);
        CHECK(r == 0 || r == -EBADMSG);
        if (r == 0)
                check_prefix(&route.prefix);
        r = link_decode(message, &link);
        CHECK(r == 0 || r == -EBADMSG);
        CHECK(r < 0 || memchr(link.name, '\0', sizeof(link.name)));
        r = neighbour_decode(message, &neighbour);
        CHECK(r == 0 || r == -EBADMSG);
}

static void on_route_changed(_unused_ void *userdata, const Prefix *prefix) {
        check_prefix(prefix);
}

static void on_hairpin_on(_unused_ void *userdata, const char *port) {
        CHECK(strlen(port) < IF_NAMESIZE);
}

static void on_hairpin_failed(_unused_ void *userdata, const char *port, int error) {
        CHECK(strlen(port) < IF_NAMESIZE && error < 0);
}

static void on_link_gone(_unused_ void *userdata, const char *name) {
        CHECK(strlen(name) < IF_NAMESIZE);
}

/* The requests that the daemon makes, each answered by what comes next. */
static void ask(Paths *paths, const Address *address) {
        bool localnet;
        Path path;

        if (paths_find(paths, address, &path) == 0) {
                check_prefix(&path.neighbours);
                CHECK(path.neighbours.address.family != AF_UNSPEC && path.neighbours.length > 0);
                CHECK(strlen(path.ifname) < IF_NAMESIZE);
                (void) paths_get_localnet(paths, path.ifname, &localnet);
                (void) paths_set_hairpin(paths, path.ifname, true);
        }
        (void) paths_link_exists(paths, "eth0");
}

static void hear(sd_event *event) {
        enum { TURNS_MAX = 16 };

        for (unsigned i = 0; i < TURNS_MAX && !fake_kernel_is_done(); i++)
                CHECK(sd_event_run(event, 0) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const PathsHandlers handlers = { on_route_changed, on_hairpin_on, on_hairpin_failed, on_link_gone };
        const Address address = { AF_INET, { 172, 30, 0, 2 } };
        FuzzInput input = { data, size };
        unsigned bridge = fuzz_take_byte(&input);
        _cleanup_(paths_freep) Paths *paths = NULL;
        uint8_t mac[MAC_SIZE];
        sd_event *event;

        fuzz_take(&input, mac, sizeof(mac));
        fake_kernel_for_each(input, try_message);
        fake_kernel_begin(input, NULL);
        CHECK(sd_event_new(&event) >= 0);
        CHECK(paths_new(event, &handlers, NULL, &paths) == 0);
        CHECK(paths_want_hairpin(paths, bridge, mac, &address) == 0);
        ask(paths, &address);
        hear(event);
        paths = paths_free(paths);
        sd_event_unref(event);
        return 0;
}
