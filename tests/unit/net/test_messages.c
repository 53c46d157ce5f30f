/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/macros.h"
#include "common/netlink.h"
#include "daemon/net/ctnetlink.h"
#include "daemon/net/listeners.h"
#include "daemon/net/message.h"
#include "daemon/net/netlink.h"
#include "tests/cmocka.h"
#include "tests/values.h"

#define MESSAGE_SIZE 2048

typedef union Message {
        struct nlmsghdr header;
        char room[MESSAGE_SIZE];
} Message;

static void *begin(Message *message, uint16_t type, size_t header) {
        memset(message, 0, sizeof(*message));
        mnl_nlmsg_put_header(message->room);
        message->header.nlmsg_type = type;
        return mnl_nlmsg_put_extra_header(&message->header, header);
}

static void make_route(Message *message) {
        struct rtmsg *header = begin(message, RTM_NEWROUTE, sizeof(*header));

        header->rtm_family = AF_INET;
        header->rtm_dst_len = 16;
        header->rtm_type = RTN_UNICAST;
        mnl_attr_put_u32(&message->header, RTA_DST, htonl(0xac1e0000));
        mnl_attr_put_u32(&message->header, RTA_OIF, 7);
}

static void a_route_is_read(void **state) {
        char text[PREFIX_TEXT_SIZE];
        Message message;
        Route route;

        (void) state;
        make_route(&message);
        assert_int_equal(route_decode(&message.header, &route), 0);
        assert_string_equal(prefix_format(&route.prefix, text), "172.30.0.0/16");
        assert_int_equal(route.ifindex, 7);
        assert_int_equal(route.type, RTN_UNICAST);
        assert_false(route.gateway);
        mnl_attr_put_u32(&message.header, RTA_GATEWAY, htonl(0x01020304));
        assert_int_equal(route_decode(&message.header, &route), 0);
        assert_true(route.gateway);
}

static void what_is_no_ip_route_is_refused(void **state) {
        struct rtmsg *header;
        Message message;
        Route route;

        (void) state;
        header = begin(&message, RTM_NEWROUTE, sizeof(*header));
        header->rtm_family = RTNL_FAMILY_IPMR;
        assert_int_equal(route_decode(&message.header, &route), -EBADMSG);
        header->rtm_family = AF_INET;
        header->rtm_dst_len = 33;
        assert_int_equal(route_decode(&message.header, &route), -EBADMSG);
        header->rtm_dst_len = 32;
        mnl_attr_put_u16(&message.header, RTA_DST, 1);
        assert_int_equal(route_decode(&message.header, &route), -EBADMSG);
        begin(&message, RTM_NEWROUTE, 4);
        assert_int_equal(route_decode(&message.header, &route), -EBADMSG);
        begin(&message, RTM_NEWLINK, sizeof(struct ifinfomsg));
        assert_int_equal(route_decode(&message.header, &route), -EBADMSG);
}

static void make_link(Message *message, const char *slave_kind) {
        struct ifinfomsg *header = begin(message, RTM_NEWLINK, sizeof(*header));
        uint32_t switches[IPV4_DEVCONF_MAX] = { [IPV4_DEVCONF_ROUTE_LOCALNET - 1] = 1 };
        struct nlattr *outer, *inner;

        header->ifi_index = 9;
        header->ifi_flags = IFF_UP;
        mnl_attr_put_strz(&message->header, IFLA_IFNAME, "veth9");
        mnl_attr_put_u32(&message->header, IFLA_MASTER, 4);
        outer = mnl_attr_nest_start(&message->header, IFLA_LINKINFO);
        mnl_attr_put_strz(&message->header, IFLA_INFO_KIND, "veth");
        mnl_attr_put_strz(&message->header, IFLA_INFO_SLAVE_KIND, slave_kind);
        inner = mnl_attr_nest_start(&message->header, IFLA_INFO_SLAVE_DATA);
        mnl_attr_put_u8(&message->header, IFLA_BRPORT_MODE, 1);
        mnl_attr_nest_end(&message->header, inner);
        mnl_attr_nest_end(&message->header, outer);
        outer = mnl_attr_nest_start(&message->header, IFLA_AF_SPEC);
        inner = mnl_attr_nest_start(&message->header, AF_INET);
        mnl_attr_put(&message->header, IFLA_INET_CONF, sizeof(switches), switches);
        mnl_attr_nest_end(&message->header, inner);
        mnl_attr_nest_end(&message->header, outer);
}

