/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/net/conntrack.h"
#include "flows.h"
#include "netns.h"
#include "tests/cmocka.h"

#define NOBODY 65534

/* client (198.51.100.2, 2001:db8:9::2) - host (198.51.100.1, .3, 2001:db8:9::1; 172.30.0.1, fd00:30::1)
 * - container (172.30.0.2, .3, fd00:30::2). The host sends on, for TCP, UDP and SCTP: */
#define RULES                                                                                                  \
        "table inet t { chain p { type nat hook prerouting priority -105;"                                     \
        " ip daddr 198.51.100.3 meta l4proto { tcp, udp } th dport 8080 dnat ip to 172.30.0.3:80;"             \
        " meta nfproto ipv4 meta l4proto { tcp, udp, sctp } th dport 8080 dnat ip to 172.30.0.2:80;"           \
        " meta nfproto ipv4 meta l4proto { tcp, udp, sctp } th dport 8081 dnat ip to 172.30.0.2:80;"           \
        " meta nfproto ipv6 meta l4proto { tcp, udp } th dport 8080 dnat ip6 to [fd00:30::2]:80;"              \
        " meta nfproto ipv6 meta l4proto { tcp, udp } th dport 8081 dnat ip6 to [fd00:30::2]:80;"              \
        " }; chain q { type nat hook postrouting priority 95;"                                                 \
        " ct status dnat ip saddr 172.30.0.0/16 ip daddr 172.30.0.0/16 masquerade; }; }"

typedef struct Fixture {
        sd_event *event;
        Conntrack *conntrack;
        int host, client, container;
        int sockets[32];
        size_t n_sockets;
        unsigned n_done;
        unsigned n_through;
        uint16_t last_through; /* host port */
        size_t deleted;
        int error;
} Fixture;

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

static int setup(void **state) {
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

static int teardown(void **state) {
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

typedef union Endpoint {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
} Endpoint;

static socklen_t endpoint(const char *text, uint16_t port, Endpoint *ret) {
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

static int socket_in(Fixture *fixture, int netns, int family, int type) {
        int fd;

        netns_enter(netns);
        fd = socket(family, type | SOCK_CLOEXEC, 0);
        netns_enter(fixture->host);
        assert_true(fd >= 0);
        assert_true(fixture->n_sockets < ELEMENTSOF(fixture->sockets));
        fixture->sockets[fixture->n_sockets++] = fd;
        return fd;
}

static int server(Fixture *fixture, int type, const char *address, uint16_t port) {
        Endpoint own;
        socklen_t size = endpoint(address, port, &own);
        int fd = socket_in(fixture, fixture->container, own.any.sa_family, type);

        assert_int_equal(bind(fd, &own.any, size), 0);
        if (type == SOCK_STREAM)
                assert_int_equal(listen(fd, 8), 0);
        return fd;
}

/* Connected: a TCP flow is established, and one of UDP has begun. */
static int flow_from(Fixture *fixture, int netns, int type, const char *address, uint16_t port) {
        Endpoint to, own = {};
        socklen_t size = endpoint(address, port, &to);
        int fd = socket_in(fixture, netns, to.any.sa_family, type);
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

static bool arrives(int fd) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        char byte;

        if (poll(&wait, 1, 5000) != 1)
                return false;
        return recv(fd, &byte, 1, 0) == 1;
}

static Prefix any(uint8_t family) {
        return (Prefix) { .address.family = family };
}

static FlowFilter translated(Protocol protocol, uint16_t port, const char *container, uint16_t container_port) {
        Address a = address(container);

        return (FlowFilter) { .kind = FLOW_TRANSLATED, .protocol = protocol, .family = a.family,
                              .destination = any(a.family), .ports = { port, port }, .container = a,
                              .container_first = container_port };
}

static FlowFilter untranslated(Protocol protocol, uint8_t family, uint16_t port) {
        return (FlowFilter) { .kind = FLOW_UNTRANSLATED, .protocol = protocol, .family = family,
                              .destination = any(family), .ports = { port, port } };
}

static bool done(void *userdata) {
        Fixture *fixture = userdata;

        return !conntrack_is_busy(fixture->conntrack);
}

/* Deletes and waits; the number that went must be right. */
static void delete_flows(Fixture *fixture, const FlowFilter *filters, size_t n, size_t deleted) {
        fixture->deleted = 0;
        fixture->n_done = 0;
        fixture->n_through = 0;
        assert_int_equal(conntrack_delete(fixture->conntrack, filters, n), 0);
        assert_true(conntrack_is_busy(fixture->conntrack));
        loop_until(fixture->event, done, fixture);
        assert_int_equal(fixture->error, 0);
        assert_true(fixture->n_done > 0);
        assert_int_equal(fixture->n_through, n);
        assert_int_equal(fixture->deleted, deleted);
}

static void delete_one(Fixture *fixture, FlowFilter filter, size_t deleted) {
        delete_flows(fixture, &filter, 1, deleted);
}

static void tcp_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int listener = server(fixture, SOCK_STREAM, "172.30.0.2", 80), other, accepted;

        flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8080);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8080);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        other = flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8081);
        accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        fixture->sockets[fixture->n_sockets++] = accepted;
        assert_int_equal(flows_count("tcp*dport=8080"), 2);

        delete_one(fixture, translated(PROTOCOL_TCP, 8080, "172.30.0.2", 80), 2);
        assert_int_equal(flows_count("tcp*dport=8080"), 0);
        assert_int_equal(flows_count("tcp*dport=8081"), 1);
        /* The other one is still a connection. */
        assert_true(arrives(accepted));
        assert_int_equal(send(other, "y", 1, 0), 1);
        assert_true(arrives(accepted));
}

