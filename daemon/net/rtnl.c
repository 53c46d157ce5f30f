/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define DUMP_TRIES_MAX 3

typedef union Request {
        struct nlmsghdr header;
        char room[NETLINK_REQUEST_SIZE];
} Request;

static void *request_begin(Request *request, uint16_t type, uint16_t flags, size_t header) {
        memset(request, 0, sizeof(*request)); /* padding goes to the kernel too */
        mnl_nlmsg_put_header(request->room);
        request->header.nlmsg_type = type;
        request->header.nlmsg_flags = flags;
        return mnl_nlmsg_put_extra_header(&request->header, header);
}

static void request_put_address(Request *request, uint16_t type, const Address *address) {
        mnl_attr_put(&request->header, type, address_size(address->family), address->bytes);
}

/* Requests that are sent together: those that ask for a route, or for an interface by index. */
enum { REQUEST_SMALL_SIZE = 64 };
_Static_assert(NLMSG_SPACE(sizeof(struct rtmsg)) + RTA_SPACE(sizeof(((Address *) NULL)->bytes)) <= REQUEST_SMALL_SIZE &&
                       NLMSG_SPACE(sizeof(struct ifinfomsg)) + RTA_SPACE(sizeof(uint32_t)) <= REQUEST_SMALL_SIZE,
               "room for each");

typedef struct Requests {
        _Alignas(struct nlmsghdr) char buffer[(size_t) NETLINK_MANY_MAX * REQUEST_SMALL_SIZE];
        size_t size;
} Requests;

static void requests_add(Requests *requests, const Request *request) {
        memcpy(requests->buffer + requests->size, request, NLMSG_ALIGN(request->header.nlmsg_len));
        requests->size += NLMSG_ALIGN(request->header.nlmsg_len);
}

static void request_route(Request *request, const Address *address) {
        struct rtmsg *header = request_begin(request, RTM_GETROUTE, 0, sizeof(*header));

        header->rtm_family = address->family;
        header->rtm_dst_len = (uint8_t) (address_size(address->family) * 8);
        header->rtm_flags = RTM_F_FIB_MATCH;
        request_put_address(request, RTA_DST, address);
}

static void route_answer(size_t number, const struct nlmsghdr *message, int error, void *userdata) {
        RouteAnswer *answer = &((RouteAnswer *) userdata)[number];

        answer->error = message ? route_decode(message, &answer->route) : error;
        if (answer->error == 0 && answer->route.type == RTN_UNSPEC) /* an acknowledgement says nothing, too */
                answer->error = -EBADMSG;
}

int rtnl_get_routes(Netlink *netlink, const Address *addresses, size_t n, RouteAnswer *answers) {
        Requests requests = {};

        for (size_t i = 0; i < n; i++) {
                Request request;

                answers[i] = (RouteAnswer) { .error = -EBADMSG }; /* if nothing is heard */
                request_route(&request, &addresses[i]);
                requests_add(&requests, &request);
        }
        return netlink_ask_many(netlink, requests.buffer, requests.size, route_answer, answers);
}

int rtnl_get_route(Netlink *netlink, const Address *address, Route *ret) {
        RouteAnswer answer;
        int r = rtnl_get_routes(netlink, address, 1, &answer);

        if (r >= 0)
                r = answer.error;
        if (r >= 0)
                *ret = answer.route;
        return r;
}

int rtnl_address_is_local(Netlink *netlink, const Address *address) {
        Route route;
        int r = rtnl_get_route(netlink, address, &route);

        if (r >= 0)
                return route.type == RTN_LOCAL;
        /* These come from routes; others say that we could not tell. */
        return r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EACCES || r == -EINVAL ? 0 : r;
}

static int link_read(const struct nlmsghdr *message, void *userdata) {
        return link_decode(message, userdata);
}

/* Longer names are no interface's, and the kernel would say ERANGE. */
static bool name_is_possible(const char *name) {
        return name && strlen(name) < IF_NAMESIZE;
}

