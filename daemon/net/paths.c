/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/paths.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/netlink.h"
#include "daemon/net/finder.h"
#include "daemon/net/hairpin.h"
#include "daemon/net/known.h"
#include "daemon/net/rtnl.h"

/* The loop is not held for longer than these take, well under a millisecond. */
#define NOTIFICATIONS_AT_ONCE_MAX 64
#define WISHES_AT_ONCE_MAX 32

/* A full neighbour table, say, has room again after a while. */
#define RETRY_USEC UINT64_C(5000000)

/* Room for some hundred notifications in the socket: each takes about 2 KiB there. */
#define MONITOR_BUFFER_SIZE (2 * 1024 * 1024)

struct Paths {
        PathsHandlers handlers;
        void *userdata;
        Netlink requests;
        int monitor;
        sd_event_source *monitor_source;
        bool lost; /* notifications, since there were none left to be read */
        sd_event_source *wishes_source;
        sd_event_source *retry_source;
        Hairpins hairpins;
        KnownRoutes known;
        KnownLinks links;
        SwitchedLinks localnets; /* as far as this process switched route_localnet on */
};

static void paths_report_route(Paths *paths, const Prefix *prefix) {
        if (paths->handlers.route_changed)
                paths->handlers.route_changed(paths->userdata, prefix);
}

static void paths_look_at_wishes(Paths *paths) {
        (void) sd_event_source_set_enabled(paths->wishes_source, SD_EVENT_ON);
}

static void paths_retry_later(Paths *paths) {
        int enabled = SD_EVENT_OFF;

        (void) sd_event_source_get_enabled(paths->retry_source, &enabled);
        if (enabled == SD_EVENT_OFF && sd_event_source_set_time_relative(paths->retry_source, RETRY_USEC) >= 0)
                (void) sd_event_source_set_enabled(paths->retry_source, SD_EVENT_ONESHOT);
}

static void paths_fulfil(Paths *paths, HairpinWish *wish) {
        char port[IF_NAMESIZE];
        int before = wish->error, r;

        r = hairpin_fulfil(&paths->requests, wish, port);
        if (r < 0)
                paths_retry_later(paths);
        /* From here on the wish may be gone: a handler can forget it. */
        if (r > 0 && paths->handlers.hairpin_on)
                paths->handlers.hairpin_on(paths->userdata, port);
        if (r < 0 && r != before && paths->handlers.hairpin_failed)
                paths->handlers.hairpin_failed(paths->userdata, port, r);
}

static int paths_on_retry(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Paths *paths = userdata;

        if (hairpins_mark_failed(&paths->hairpins))
                paths_look_at_wishes(paths);
        return 0;
}

static int paths_on_wishes(sd_event_source *source, void *userdata) {
        Paths *paths = userdata;
        HairpinWish *wish;

        for (unsigned i = 0; i < WISHES_AT_ONCE_MAX && (wish = hairpins_marked(&paths->hairpins)); i++)
                paths_fulfil(paths, wish);
        return sd_event_source_set_enabled(source, hairpins_marked(&paths->hairpins) ? SD_EVENT_ON : SD_EVENT_OFF);
}

/* route_localnet of an interface that has another name now: by the old one nobody would find it when it shall go off. It
 * goes off at once; who looks the path up anew finds an interface like any other. */
static void paths_check_name(Paths *paths, unsigned index, const char *name) {
        if (!switched_links_is_renamed(&paths->localnets, index, name))
                return;
        if (rtnl_set_localnet(&paths->requests, name, false) >= 0) /* else it has yet another one: that is told as well */
                switched_links_remove(&paths->localnets, index);
        paths_report_route(paths, &(Prefix) {});
}

static void paths_check_names(Paths *paths) {
        for (size_t i = paths->localnets.count; i-- > 0;) {
                unsigned index = paths->localnets.items[i].index;
                char name[IF_NAMESIZE];

                if (if_indextoname(index, name)) /* waits for no lock, as a question to rtnetlink does */
                        paths_check_name(paths, index, name);
                else if (errno == ENXIO)
                        switched_links_remove(&paths->localnets, index);
        }
}