static void udp_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int receiver = server(fixture, SOCK_DGRAM, "172.30.0.2", 80);

        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8081);
        assert_true(arrives(receiver) && arrives(receiver));
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(flows_count("dport=8081"), 1);
}

static void ipv6_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int receiver = server(fixture, SOCK_DGRAM, "fd00:30::2", 80);
        int listener = server(fixture, SOCK_STREAM, "fd00:30::2", 80);
        const FlowFilter filters[] = {
                translated(PROTOCOL_UDP, 8080, "fd00:30::2", 80), translated(PROTOCOL_TCP, 8080, "fd00:30::2", 80),
        };

        flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 8080);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 8081);
        assert_true(arrives(receiver) && arrives(receiver));
        flow_from(fixture, fixture->client, SOCK_STREAM, "2001:db8:9::1", 8080);
        flow_from(fixture, fixture->client, SOCK_STREAM, "2001:db8:9::1", 8081);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        /* An IPv4 flow of the same numbers. */
        server(fixture, SOCK_DGRAM, "172.30.0.2", 80);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);

        delete_flows(fixture, filters, 2, 2);
        assert_int_equal(flows_count("fd00:30::2*dport=8080"), 0);
        assert_int_equal(flows_count("2001:db8:9::1*dport=8081"), 2);
        assert_int_equal(flows_count("198.51.100.1*dport=8080"), 1);
}