/* By name if index is 0. */
static void request_link(Request *request, unsigned index, const char *name) {
        struct ifinfomsg *header = request_begin(request, RTM_GETLINK, 0, sizeof(*header));

        header->ifi_index = (int) index;
        if (index == 0)
                mnl_attr_put_strz(&request->header, IFLA_IFNAME, name);
        mnl_attr_put_u32(&request->header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
}

static void link_answer(size_t number, const struct nlmsghdr *message, int error, void *userdata) {
        LinkAnswer *answer = &((LinkAnswer *) userdata)[number];

        answer->error = message ? link_decode(message, &answer->link) : error;
}

int rtnl_get_links(Netlink *netlink, const unsigned *indexes, size_t n, LinkAnswer *answers) {
        Requests requests = {};

        for (size_t i = 0; i < n; i++) {
                Request request;

                answers[i] = (LinkAnswer) { .error = -EBADMSG };
                request_link(&request, indexes[i], NULL);
                requests_add(&requests, &request);
        }
        return netlink_ask_many(netlink, requests.buffer, requests.size, link_answer, answers);
}

int rtnl_get_link(Netlink *netlink, unsigned index, const char *name, Link *ret) {
        Request request;
        Link link = {};
        int r;

        if (index == 0 && !name_is_possible(name))
                return -ENODEV;
        request_link(&request, index, name);
        r = netlink_request(netlink, &request.header, link_read, &link);
        if (r < 0)
                return r;
        if (link.index == 0) /* an acknowledgement, which says nothing */
                return -EBADMSG;
        *ret = link;
        return 0;
}

/* Where no index is given, the kernel takes the name for whose it is, and not for a new one. */
int rtnl_set_localnet(Netlink *netlink, const char *name, bool on) {
        Request request;
        struct nlattr *families, *inet, *switches;

        if (!name_is_possible(name))
                return -ENODEV;
        request_begin(&request, RTM_SETLINK, 0, sizeof(struct ifinfomsg));
        mnl_attr_put_strz(&request.header, IFLA_IFNAME, name);
        families = mnl_attr_nest_start(&request.header, IFLA_AF_SPEC);
        inet = mnl_attr_nest_start(&request.header, AF_INET);
        switches = mnl_attr_nest_start(&request.header, IFLA_INET_CONF);
        mnl_attr_put_u32(&request.header, IPV4_DEVCONF_ROUTE_LOCALNET, on);
        mnl_attr_nest_end(&request.header, switches);
        mnl_attr_nest_end(&request.header, inet);
        mnl_attr_nest_end(&request.header, families);
        return netlink_request(netlink, &request.header, NULL, NULL);
}

int rtnl_set_hairpin(Netlink *netlink, unsigned port, bool on) {
        Request request;
        struct ifinfomsg *header = request_begin(&request, RTM_SETLINK, 0, sizeof(*header));
        struct nlattr *nest;
        int r;

        header->ifi_family = AF_BRIDGE;
        header->ifi_index = (int) port;
        nest = mnl_attr_nest_start(&request.header, IFLA_PROTINFO);
        mnl_attr_put_u8(&request.header, IFLA_BRPORT_MODE, on);
        mnl_attr_nest_end(&request.header, nest);
        r = netlink_request(netlink, &request.header, NULL, NULL);
        /* EOPNOTSUPP: its master, if any, is no bridge. */
        return r == -EOPNOTSUPP ? -ENODEV : r;
}

typedef struct PortSearch {
        unsigned bridge;
        const uint8_t *mac;
        unsigned port; /* 0: not found */
} PortSearch;

static int port_read(const struct nlmsghdr *message, void *userdata) {
        PortSearch *search = userdata;
        Neighbour entry;
        int r = neighbour_decode(message, &entry);

        if (r < 0)
                return r;
        /* NUD_PERMANENT are the ports' own addresses: nobody is behind those. */
        if (entry.family == AF_BRIDGE && entry.has_mac && memcmp(entry.mac, search->mac, MAC_SIZE) == 0 &&
            (entry.master == 0 || entry.master == search->bridge) && entry.ifindex != search->bridge &&
            !(entry.state & NUD_PERMANENT))
                search->port = entry.ifindex;
        return 0;
}

static int port_look_up(Netlink *netlink, PortSearch *search) {
        Request request;
        struct ndmsg *header = request_begin(&request, RTM_GETNEIGH, 0, sizeof(*header));

        header->ndm_family = AF_BRIDGE;
        mnl_attr_put_u32(&request.header, NDA_MASTER, search->bridge);
        mnl_attr_put(&request.header, NDA_LLADDR, MAC_SIZE, search->mac);
        return netlink_request(netlink, &request.header, port_read, search);
}

static int port_found(const PortSearch *search, int error, unsigned *ret) {
        if (error < 0)
                return error;
        if (search->port == 0)
                return -ENOENT;
        *ret = search->port;
        return 0;
}

/* All entries of a bridge; of 0, of all interfaces, with their lists of further addresses: bridge(8), fdb show. */
static int forwarding_dump(Netlink *netlink, unsigned bridge, NetlinkReader reader, void *userdata) {
        Request request;
        struct ndmsg *header = request_begin(&request, RTM_GETNEIGH, NLM_F_DUMP, sizeof(*header));

        header->ndm_family = AF_BRIDGE;
        if (bridge > 0)
                mnl_attr_put_u32(&request.header, NDA_MASTER, bridge);
        return netlink_request(netlink, &request.header, reader, userdata);
}

int rtnl_search_port(Netlink *netlink, unsigned bridge, const uint8_t mac[static MAC_SIZE], unsigned *ret) {
        PortSearch search = { .bridge = bridge, .mac = mac };
        int r = -EINTR;

        for (unsigned i = 0; r == -EINTR && search.port == 0 && i < DUMP_TRIES_MAX; i++)
                r = forwarding_dump(netlink, bridge, port_read, &search);
        return port_found(&search, r == -EINTR ? 0 : r, ret);
}

int rtnl_find_port(Netlink *netlink, unsigned bridge, const uint8_t mac[static MAC_SIZE], unsigned *ret) {
        PortSearch search = { .bridge = bridge, .mac = mac };
        Link link;
        int r;

        /* One look into the bridge's hash, whatever its size. It knows entries without VLAN only: where a bridge
         * filters by VLAN, all must be read. EINVAL: no such bridge; the link's error says so. */
        r = port_look_up(netlink, &search);
        if (r != -ENOENT && r != -EINVAL)
                return port_found(&search, r, ret);
        r = rtnl_get_link(netlink, bridge, NULL, &link);
        if (r < 0)
                return r;
        return link.vlan_filtering ? rtnl_search_port(netlink, bridge, mac, ret) : -ENOENT;
}

typedef struct MacSearch {
        unsigned ifindex;
        const uint8_t *mac;
        bool found;
} MacSearch;

static int mac_read(const struct nlmsghdr *message, void *userdata) {
        MacSearch *search = userdata;
        Neighbour entry;
        int r = neighbour_decode(message, &entry);

        if (r < 0)
                return r;
        search->found |= entry.family == AF_BRIDGE && entry.ifindex == search->ifindex && entry.has_mac &&
                         memcmp(entry.mac, search->mac, MAC_SIZE) == 0 && (entry.state & NUD_PERMANENT);
        return 0;
}

int rtnl_takes_mac(Netlink *netlink, unsigned ifindex, const uint8_t mac[static MAC_SIZE]) {
        MacSearch search = { .ifindex = ifindex, .mac = mac };
        int r = -EINTR;

        for (unsigned i = 0; r == -EINTR && !search.found && i < DUMP_TRIES_MAX; i++)
                r = forwarding_dump(netlink, 0, mac_read, &search);
        return search.found ? 1 : r == -EINTR ? 0 : r;
}

static int neighbour_read(const struct nlmsghdr *message, void *userdata) {
        return neighbour_decode(message, userdata);
}

static int neighbour_get(Netlink *netlink, unsigned ifindex, const Address *address, Neighbour *ret) {
        Request request;
        struct ndmsg *header = request_begin(&request, RTM_GETNEIGH, 0, sizeof(*header));

        header->ndm_family = address->family;
        header->ndm_ifindex = (int) ifindex;
        request_put_address(&request, NDA_DST, address);
        return netlink_request(netlink, &request.header, neighbour_read, ret);
}

static int neighbour_change(Netlink *netlink, uint16_t type, uint16_t flags, const struct ndmsg *entry,
                            const Address *address) {
        Request request;
        struct ndmsg *header = request_begin(&request, type, flags, sizeof(*header));

        *header = *entry;
        header->ndm_family = address->family;
        request_put_address(&request, NDA_DST, address);
        return netlink_request(netlink, &request.header, NULL, NULL);
}

int rtnl_probe_neighbour(Netlink *netlink, unsigned ifindex, const Address *address,
                         const uint8_t mac[static MAC_SIZE]) {
        const struct ndmsg again = { .ndm_ifindex = (int) ifindex, .ndm_state = NUD_PROBE };
        const struct ndmsg use = { .ndm_ifindex = (int) ifindex, .ndm_flags = NTF_USE };
        const struct ndmsg entry = { .ndm_ifindex = (int) ifindex };
        Neighbour known = {};
        int r;

        r = neighbour_get(netlink, ifindex, address, &known);
        if (r < 0 && r != -ENOENT)
                return r;
        if (known.state & (NUD_PERMANENT | NUD_NOARP))
                return 0;
        if (known.state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY)) {
                /* The kernel sees no need to ask. To the right address it can be told to ask again, and goes on
                 * sending meanwhile. One that a former container had would be asked in vain: the entry goes. */
                if (known.has_mac && memcmp(known.mac, mac, MAC_SIZE) == 0)
                        return neighbour_change(netlink, RTM_NEWNEIGH, NLM_F_REPLACE, &again, address);
                r = neighbour_change(netlink, RTM_DELNEIGH, 0, &entry, address);
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return neighbour_change(netlink, RTM_NEWNEIGH, NLM_F_CREATE, &use, address);
}