/* Messages were lost: whatever could have been in them. */
static void paths_resync(Paths *paths) {
        const Prefix all = {};

        known_links_clear(&paths->links);
        paths_check_names(paths);
        if (hairpins_mark_all(&paths->hairpins))
                paths_look_at_wishes(paths);
        paths_report_route(paths, &all);
}

static void paths_on_route(Paths *paths, const struct nlmsghdr *message) {
        Route route;

        if (route_decode(message, &route) < 0)
                return;
        if (message->nlmsg_type == RTM_DELROUTE)
                known_routes_remove(&paths->known, route.ifindex, &route.prefix);
        /* These come with each address and interface, and no container is reached by them. */
        if (route.type != RTN_BROADCAST && route.type != RTN_MULTICAST && route.type != RTN_ANYCAST)
                paths_report_route(paths, &route.prefix);
}

static void paths_on_link_down(Paths *paths, unsigned ifindex) {
        const Prefix *after = NULL;
        Prefix prefix;

        while (known_routes_take(&paths->known, ifindex, after, &prefix)) {
                paths_report_route(paths, &prefix);
                after = &prefix;
        }
}

static void paths_on_link_gone(Paths *paths, const Link *link) {
        hairpins_lose_port(&paths->hairpins, link->index);
        /* As a message of AF_BRIDGE it only left its bridge. */
        if (link->family != AF_UNSPEC)
                return;
        switched_links_remove(&paths->localnets, link->index);
        paths_on_link_down(paths, link->index);
        if (paths->handlers.link_gone)
                paths->handlers.link_gone(paths->userdata, link->name);
}

static void paths_on_link(Paths *paths, const struct nlmsghdr *message) {
        Link link;

        if (link_decode(message, &link) < 0)
                return;
        known_links_remove(&paths->links, link.index);
        if (message->nlmsg_type == RTM_DELLINK) {
                paths_on_link_gone(paths, &link);
                return;
        }
        if (link.family == AF_UNSPEC)
                paths_check_name(paths, link.index, link.name);
        if (!(link.flags & IFF_UP))
                paths_on_link_down(paths, link.index);
        /* Before it runs, nobody behind a port would hear a question. */
        else if (link.flags & IFF_RUNNING && link.master != 0 &&
                 hairpins_mark_port(&paths->hairpins, link.master, link.index))
                paths_look_at_wishes(paths);
}

static void paths_on_neighbour(Paths *paths, const struct nlmsghdr *message) {
        Neighbour entry;
        HairpinWish *wish;

        if (neighbour_decode(message, &entry) < 0 || entry.family != AF_BRIDGE || !entry.has_mac)
                return;
        wish = hairpins_find(&paths->hairpins, entry.master, entry.mac);
        if (!wish)
                return;
        wish->marked = true;
        paths_look_at_wishes(paths);
}

static void paths_on_message(Paths *paths, const struct nlmsghdr *message) {
        switch (message->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
                paths_on_route(paths, message);
                break;
        case RTM_NEWLINK:
        case RTM_DELLINK:
                paths_on_link(paths, message);
                break;
        case RTM_NEWNEIGH: /* that an entry ages is no news: the port is where it was */
                paths_on_neighbour(paths, message);
                break;
        case RTM_NEWRULE:
        case RTM_DELRULE: /* other tables may apply now, to whatever address */
                paths_report_route(paths, &(Prefix) {});
                break;
        }
}

/* A notification waits to be read, or a loss to be told. */
static bool paths_has_news(const Paths *paths) {
        struct pollfd monitor = { .fd = paths->monitor, .events = POLLIN };

        return poll(&monitor, 1, 0) != 0;
}