static void sctp_flows_go(void **state) {
        Fixture *fixture = *state;

        netns_enter(fixture->client);
        flows_send_sctp("198.51.100.1", 4001, 8080);
        flows_send_sctp("198.51.100.1", 4002, 8081);
        netns_enter(fixture->host);
        flows_await("sctp*dport=8080*src=172.30.0.2", 1);
        flows_await("sctp*dport=8081*src=172.30.0.2", 1);
        delete_one(fixture, translated(PROTOCOL_SCTP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("sctp*dport=8080"), 0);
        assert_int_equal(flows_count("sctp*dport=8081"), 1);
}

static void the_host_address_counts(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.3", 80);

        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.3", 8080);
        assert_int_equal(flows_count("dst=198.51.100.3*src=172.30.0.3"), 1);
        /* Another address than the exposure's. */
        filter.destination = prefix("198.51.100.1");
        delete_one(fixture, filter, 0);
        assert_int_equal(flows_count("dport=8080"), 2);
        filter.destination = prefix("198.51.100.3");
        delete_one(fixture, filter, 1);
        assert_int_equal(flows_count("dst=198.51.100.3"), 0);
        assert_int_equal(flows_count("dst=198.51.100.1"), 1);
}

static void what_does_not_match_stays(void **state) {
        Fixture *fixture = *state;
        const FlowFilter filters[] = {
                translated(PROTOCOL_TCP, 8080, "172.30.0.2", 80), /* protocol */
                translated(PROTOCOL_UDP, 8080, "172.30.0.3", 80), /* container */
                translated(PROTOCOL_UDP, 8080, "172.30.0.2", 81), /* container's port */
                translated(PROTOCOL_UDP, 80, "172.30.0.2", 80),   /* container's port as the host's */
                translated(PROTOCOL_UDP, 8082, "172.30.0.2", 80), /* host port */
                untranslated(PROTOCOL_UDP, AF_INET, 8080),
        };

        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        /* To the container's own address, not sent on by anybody. */
        flow_from(fixture, fixture->client, SOCK_DGRAM, "172.30.0.2", 80);
        delete_flows(fixture, filters, ELEMENTSOF(filters), 0);
        assert_int_equal(flows_count("udp"), 2);
}

static void a_shifted_range_goes_port_by_port(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 20000, "172.30.0.2", 9000);

        netns_run("nft 'insert rule inet t p dnat ip to udp dport map { 20000 : 172.30.0.2 . 9000,"
                  " 20005 : 172.30.0.2 . 9005, 20010 : 172.30.0.2 . 9010, 20011 : 172.30.0.2 . 9011,"
                  " 20007 : 172.30.0.2 . 9006 }'");
        for (uint16_t port = 20000; port <= 20011; port++)
                flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", port);
        filter.ports.last = 20010;
        delete_one(fixture, filter, 3);
        assert_int_equal(flows_count("dport=20011*src=172.30.0.2"), 1);
        /* Somebody else's translation within the range. */
        assert_int_equal(flows_count("dport=20007*src=172.30.0.2"), 1);
}

static void masqueraded_flows_go_as_well(void **state) {
        Fixture *fixture = *state;

        flow_from(fixture, fixture->container, SOCK_DGRAM, "172.30.0.1", 8080);
        assert_int_equal(flows_count("src=172.30.0.2 dst=172.30.0.1*dport=8080*src=172.30.0.2 dst=172.30.0.1"), 1);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
}

/* moby#8795: a datagram that came too early pins its flow for as long as the sender goes on. */
static void a_pinned_sender_is_set_free(void **state) {
        Fixture *fixture = *state;
        int receiver = server(fixture, SOCK_DGRAM, "172.30.0.2", 53), sender, direct, own;
        Endpoint to;
        socklen_t size;

        sender = flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 5353);
        /* These go elsewhere, and the port only happens to be the same: through the host, and from it. */
        direct = flow_from(fixture, fixture->client, SOCK_DGRAM, "172.30.0.2", 5353);
        own = flow_from(fixture, fixture->host, SOCK_DGRAM, "198.51.100.2", 5353);
        assert_int_equal(flows_count("dport=5353"), 3);

        netns_run("nft 'insert rule inet t p fib daddr type local udp dport 5353 dnat ip to 172.30.0.2:53'");
        (void) send(sender, "x", 1, 0); /* the refusal of the first one comes as an error here */
        (void) send(sender, "x", 1, 0);
        assert_int_equal(flows_count("dport=5353*src=172.30.0.2 dst=198.51.100.2 sport=53 "), 0);
        delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET, 5353), 1);
        assert_int_equal(flows_count("dport=5353"), 2);

        size = endpoint("198.51.100.1", 5353, &to);
        assert_int_equal(connect(sender, &to.any, size), 0);
        (void) send(sender, "x", 1, 0);
        assert_int_equal(send(sender, "x", 1, 0), 1);
        assert_true(arrives(receiver));
        assert_int_equal(flows_count("dport=5353*src=172.30.0.2 dst=198.51.100.2 sport=53 "), 1);
        (void) direct;
        (void) own;
}