static void a_link_is_read(void **state) {
        Message message;
        Link link;

        (void) state;
        make_link(&message, "bridge");
        assert_int_equal(link_decode(&message.header, &link), 0);
        assert_int_equal(link.index, 9);
        assert_string_equal(link.name, "veth9");
        assert_int_equal(link.master, 4);
        assert_false(link.bridge);
        assert_true(link.bridge_port && link.hairpin && link.has_localnet && link.localnet);
        /* What is called nearly like a bridge, and data of another kind of master. */
        make_link(&message, "bridge_slave");
        assert_int_equal(link_decode(&message.header, &link), 0);
        assert_false(link.bridge_port || link.hairpin);
        make_link(&message, "bond");
        assert_int_equal(link_decode(&message.header, &link), 0);
        assert_false(link.bridge_port || link.hairpin);
}

static void a_bridge_is_known_by_its_kind(void **state) {
        struct nlattr *outer, *inner;
        Message message;
        Link link;

        (void) state;
        begin(&message, RTM_NEWLINK, sizeof(struct ifinfomsg));
        outer = mnl_attr_nest_start(&message.header, IFLA_LINKINFO);
        mnl_attr_put_str(&message.header, IFLA_INFO_KIND, "bridge");
        inner = mnl_attr_nest_start(&message.header, IFLA_INFO_DATA);
        mnl_attr_put_u8(&message.header, IFLA_BR_VLAN_FILTERING, 1);
        mnl_attr_nest_end(&message.header, inner);
        mnl_attr_nest_end(&message.header, outer);
        assert_int_equal(link_decode(&message.header, &link), 0);
        assert_true(link.bridge && link.vlan_filtering);
        assert_false(link.has_localnet);
}

static void an_endless_name_is_cut(void **state) {
        Message message;
        Link link;

        (void) state;
        begin(&message, RTM_NEWLINK, sizeof(struct ifinfomsg));
        mnl_attr_put_strz(&message.header, IFLA_IFNAME, "a-name-of-more-than-sixteen-characters");
        assert_int_equal(link_decode(&message.header, &link), 0);
        assert_string_equal(link.name, "a-name-of-more-");
}

static void make_neighbour(Message *message) {
        const uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, 0, 1 };
        struct ndmsg *header = begin(message, RTM_NEWNEIGH, sizeof(*header));

        header->ndm_family = AF_BRIDGE;
        header->ndm_ifindex = 9;
        header->ndm_state = NUD_REACHABLE;
        mnl_attr_put(&message->header, NDA_LLADDR, MAC_SIZE, mac);
        mnl_attr_put_u32(&message->header, NDA_MASTER, 4);
}

static void a_neighbour_is_read(void **state) {
        Neighbour neighbour;
        Message message;

        (void) state;
        make_neighbour(&message);
        assert_int_equal(neighbour_decode(&message.header, &neighbour), 0);
        assert_int_equal(neighbour.family, AF_BRIDGE);
        assert_int_equal(neighbour.ifindex, 9);
        assert_int_equal(neighbour.master, 4);
        assert_true(neighbour.has_mac);
        assert_int_equal(neighbour.mac[5], 1);
        /* An address of another kind of network. */
        begin(&message, RTM_NEWNEIGH, sizeof(struct ndmsg));
        mnl_attr_put_u64(&message.header, NDA_LLADDR, 1);
        assert_int_equal(neighbour_decode(&message.header, &neighbour), 0);
        assert_false(neighbour.has_mac);
}

