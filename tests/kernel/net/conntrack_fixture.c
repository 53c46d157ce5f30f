/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conntrack_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "flows.h"
#include "netns.h"

/* See the header. */
#define RULES                                                                                                  \
        "table inet t { chain p { type nat hook prerouting priority -105;"                                     \
        " ip daddr 198.51.100.3 meta l4proto { tcp, udp } th dport 8080 dnat ip to 172.30.0.3:80;"             \
        " meta nfproto ipv4 meta l4proto { tcp, udp, sctp } th dport 8080 dnat ip to 172.30.0.2:80;"           \
        " meta nfproto ipv4 meta l4proto { tcp, udp, sctp } th dport 8081 dnat ip to 172.30.0.2:80;"           \
        " meta nfproto ipv6 meta l4proto { tcp, udp } th dport 8080 dnat ip6 to [fd00:30::2]:80;"              \
        " meta nfproto ipv6 meta l4proto { tcp, udp } th dport 8081 dnat ip6 to [fd00:30::2]:80;"              \
        " }; chain q { type nat hook postrouting priority 95;"                                                 \
        " ct status dnat ip saddr 172.30.0.0/16 ip daddr 172.30.0.0/16 masquerade; }; }"

static void on_through(void *userdata, const FlowFilter *filter) {
        Fixture *fixture = userdata;

        fixture->n_through++;
        fixture->last_through = filter->ports.first;
}

static void on_done(void *userdata, size_t deleted, int error) {
        Fixture *fixture = userdata;

        fixture->n_done++;
        fixture->deleted += deleted;
        if (error < 0)
                fixture->error = error;
}

static void link_namespaces(Fixture *fixture) {
        netns_run("ip link add c0 type veth peer name eth0 && ip link set c0 up &&"
                  " ip addr add 198.51.100.1/24 dev c0 && ip addr add 198.51.100.3/24 dev c0 &&"
                  " ip addr add 2001:db8:9::1/64 dev c0 nodad");
        netns_give(fixture->client, "eth0");
        netns_run_in(fixture->client, "ip link set eth0 up && ip addr add 198.51.100.2/24 dev eth0 &&"
                     " ip addr add 2001:db8:9::2/64 dev eth0 nodad && ip route add default via 198.51.100.1 &&"
                     " ip -6 route add default via 2001:db8:9::1");
        netns_run("ip link add k0 type veth peer name eth0 && ip link set k0 up && ip addr add 172.30.0.1/16 dev k0 &&"
                  " ip addr add fd00:30::1/64 dev k0 nodad");
        netns_give(fixture->container, "eth0");
        netns_run_in(fixture->container, "ip link set eth0 up && ip addr add 172.30.0.2/16 dev eth0 &&"
                     " ip addr add 172.30.0.3/16 dev eth0 && ip addr add fd00:30::2/64 dev eth0 nodad &&"
                     " ip route add default via 172.30.0.1 && ip -6 route add default via fd00:30::1");
}

int fixture_setup(void **state) {
        static const ConntrackHandlers handlers = { .through = on_through, .done = on_done };
        static Fixture fixture;

        netns_enter_fresh();
        fixture = (Fixture) { .client = netns_new(), .container = netns_new() };
        fixture.host = netns_current();
        netns_sysctl("net/ipv4/ip_forward", "1");
        netns_sysctl("net/ipv6/conf/all/forwarding", "1");
        link_namespaces(&fixture);
        netns_await_addresses();
        netns_run("nft '%s'", RULES);
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(conntrack_new(fixture.event, &handlers, &fixture, &fixture.conntrack), 0);
        *state = &fixture;
        return 0;
}

int fixture_teardown(void **state) {
        Fixture *fixture = *state;

        fixture->conntrack = conntrack_free(fixture->conntrack);
        fixture->event = sd_event_unref(fixture->event);
        while (fixture->n_sockets > 0)
                close_fd(fixture->sockets[--fixture->n_sockets]);
        close_fd(fixture->host);
        close_fd(fixture->client);
        close_fd(fixture->container);
        return 0;
}