static void pinned_ipv6_is_set_free(void **state) {
        Fixture *fixture = *state;

        flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 5353);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "fd00:30::2", 5353);
        flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 5353);
        delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET6, 5353), 1);
        assert_int_equal(flows_count("dst=2001:db8:9::1"), 0);
        assert_int_equal(flows_count("dport=5353"), 2);
}

static void connections_of_the_host_are_never_pinned_ones(void **state) {
        Fixture *fixture = *state;
        Endpoint own;
        socklen_t size = endpoint("198.51.100.1", 22, &own);
        int listener = socket_in(fixture, fixture->host, AF_INET, SOCK_STREAM);

        assert_int_equal(bind(listener, &own.any, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 22);
        delete_one(fixture, untranslated(PROTOCOL_TCP, AF_INET, 22), 0);
        assert_int_equal(flows_count("tcp*dport=22"), 1);
}

static bool first_gone(void *userdata) {
        (void) userdata;
        return flows_count("sport=1111") == 0;
}

static const FlowMade made = { IPPROTO_UDP, "198.51.100.9", 1111, "198.51.100.1", 8080, "172.30.0.2", 80, 0 };

static void it_looks_a_second_time(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        loop_until(fixture->event, first_gone, NULL);
        assert_true(conntrack_is_busy(fixture->conntrack));
        assert_int_equal(fixture->n_through, 0);
        /* A packet that was on its way. */
        flows_make(&made);
        loop_until(fixture->event, done, fixture);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->n_done, 1);
        assert_int_equal(fixture->last_through, 8080);
        assert_int_equal(fixture->deleted, 2);
        /* And not a third time. */
        flows_make(&made);
        loop_settle(fixture->event);
        assert_int_equal(flows_count("dport=8080"), 1);
}

static void filters_join_while_it_runs(void **state) {
        Fixture *fixture = *state;
        FlowFilter one = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);
        FlowFilter two = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make_many(5000);
        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &one, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        assert_int_equal(conntrack_delete(fixture->conntrack, &two, 1), 0);
        loop_until(fixture->event, done, fixture);
        assert_int_equal(flows_count("dport=5000"), 0);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->deleted, 5001);
}

static int pass_again(sd_event_source *source _unused_, void *userdata) {
        unsigned *passes = userdata;

        (*passes)++;
        return 0;
}

/* Its turn would never come: the pass is before it. */
static void old_flows_go_beside_passes_without_end(void **state) {
        Fixture *fixture = *state;
        unsigned passes = 0;
        sd_event_source *pass = NULL;

        assert_return_code(sd_event_add_defer(fixture->event, &pass, pass_again, &passes), 0);
        assert_return_code(sd_event_source_set_priority(pass, SD_EVENT_PRIORITY_IDLE), 0);
        assert_return_code(sd_event_source_set_enabled(pass, SD_EVENT_ON), 0);
        flows_make(&made);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_true(passes > 0);
        sd_event_source_disable_unref(pass);
}

typedef struct Gaps {
        uint64_t last, longest; /* turns of the loop */
} Gaps;

static int pass_once_more(sd_event_source *source, void *userdata) {
        Gaps *gaps = userdata;
        uint64_t now = 0;

        assert_return_code(sd_event_get_iteration(sd_event_source_get_event(source), &now), 0);
        if (gaps->last > 0)
                gaps->longest = MAX(gaps->longest, now - gaps->last);
        gaps->last = now;
        return 0;
}