static void make_listener(Message *message) {
        struct inet_diag_msg *header = begin(message, SOCK_DIAG_BY_FAMILY, sizeof(*header));

        header->idiag_family = AF_INET6;
        header->id.idiag_sport = htons(443);
        header->idiag_uid = 33;
        header->idiag_inode = 12345;
        mnl_attr_put_u8(&message->header, INET_DIAG_SKV6ONLY, 0);
}

static void a_listener_is_read(void **state) {
        _cleanup_(listeners_done) Listeners listeners = {};
        Message message;

        (void) state;
        make_listener(&message);
        assert_int_equal(listeners_add(&listeners, PROTOCOL_TCP, &message.header), 0);
        assert_int_equal(listeners.count, 1);
        assert_true(listeners.items[0].dual);
        assert_int_equal(listeners.items[0].uid, 33);
        assert_int_equal(listeners.items[0].inode, 12345);
        assert_int_equal(listeners.items[0].port, 443);
        begin(&message, SOCK_DIAG_BY_FAMILY, 8);
        assert_int_equal(listeners_add(&listeners, PROTOCOL_TCP, &message.header), -EBADMSG);
}

/* This machine's kernel may have no SCTP: so by hand. */
static void a_listener_with_several_addresses_is_read(void **state) {
        _cleanup_(listeners_done) Listeners listeners = {};
        struct sockaddr_storage locals[3] = {};
        struct sockaddr_in *v4 = (struct sockaddr_in *) &locals[0];
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) &locals[1];
        Address one = address("192.0.2.1"), two = address("2001:db8::1");
        Message message;

        (void) state;
        v4->sin_family = AF_INET;
        memcpy(&v4->sin_addr, one.bytes, 4);
        v6->sin6_family = AF_INET6;
        memcpy(&v6->sin6_addr, two.bytes, 16);
        make_listener(&message);
        mnl_attr_put(&message.header, INET_DIAG_LOCALS, sizeof(locals), locals);
        assert_int_equal(listeners_add(&listeners, PROTOCOL_SCTP, &message.header), 0);
        assert_int_equal(listeners.count, 2);
        assert_int_equal(listeners.items[0].family, AF_INET);
        assert_int_equal(address_compare(&listeners.items[0].address, &one), 0);
        assert_int_equal(listeners.items[1].family, AF_INET6);
        assert_int_equal(address_compare(&listeners.items[1].address, &two), 0);
        for (size_t i = 0; i < listeners.count; i++) {
                assert_int_equal(listeners.items[i].protocol, PROTOCOL_SCTP);
                assert_int_equal(listeners.items[i].port, 443);
                assert_false(listeners.items[i].dual);
        }
}

static void put_tuple(Message *message, uint16_t type, uint32_t from, uint32_t to, uint16_t from_port,
                      uint16_t to_port, uint8_t protocol) {
        struct nlattr *tuple = mnl_attr_nest_start(&message->header, type), *part;

        part = mnl_attr_nest_start(&message->header, CTA_TUPLE_IP);
        mnl_attr_put_u32(&message->header, CTA_IP_V4_SRC, htonl(from));
        mnl_attr_put_u32(&message->header, CTA_IP_V4_DST, htonl(to));
        mnl_attr_nest_end(&message->header, part);
        part = mnl_attr_nest_start(&message->header, CTA_TUPLE_PROTO);
        mnl_attr_put_u8(&message->header, CTA_PROTO_NUM, protocol);
        mnl_attr_put_u16(&message->header, CTA_PROTO_SRC_PORT, htons(from_port));
        mnl_attr_put_u16(&message->header, CTA_PROTO_DST_PORT, htons(to_port));
        mnl_attr_nest_end(&message->header, part);
        mnl_attr_nest_end(&message->header, tuple);
}

static void begin_flow(Message *message) {
        struct nfgenmsg *header =
                begin(message, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, sizeof(*header));

        header->nfgen_family = AF_INET;
}

