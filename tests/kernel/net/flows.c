/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flows.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/macros.h"
#include "netns.h"
#include "tests/cmocka.h"

typedef struct Count {
        char pattern[256];
        unsigned matches;
} Count;

static int on_entry(_unused_ enum nf_conntrack_msg_type type, struct nf_conntrack *entry, void *userdata) {
        Count *count = userdata;
        char line[1024];

        nfct_snprintf(line, sizeof(line), entry, NFCT_T_UNKNOWN, NFCT_O_DEFAULT, 0);
        if (fnmatch(count->pattern, line, 0) == 0)
                count->matches++;
        return NFCT_CB_CONTINUE;
}

unsigned flows_count(const char *pattern) {
        const uint32_t families[] = { AF_INET, AF_INET6 };
        Count count = {};

        snprintf(count.pattern, sizeof(count.pattern), "*%s*", pattern);
        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                struct nfct_handle *handle = nfct_open(CONNTRACK, 0);

                assert_non_null(handle);
                assert_int_equal(nfct_callback_register(handle, NFCT_T_ALL, on_entry, &count), 0);
                assert_int_equal(nfct_query(handle, NFCT_Q_DUMP, &families[i]), 0);
                nfct_close(handle);
        }
        return count.matches;
}

void flows_await(const char *pattern, unsigned count) {
        uint64_t deadline = now_usec() + LOOP_SECONDS_MAX * UINT64_C(1000000);

        while (flows_count(pattern) != count)
                if (now_usec() >= deadline)
                        fail_msg("waited in vain for %u flows like %s", count, pattern);
}

static void entry_set_address(struct nf_conntrack *entry, int ipv4, int ipv6, const char *text) {
        uint8_t bytes[16];

        if (inet_pton(AF_INET, text, bytes) == 1)
                nfct_set_attr(entry, (enum nf_conntrack_attr) ipv4, bytes);
        else if (inet_pton(AF_INET6, text, bytes) == 1)
                nfct_set_attr(entry, (enum nf_conntrack_attr) ipv6, bytes);
        else
                fail_msg("%s", text);
}

static struct nf_conntrack *entry_new(const FlowMade *flow) {
        uint8_t family = strchr(flow->from, ':') ? AF_INET6 : AF_INET;
        struct nf_conntrack *entry = nfct_new();

        assert_non_null(entry);
        nfct_set_attr_u8(entry, ATTR_ORIG_L3PROTO, family);
        nfct_set_attr_u8(entry, ATTR_REPL_L3PROTO, family);
        nfct_set_attr_u8(entry, ATTR_ORIG_L4PROTO, flow->protocol);
        nfct_set_attr_u8(entry, ATTR_REPL_L4PROTO, flow->protocol);
        entry_set_address(entry, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, flow->from);
        entry_set_address(entry, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, flow->to);
        entry_set_address(entry, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, flow->by);
        entry_set_address(entry, ATTR_REPL_IPV4_DST, ATTR_REPL_IPV6_DST, flow->from);
        nfct_set_attr_u16(entry, ATTR_ORIG_PORT_SRC, htons(flow->from_port));
        nfct_set_attr_u16(entry, ATTR_ORIG_PORT_DST, htons(flow->to_port));
        nfct_set_attr_u16(entry, ATTR_REPL_PORT_SRC, htons(flow->by_port));
        nfct_set_attr_u16(entry, ATTR_REPL_PORT_DST, htons(flow->from_port));
        nfct_set_attr_u32(entry, ATTR_TIMEOUT, 600);
        if (flow->protocol == IPPROTO_TCP)
                nfct_set_attr_u8(entry, ATTR_TCP_STATE, TCP_CONNTRACK_ESTABLISHED);
        if (flow->zone)
                nfct_set_attr_u16(entry, ATTR_ZONE, flow->zone);
        return entry;
}

static size_t entry_build(struct nf_conntrack *entry, uint8_t family, void *buffer, bool acknowledge) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct nfgenmsg *extra;

        header->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
        header->nlmsg_flags = (uint16_t) (NLM_F_REQUEST | NLM_F_CREATE | (acknowledge ? NLM_F_ACK : 0));
        extra = mnl_nlmsg_put_extra_header(header, sizeof(*extra));
        extra->nfgen_family = family;
        assert_true(nfct_nlmsg_build(header, entry) >= 0);
        return header->nlmsg_len;
}

void flows_make(const FlowMade *flow) {
        struct nf_conntrack *entry = entry_new(flow);
        struct nfct_handle *handle = nfct_open(CONNTRACK, 0);

        assert_non_null(handle);
        if (nfct_query(handle, NFCT_Q_CREATE, entry) < 0)
                fail_msg("no entry: %s", strerror(errno));
        nfct_close(handle);
        nfct_destroy(entry);
}

void flows_make_many(unsigned count) {
        FlowMade flow = { .protocol = IPPROTO_UDP, .from = "198.18.0.0", .to = "203.0.113.1", .to_port = 5000,
                          .by = "172.30.0.9", .by_port = 5000 };
        struct nf_conntrack *entry = entry_new(&flow);
        static _Alignas(struct nlmsghdr) char buffer[65536];
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
        size_t size = 0;

        for (unsigned i = 0; i < count; i++) {
                uint32_t from = htonl(0xc6120000u + i / 1000);

                nfct_set_attr_u32(entry, ATTR_ORIG_IPV4_SRC, from);
                nfct_set_attr_u32(entry, ATTR_REPL_IPV4_DST, from);
                nfct_set_attr_u16(entry, ATTR_ORIG_PORT_SRC, htons((uint16_t) (10000 + i % 1000)));
                nfct_set_attr_u16(entry, ATTR_REPL_PORT_DST, htons((uint16_t) (10000 + i % 1000)));
                size += entry_build(entry, AF_INET, buffer + size, false);
                if (size > sizeof(buffer) - 1024 || i + 1 == count) {
                        assert_int_equal(send(fd, buffer, size, 0), size);
                        size = 0;
                }
        }
        close(fd);
        nfct_destroy(entry);
}

static uint32_t crc32c(const uint8_t *data, size_t size) {
        uint32_t crc = ~0u;

        for (size_t i = 0; i < size; i++) {
                crc ^= data[i];
                for (unsigned bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
        return ~crc;
}

void flows_send_sctp(const char *to, uint16_t from_port, uint16_t to_port) {
        /* RFC 9260: common header (ports, tag 0, checksum), then INIT: type, flags, length, tag, window, streams
         * out and in, first TSN. */
        uint8_t packet[32] = { [12] = 1, [15] = 20, [19] = 1, [21] = 1, [25] = 1, [27] = 1, [31] = 1 };
        struct sockaddr_in target = { .sin_family = AF_INET };
        uint32_t crc;
        int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);

        assert_true(fd >= 0);
        from_port = htons(from_port);
        to_port = htons(to_port);
        memcpy(packet, &from_port, 2);
        memcpy(packet + 2, &to_port, 2);
        crc = crc32c(packet, sizeof(packet));
        memcpy(packet + 8, &crc, 4);
        assert_int_equal(inet_pton(AF_INET, to, &target.sin_addr), 1);
        assert_int_equal(sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *) &target, sizeof(target)),
                         sizeof(packet));
        close(fd);
}