socklen_t endpoint_parse(const char *text, uint16_t port, Endpoint *ret) {
        *ret = (Endpoint) {};
        if (inet_pton(AF_INET, text, &ret->v4.sin_addr) == 1) {
                ret->v4.sin_family = AF_INET;
                ret->v4.sin_port = htons(port);
                return sizeof(ret->v4);
        }
        assert_int_equal(inet_pton(AF_INET6, text, &ret->v6.sin6_addr), 1);
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        return sizeof(ret->v6);
}

int fixture_socket(Fixture *fixture, int netns, int family, int type) {
        int fd;

        netns_enter(netns);
        fd = socket(family, type | SOCK_CLOEXEC, 0);
        netns_enter(fixture->host);
        assert_true(fd >= 0);
        assert_true(fixture->n_sockets < ELEMENTSOF(fixture->sockets));
        fixture->sockets[fixture->n_sockets++] = fd;
        return fd;
}

int fixture_server(Fixture *fixture, int type, const char *address, uint16_t port) {
        Endpoint own;
        socklen_t size = endpoint_parse(address, port, &own);
        int fd = fixture_socket(fixture, fixture->container, own.any.sa_family, type);

        assert_int_equal(bind(fd, &own.any, size), 0);
        if (type == SOCK_STREAM)
                assert_int_equal(listen(fd, 8), 0);
        return fd;
}

int fixture_flow_from(Fixture *fixture, int netns, int type, const char *address, uint16_t port) {
        Endpoint to, own = {};
        socklen_t size = endpoint_parse(address, port, &to);
        int fd = fixture_socket(fixture, netns, to.any.sa_family, type);
        char pattern[128];

        assert_int_equal(connect(fd, &to.any, size), 0);
        assert_int_equal(send(fd, "x", 1, 0), 1);
        size = sizeof(own);
        assert_int_equal(getsockname(fd, &own.any, &size), 0);
        /* The port is in the same place for both families. */
        snprintf(pattern, sizeof(pattern), "dst=%s sport=%u dport=%u", address, ntohs(own.v4.sin_port), port);
        flows_await(pattern, 1);
        return fd;
}

bool datagram_arrives(int fd) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        char byte;

        if (poll(&wait, 1, 5000) != 1)
                return false;
        return recv(fd, &byte, 1, 0) == 1;
}

static Prefix any(uint8_t family) {
        return (Prefix) { .address.family = family };
}

FlowFilter translated(Protocol protocol, uint16_t port, const char *container, uint16_t container_port) {
        Address a = address(container);

        return (FlowFilter) { .kind = FLOW_TRANSLATED, .protocol = protocol, .family = a.family,
                              .destination = any(a.family), .ports = { port, port }, .container = a,
                              .container_first = container_port };
}

FlowFilter untranslated(Protocol protocol, uint8_t family, uint16_t port) {
        return (FlowFilter) { .kind = FLOW_UNTRANSLATED, .protocol = protocol, .family = family,
                              .destination = any(family), .ports = { port, port } };
}

bool fixture_is_done(void *userdata) {
        Fixture *fixture = userdata;

        return !conntrack_is_busy(fixture->conntrack);
}

void fixture_delete_flows(Fixture *fixture, const FlowFilter *filters, size_t n, size_t deleted) {
        fixture->deleted = 0;
        fixture->n_done = 0;
        fixture->n_through = 0;
        assert_int_equal(conntrack_delete(fixture->conntrack, filters, n), 0);
        assert_true(conntrack_is_busy(fixture->conntrack));
        loop_until(fixture->event, fixture_is_done, fixture);
        assert_int_equal(fixture->error, 0);
        assert_true(fixture->n_done > 0);
        assert_int_equal(fixture->n_through, n);
        assert_int_equal(fixture->deleted, deleted);
}

void fixture_delete_one(Fixture *fixture, FlowFilter filter, size_t deleted) {
        fixture_delete_flows(fixture, &filter, 1, deleted);
}
