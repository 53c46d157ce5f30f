/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/message.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ip.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "daemon/net/attribute.h"

/* The kernel's binary interface, as our numbers have it. */
_Static_assert(sizeof(struct ifinfomsg) == 16, "linux/rtnetlink.h");
_Static_assert(sizeof(struct rtmsg) == 12, "linux/rtnetlink.h");
_Static_assert(sizeof(struct ndmsg) == 12, "linux/neighbour.h");
_Static_assert(IPV4_DEVCONF_ROUTE_LOCALNET == 26, "linux/ip.h");
_Static_assert(IFLA_AF_SPEC == 26 && IFLA_INET_CONF == 1, "linux/if_link.h");
_Static_assert(IFLA_PROTINFO == 12 && IFLA_BRPORT_MODE == 4, "linux/if_link.h");

static bool message_is(const struct nlmsghdr *message, uint16_t one, uint16_t other, size_t header) {
        return (message->nlmsg_type == one || message->nlmsg_type == other) &&
               mnl_nlmsg_get_payload_len(message) >= header;
}

int route_decode(const struct nlmsghdr *message, Route *ret) {
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Route route = {};

        if (!message_is(message, RTM_NEWROUTE, RTM_DELROUTE, sizeof(*header)))
                return -EBADMSG;
        /* Others have routes too (bridge multicast, MPLS). */
        if (address_size(header->rtm_family) == 0 || header->rtm_dst_len > address_size(header->rtm_family) * 8)
                return -EBADMSG;
        route.type = header->rtm_type;
        route.prefix.address.family = header->rtm_family;
        route.prefix.length = header->rtm_dst_len;

        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(*header)) {
                switch (mnl_attr_get_type(attribute)) {
                case RTA_DST:
                        if (mnl_attr_get_payload_len(attribute) < address_size(header->rtm_family))
                                return -EBADMSG;
                        route.prefix.address =
                                address_from_bytes(header->rtm_family, mnl_attr_get_payload(attribute));
                        break;
                case RTA_OIF:
                        route.ifindex = attribute_u32(attribute);
                        break;
                case RTA_GATEWAY:
                case RTA_VIA:
                        route.gateway = true;
                        break;
                }
        }
        route.prefix.address = address_masked(&route.prefix.address, route.prefix.length);
        *ret = route;
        return 0;
}

static void link_decode_port(const struct nlattr *nest, Link *link) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest)
                if (mnl_attr_get_type(attribute) == IFLA_BRPORT_MODE)
                        link->hairpin = attribute_bool(attribute);
}

static void link_decode_bridge(const struct nlattr *nest, Link *link) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest)
                if (mnl_attr_get_type(attribute) == IFLA_BR_VLAN_FILTERING)
                        link->vlan_filtering = attribute_bool(attribute);
}

/* The kinds stand before the data. */
static void link_decode_info(const struct nlattr *nest, Link *link) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                switch (mnl_attr_get_type(attribute)) {
                case IFLA_INFO_KIND:
                        link->bridge = attribute_is_text(attribute, "bridge");
                        break;
                case IFLA_INFO_DATA:
                        if (link->bridge)
                                link_decode_bridge(attribute, link);
                        break;
                case IFLA_INFO_SLAVE_KIND:
                        link->bridge_port = attribute_is_text(attribute, "bridge");
                        break;
                case IFLA_INFO_SLAVE_DATA:
                        if (link->bridge_port)
                                link_decode_port(attribute, link);
                        break;
                }
        }
}

/* AF_INET's part is an array of all switches, the first of which is number 1. */
static void link_decode_inet(const struct nlattr *nest, Link *link) {
        const size_t offset = (IPV4_DEVCONF_ROUTE_LOCALNET - 1) * sizeof(int32_t);
        const struct nlattr *attribute;
        int32_t value;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                if (mnl_attr_get_type(attribute) != IFLA_INET_CONF ||
                    mnl_attr_get_payload_len(attribute) < offset + sizeof(value))
                        continue;
                memcpy(&value, (const char *) mnl_attr_get_payload(attribute) + offset, sizeof(value));
                link->has_localnet = true;
                link->localnet = value != 0;
        }
}

static void link_decode_families(const struct nlattr *nest, Link *link) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest)
                if (mnl_attr_get_type(attribute) == AF_INET)
                        link_decode_inet(attribute, link);
}

static void link_decode_attribute(const struct nlattr *attribute, Link *link) {
        size_t size = mnl_attr_get_payload_len(attribute);

        switch (mnl_attr_get_type(attribute)) {
        case IFLA_IFNAME:
                memcpy(link->name, mnl_attr_get_payload(attribute), MIN(size, sizeof(link->name) - 1));
                break;
        case IFLA_MASTER:
                link->master = attribute_u32(attribute);
                break;
        case IFLA_LINKINFO:
                link_decode_info(attribute, link);
                break;
        case IFLA_PROTINFO: /* AF_INET6 has one as well, which says other things */
                if (link->family != AF_BRIDGE)
                        break;
                link->bridge_port = true;
                link_decode_port(attribute, link);
                break;
        case IFLA_AF_SPEC: /* of AF_BRIDGE: VLANs */
                if (link->family == AF_UNSPEC)
                        link_decode_families(attribute, link);
                break;
        }
}

int link_decode(const struct nlmsghdr *message, Link *ret) {
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Link link = {};

        if (!message_is(message, RTM_NEWLINK, RTM_DELLINK, sizeof(*header)))
                return -EBADMSG;
        link.family = header->ifi_family;
        link.index = (unsigned) header->ifi_index;
        link.flags = header->ifi_flags;
        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(*header))
                link_decode_attribute(attribute, &link);
        *ret = link;
        return 0;
}

int neighbour_decode(const struct nlmsghdr *message, Neighbour *ret) {
        const struct ndmsg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute;
        Neighbour neighbour = {};

        if (!message_is(message, RTM_NEWNEIGH, RTM_DELNEIGH, sizeof(*header)))
                return -EBADMSG;
        neighbour.family = header->ndm_family;
        neighbour.ifindex = (unsigned) header->ndm_ifindex;
        neighbour.state = header->ndm_state;
        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(*header)) {
                switch (mnl_attr_get_type(attribute)) {
                case NDA_LLADDR: /* interfaces other than Ethernet have other lengths */
                        neighbour.has_mac = mnl_attr_get_payload_len(attribute) == MAC_SIZE;
                        if (neighbour.has_mac)
                                memcpy(neighbour.mac, mnl_attr_get_payload(attribute), MAC_SIZE);
                        break;
                case NDA_MASTER:
                        neighbour.master = attribute_u32(attribute);
                        break;
                }
        }
        *ret = neighbour;
        return 0;
}