/* A sweep that is late goes before the pass in parts: what is withdrawn then does not wait for all of a large table. */
static void passes_go_beside_a_long_sweep(void **state) {
        enum { FLOWS = 15000, TURNS_MAX = 10 }; /* all parts: some 100 */
        Fixture *fixture = *state;
        sd_event_source *pass = NULL;
        Gaps gaps = {};

        flows_make_many(FLOWS);
        flows_make(&made);
        assert_return_code(sd_event_add_defer(fixture->event, &pass, pass_once_more, &gaps), 0);
        assert_return_code(sd_event_source_set_priority(pass, SD_EVENT_PRIORITY_IDLE), 0);
        assert_return_code(sd_event_source_set_enabled(pass, SD_EVENT_ON), 0);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_in_range(gaps.longest, 2, TURNS_MAX);
        sd_event_source_disable_unref(pass);
}

static void zones_are_kept_apart(void **state) {
        Fixture *fixture = *state;
        FlowMade in_zone = made;

        in_zone.zone = 7;
        flows_make(&in_zone);
        flows_make(&made);
        assert_int_equal(flows_count("dport=8080"), 2);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 2);
        assert_int_equal(flows_count("dport=8080"), 0);
}

static void what_has_no_ports_is_passed_over(void **state) {
        Fixture *fixture = *state;

        /* An ICMP error's flow and an echo: bash's /dev/udp is not everywhere, ping neither; raw sockets are. */
        int fd;
        Endpoint to;
        socklen_t size = endpoint("172.30.0.2", 0, &to);
        const uint8_t echo[8] = { 8, 0, 0xf7, 0xff };

        netns_enter(fixture->client);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        netns_enter(fixture->host);
        assert_int_equal(sendto(fd, echo, sizeof(echo), 0, &to.any, size), sizeof(echo));
        close_fd(fd);
        assert_int_equal(flows_count("icmp"), 1);
        delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET, 53), 0);
        assert_int_equal(flows_count("icmp"), 1);
}

static bool failed(void *userdata) {
        Fixture *fixture = userdata;

        return fixture->n_done > 0;
}

static void a_failure_is_told_and_made_good(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);

        flows_make(&made);
        assert_int_equal(seteuid(NOBODY), 0);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        loop_until(fixture->event, failed, fixture);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fixture->error, -EPERM);
        assert_int_equal(fixture->deleted, 0);
        loop_until(fixture->event, done, fixture);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(fixture->deleted, 1);
}

/* The socket that a sweep reads from. */
static int sweep_fd(void) {
        for (int fd = 3; fd < 256; fd++) {
                int domain = 0, protocol = 0;
                socklen_t size = sizeof(domain);

                if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_NETLINK &&
                    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                    protocol == NETLINK_NETFILTER && (fcntl(fd, F_GETFL) & O_NONBLOCK))
                        return fd;
        }
        fail_msg("no sweep");
        return -1;
}

static ino_t sweep_inode(void) {
        struct stat status;

        assert_int_equal(fstat(sweep_fd(), &status), 0);
        return status.st_ino;
}

/* Closing one waits for what nf_tables has to free, which is just what comes before a sweep. */
static void the_socket_of_the_sweeps_is_kept(void **state) {
        Fixture *fixture = *state;
        ino_t inode;

        flows_make(&made);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        inode = sweep_inode();
        flows_make(&made);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        delete_one(fixture, translated(PROTOCOL_UDP, 8080, "fd00:30::2", 80), 0);
        assert_int_equal(sweep_inode(), inode);
}

static void a_dump_without_end_is_given_up(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80);
        char stolen[32768];

        flows_make(&made);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        while (recv(sweep_fd(), stolen, sizeof(stolen), MSG_DONTWAIT) > 0)
                ;
        loop_until(fixture->event, failed, fixture);
        assert_int_equal(fixture->error, -ETIMEDOUT);
        loop_until(fixture->event, done, fixture);
        assert_int_equal(fixture->deleted, 1);
        assert_int_equal(flows_count("dport=8080"), 0);
}

static void it_can_be_freed_at_any_time(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);

        flows_make_many(5000);
        assert_int_equal(conntrack_delete(fixture->conntrack, &filter, 1), 0);
        assert_true(sd_event_run(fixture->event, UINT64_MAX) > 0);
        fixture->conntrack = conntrack_free(fixture->conntrack);
        loop_settle(fixture->event);
        assert_null(conntrack_free(NULL));
}