/* After a loss the kernel says nothing of further ones until all is read (NETLINK_S_CONGESTED in af_netlink.c): what is
 * looked at before that may change again unheard. All may be read without the next one having been asked for. */
static void paths_on_read(Paths *paths) {
        if (!paths->lost || paths_has_news(paths))
                return;
        paths->lost = false;
        paths_resync(paths);
}

static int paths_on_monitor(_unused_ sd_event_source *source, int fd, _unused_ uint32_t events, void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
        Paths *paths = userdata;

        for (unsigned i = 0; i < NOTIFICATIONS_AT_ONCE_MAX; i++) {
                const struct nlmsghdr *message = (const struct nlmsghdr *) buffer;
                ssize_t size = netlink_receive(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
                size_t left = (size_t) size;

                if (size == -EAGAIN)
                        break;
                /* Whatever the error, it is not known what it took along. */
                if (size < 0) {
                        paths->lost = true;
                        continue;
                }
                for (; message_is_whole(message, left); message = message_next(message, &left))
                        paths_on_message(paths, message);
        }
        paths_on_read(paths);
        return 0;
}

static int monitor_open(int *ret) {
        const unsigned groups[] = {
                RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE,
                RTNLGRP_IPV6_RULE,
        };
        struct sockaddr_nl address = { .nl_family = AF_NETLINK };
        const int size = MONITOR_BUFFER_SIZE;
        _cleanup_close_ int fd = -1;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (fd < 0)
                return -errno;
        /* Without the privilege the default must do: then messages are lost sooner, and that is handled. */
        (void) setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
        for (size_t i = 0; i < ELEMENTSOF(groups); i++)
                address.nl_groups |= 1u << (groups[i] - 1);
        if (bind(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        *ret = take_fd(&fd);
        return 0;
}

static int paths_start(Paths *paths, sd_event *event) {
        int r;

        r = monitor_open(&paths->monitor);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &paths->monitor_source, paths->monitor, EPOLLIN, paths_on_monitor, paths);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &paths->wishes_source, paths_on_wishes, paths);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(paths->wishes_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        r = sd_event_add_time(event, &paths->retry_source, CLOCK_MONOTONIC, 0, 0, paths_on_retry, paths);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(paths->retry_source, SD_EVENT_OFF);
}

int paths_new_reader(Paths **ret) {
        _cleanup_(paths_freep) Paths *paths = calloc(1, sizeof(*paths));
        int r;

        if (!paths)
                return -ENOMEM;
        paths->requests = NETLINK_CLOSED;
        paths->monitor = -1;
        r = netlink_open(NETLINK_ROUTE, &paths->requests);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

int paths_new(sd_event *event, const PathsHandlers *handlers, void *userdata, Paths **ret) {
        _cleanup_(paths_freep) Paths *paths = NULL;
        int r;

        r = paths_new_reader(&paths);
        if (r < 0)
                return r;
        paths->handlers = *handlers;
        paths->userdata = userdata;
        r = paths_start(paths, event);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(paths);
        return 0;
}

Paths *paths_free(Paths *paths) {
        if (!paths)
                return NULL;
        sd_event_source_disable_unref(paths->monitor_source);
        sd_event_source_disable_unref(paths->wishes_source);
        sd_event_source_disable_unref(paths->retry_source);
        netlink_close(&paths->requests);
        close_fd(paths->monitor);
        hairpins_done(&paths->hairpins);
        known_routes_done(&paths->known);
        switched_links_done(&paths->localnets);
        free(paths);
        return NULL;
}

/* What is known of interfaces is true as long as no notification waits that could say otherwise. Many are asked for
 * anew: that costs little, and says how route_localnet is, of which there are no notifications. */
static void paths_check_links(Paths *paths, size_t n) {
        if (n > 1 || paths->monitor < 0 || paths_has_news(paths))
                known_links_clear(&paths->links);
}

int paths_find_many(Paths *paths, const Address *addresses, size_t n, PathAnswer *answers) {
        KnownRoute routes[PATHS_AT_ONCE_MAX];
        size_t n_routes = 0;
        int r;

        paths_check_links(paths, n);
        r = finder_find(&paths->requests, &paths->links, addresses, n, answers);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (answers[i].error >= 0)
                        routes[n_routes++] = (KnownRoute) { answers[i].path.ifindex, answers[i].path.neighbours };
        return known_routes_add(&paths->known, routes, n_routes);
}

int paths_find(Paths *paths, const Address *address, Path *ret) {
        PathAnswer answer;
        int r = paths_find_many(paths, address, 1, &answer);

        if (r >= 0)
                r = answer.error;
        if (r >= 0)
                *ret = answer.path;
        return r;
}

int paths_get_localnet(Paths *paths, const char *ifname, bool *ret) {
        Link link;
        int r;

        r = rtnl_get_link(&paths->requests, 0, ifname, &link);
        if (r < 0)
                return r;
        /* Too small an MTU, and the interface has no IPv4 at all. */
        if (!link.has_localnet)
                return -EAFNOSUPPORT;
        *ret = link.localnet;
        return 0;
}

int paths_set_localnet(Paths *paths, const char *ifname, bool on) {
        unsigned index = if_nametoindex(ifname); /* no lock here, either */
        int r;

        if (index == 0)
                return -errno;
        r = on ? switched_links_add(&paths->localnets, index, ifname) : 0;
        if (r >= 0)
                r = rtnl_set_localnet(&paths->requests, ifname, on);
        if (r >= 0 && !on)
                switched_links_remove(&paths->localnets, index);
        return r;
}

int paths_want_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE], const Address *address) {
        static const uint8_t unknown[MAC_SIZE];
        int r;

        if (memcmp(mac, unknown, MAC_SIZE) == 0 || !paths->wishes_source)
                return 0;
        r = hairpins_add(&paths->hairpins, bridge, mac, address);
        if (r < 0)
                return r;
        paths_look_at_wishes(paths);
        return 0;
}

void paths_forget_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        hairpins_remove(&paths->hairpins, bridge, mac);
}