static void make_flow(Message *message) {
        begin_flow(message);
        put_tuple(message, CTA_TUPLE_ORIG, 0x01020304, 0xcb007101, 4000, 8080, PROTOCOL_UDP);
        put_tuple(message, CTA_TUPLE_REPLY, 0xac1e0002, 0x01020304, 80, 4000, PROTOCOL_UDP);
        mnl_attr_put_u32(&message->header, CTA_ID, 99);
        mnl_attr_put_u16(&message->header, CTA_ZONE, htons(7));
}

static void a_flow_is_read(void **state) {
        char text[ADDRESS_TEXT_SIZE];
        Message message;
        Flow flow;

        (void) state;
        make_flow(&message);
        assert_int_equal(ctnetlink_decode(&message.header, &flow), 1);
        assert_int_equal(flow.protocol, PROTOCOL_UDP);
        assert_string_equal(address_format(&flow.destination, text), "203.0.113.1");
        assert_int_equal(flow.destination_port, 8080);
        assert_string_equal(address_format(&flow.source, text), "172.30.0.2");
        assert_int_equal(flow.source_port, 80);
        begin_flow(&message);
        put_tuple(&message, CTA_TUPLE_ORIG, 1, 2, 3, 4, IPPROTO_GRE);
        put_tuple(&message, CTA_TUPLE_REPLY, 2, 1, 4, 3, IPPROTO_GRE);
        assert_int_equal(ctnetlink_decode(&message.header, &flow), 0);
}

/* The number of attributes of the request, and which. */
static unsigned request_attributes(const struct nlmsghdr *request) {
        unsigned seen = 0;

        for (struct nlattr *a = mnl_nlmsg_get_payload_offset(request, sizeof(struct nfgenmsg));
             mnl_attr_ok(a, (int) ((char *) mnl_nlmsg_get_payload_tail(request) - (char *) a)); a = mnl_attr_next(a))
                seen |= 1u << mnl_attr_get_type(a);
        return seen;
}

static void a_deletion_names_one_entry(void **state) {
        Message message, request;
        int size;

        (void) state;
        make_flow(&message);
        size = ctnetlink_put_delete(request.room, sizeof(request.room), &message.header);
        assert_int_equal(size, request.header.nlmsg_len);
        assert_int_equal(request.header.nlmsg_type, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE);
        assert_int_equal(request_attributes(&request.header), 1u << CTA_TUPLE_ORIG | 1u << CTA_ID | 1u << CTA_ZONE);
        assert_int_equal(ctnetlink_put_delete(request.room, (size_t) size, &message.header), size);
        assert_int_equal(ctnetlink_put_delete(request.room, (size_t) size - 1, &message.header), -EBADMSG);
}

/* A deletion without a tuple would be one of everything. */
static void a_deletion_without_a_tuple_is_never_made(void **state) {
        Message message, request;

        (void) state;
        begin_flow(&message);
        put_tuple(&message, CTA_TUPLE_REPLY, 2, 1, 4, 3, PROTOCOL_UDP);
        mnl_attr_put_u32(&message.header, CTA_ID, 99);
        assert_int_equal(ctnetlink_put_delete(request.room, sizeof(request.room), &message.header), -EBADMSG);
        begin_flow(&message);
        mnl_attr_nest_end(&message.header, mnl_attr_nest_start(&message.header, CTA_TUPLE_ORIG));
        mnl_attr_put_u32(&message.header, CTA_ID, 99);
        assert_int_equal(ctnetlink_put_delete(request.room, sizeof(request.room), &message.header), -EBADMSG);
        begin_flow(&message);
        put_tuple(&message, CTA_TUPLE_ORIG, 2, 1, 4, 3, PROTOCOL_UDP);
        assert_int_equal(ctnetlink_put_delete(request.room, sizeof(request.room), &message.header), -EBADMSG);
}