static void nothing_asked_is_nothing_done(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(conntrack_delete(fixture->conntrack, NULL, 0), 0);
        assert_false(conntrack_is_busy(fixture->conntrack));
        loop_settle(fixture->event);
        assert_int_equal(fixture->n_done, 0);
}

/* A thousand filters against a large table: neither does the loop stand still, nor does it take for ever. */
static void measure(Fixture *fixture, const FlowFilter *filters, size_t n, size_t deleted, const char *what) {
        uint64_t start = now_usec(), longest;

        fixture->deleted = 0;
        assert_int_equal(conntrack_delete(fixture->conntrack, filters, n), 0);
        longest = loop_until(fixture->event, done, fixture);
        print_message("%s: %u ms, longest turn of the loop %u us\n", what, (unsigned) ((now_usec() - start) / 1000),
                      (unsigned) longest);
        assert_int_equal(fixture->deleted, deleted);
        assert_int_equal(fixture->error, 0);
        assert_true(longest < 50000);
}

static void a_large_table_does_not_hold_the_loop(void **state) {
        Fixture *fixture = *state;
        const char *size = getenv("FLOWS");
        unsigned count = size ? (unsigned) atoi(size) : 20000;
        FlowFilter filters[1001];

        flows_make_many(count);
        assert_int_equal(flows_count("dport=5000"), count);
        for (size_t i = 0; i < 1000; i++)
                filters[i] = translated(PROTOCOL_UDP, (uint16_t) (6000 + i), "172.30.0.9", (uint16_t) (6000 + i));
        filters[1000] = translated(PROTOCOL_UDP, 5000, "172.30.0.9", 5000);

        measure(fixture, filters, 1, 0, "one filter, nothing found");
        measure(fixture, filters, 1000, 0, "1000 filters, nothing found");
        measure(fixture, filters, 1001, count, "1001 filters, all deleted");
        assert_int_equal(flows_count("dport=5000"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(tcp_flows_of_one_port_go, setup, teardown),
                cmocka_unit_test_setup_teardown(udp_flows_of_one_port_go, setup, teardown),
                cmocka_unit_test_setup_teardown(ipv6_flows_of_one_port_go, setup, teardown),
                cmocka_unit_test_setup_teardown(sctp_flows_go, setup, teardown),
                cmocka_unit_test_setup_teardown(the_host_address_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(what_does_not_match_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(a_shifted_range_goes_port_by_port, setup, teardown),
                cmocka_unit_test_setup_teardown(masqueraded_flows_go_as_well, setup, teardown),
                cmocka_unit_test_setup_teardown(a_pinned_sender_is_set_free, setup, teardown),
                cmocka_unit_test_setup_teardown(pinned_ipv6_is_set_free, setup, teardown),
                cmocka_unit_test_setup_teardown(connections_of_the_host_are_never_pinned_ones, setup, teardown),
                cmocka_unit_test_setup_teardown(it_looks_a_second_time, setup, teardown),
                cmocka_unit_test_setup_teardown(filters_join_while_it_runs, setup, teardown),
                cmocka_unit_test_setup_teardown(old_flows_go_beside_passes_without_end, setup, teardown),
                cmocka_unit_test_setup_teardown(passes_go_beside_a_long_sweep, setup, teardown),
                cmocka_unit_test_setup_teardown(zones_are_kept_apart, setup, teardown),
                cmocka_unit_test_setup_teardown(what_has_no_ports_is_passed_over, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failure_is_told_and_made_good, setup, teardown),
                cmocka_unit_test_setup_teardown(the_socket_of_the_sweeps_is_kept, setup, teardown),
                cmocka_unit_test_setup_teardown(a_dump_without_end_is_given_up, setup, teardown),
                cmocka_unit_test_setup_teardown(it_can_be_freed_at_any_time, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_asked_is_nothing_done, setup, teardown),
                cmocka_unit_test_setup_teardown(a_large_table_does_not_hold_the_loop, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