void paths_doubt_hairpins(Paths *paths) {
        hairpins_doubt_all(&paths->hairpins);
}

void paths_confirm_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        hairpins_confirm(&paths->hairpins, bridge, mac);
}

void paths_forget_doubted_hairpins(Paths *paths) {
        hairpins_remove_doubted(&paths->hairpins);
}

int paths_get_hairpin(Paths *paths, unsigned bridge, const uint8_t mac[static MAC_SIZE],
                      char ret_port[static IF_NAMESIZE], bool *ret) {
        unsigned port;
        Link link;
        int r;

        r = rtnl_find_port(&paths->requests, bridge, mac, &port);
        if (r >= 0)
                r = rtnl_get_link(&paths->requests, port, NULL, &link);
        if (r < 0)
                return r;
        if (link.master != bridge) /* it moved in between */
                return -ENODEV;
        memcpy(ret_port, link.name, IF_NAMESIZE);
        *ret = link.hairpin;
        return 0;
}

int paths_set_hairpin(Paths *paths, const char *port, bool on) {
        Link link;
        int r;

        r = rtnl_get_link(&paths->requests, 0, port, &link);
        if (r < 0)
                return r;
        return rtnl_set_hairpin(&paths->requests, link.index, on);
}

bool paths_is_macvlan_parent(Paths *paths, unsigned ifindex, const uint8_t mac[static MAC_SIZE]) {
        static const uint8_t unknown[MAC_SIZE];

        return memcmp(mac, unknown, MAC_SIZE) != 0 && rtnl_takes_mac(&paths->requests, ifindex, mac) > 0;
}

bool paths_link_exists(Paths *paths, const char *ifname) {
        Link link;

        /* An error of another kind does not say that it is gone. */
        return rtnl_get_link(&paths->requests, 0, ifname, &link) != -ENODEV;
}