static void errors_are_read(void **state) {
        struct nlmsgerr *error;
        Message message;
        int *done;

        (void) state;
        error = begin(&message, NLMSG_ERROR, sizeof(*error));
        assert_int_equal(netlink_error(&message.header), 0);
        error->error = -EPERM;
        assert_int_equal(netlink_error(&message.header), -EPERM);
        error->error = 7; /* the kernel has none above 0 */
        assert_int_equal(netlink_error(&message.header), -EBADMSG);
        done = begin(&message, NLMSG_DONE, sizeof(*done));
        *done = -ENOMEM;
        assert_int_equal(netlink_error(&message.header), -ENOMEM);
        begin(&message, NLMSG_DONE, 0);
        assert_int_equal(netlink_error(&message.header), 0);
        begin(&message, NLMSG_ERROR, 0);
        assert_int_equal(netlink_error(&message.header), -EBADMSG);
}

static void a_message_is_whole_or_none(void **state) {
        const struct nlmsghdr *next;
        Message message;
        size_t left = 20 + 16;

        (void) state;
        begin(&message, RTM_NEWLINK, 0);
        message.header.nlmsg_len = 18; /* the next one begins on four bytes */
        assert_true(message_is_whole(&message.header, left));
        assert_false(message_is_whole(&message.header, 17));
        next = message_next(&message.header, &left);
        assert_ptr_equal(next, message.room + 20);
        assert_int_equal(left, 16);
        message.header.nlmsg_len = 15;
        assert_false(message_is_whole(&message.header, MESSAGE_SIZE));
        message.header.nlmsg_len = 0x80000010; /* negative, to who counts in int */
        assert_false(message_is_whole(&message.header, MESSAGE_SIZE));
}

/* Whatever stands in a message, nothing outside it is read: each is in memory of just its size, so that the sanitizer
 * sees. */
static void decode_all(const char *bytes, size_t size) {
        _cleanup_(listeners_done) Listeners listeners = {};
        struct nlmsghdr *message = malloc(size);
        char request[CTNETLINK_DELETE_SIZE_MAX];
        Neighbour neighbour;
        Route route;
        Link link;
        Flow flow;

        assert_non_null(message);
        memcpy(message, bytes, size);
        if (mnl_nlmsg_ok(message, (int) size)) {
                (void) route_decode(message, &route);
                (void) link_decode(message, &link);
                (void) neighbour_decode(message, &neighbour);
                (void) listeners_add(&listeners, PROTOCOL_SCTP, message);
                (void) ctnetlink_decode(message, &flow);
                (void) ctnetlink_put_delete(request, sizeof(request), message);
        }
        free(message);
}

static void damaged_messages_do_no_harm(void **state) {
        Message messages[5];
        unsigned seed = (unsigned) time(NULL);

        (void) state;
        print_message("seed %u\n", seed);
        srand(seed);
        make_route(&messages[0]);
        make_link(&messages[1], "bridge");
        make_neighbour(&messages[2]);
        make_listener(&messages[3]);
        make_flow(&messages[4]);
        for (unsigned i = 0; i < 100000; i++) {
                Message message = messages[i % ELEMENTSOF(messages)];
                size_t size = message.header.nlmsg_len;

                if (rand() % 2)
                        message.header.nlmsg_len = (uint32_t) (size -= (size_t) rand() % (size - NLMSG_HDRLEN + 1));
                for (int n = rand() % 4; n > 0 && size > NLMSG_HDRLEN; n--)
                        message.room[NLMSG_HDRLEN + (size_t) rand() % (size - NLMSG_HDRLEN)] = (char) rand();
                decode_all(message.room, size);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_route_is_read),
                cmocka_unit_test(what_is_no_ip_route_is_refused),
                cmocka_unit_test(a_link_is_read),
                cmocka_unit_test(a_bridge_is_known_by_its_kind),
                cmocka_unit_test(an_endless_name_is_cut),
                cmocka_unit_test(a_neighbour_is_read),
                cmocka_unit_test(a_listener_is_read),
                cmocka_unit_test(a_listener_with_several_addresses_is_read),
                cmocka_unit_test(a_flow_is_read),
                cmocka_unit_test(a_deletion_names_one_entry),
                cmocka_unit_test(a_deletion_without_a_tuple_is_never_made),
                cmocka_unit_test(errors_are_read),
                cmocka_unit_test(a_message_is_whole_or_none),
                cmocka_unit_test(damaged_messages_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
