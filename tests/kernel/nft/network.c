/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/kernel/nft/network.h"
#include "netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long to wait for what shall come, and for what shall not. */
enum {
        COMES_MSEC = 5000,
        COMES_NOT_MSEC = 150,
};

void enter(const Network *network, Place place) {
        netns_enter(network->places[place]);
}

/* A cable from an interface of the host to eth0 of the place. */
static void connect_place(const Network *network, Place place, const char *interface, const char *v4, const char *v6,
                          const char *gateway4, const char *gateway6) {
        enter(network, HOST);
        run("ip link add %s type veth peer name eth0 netns /proc/%d/fd/%d", interface, getpid(),
            network->places[place]);
        run("ip link set %s up", interface);
        enter(network, place);
        run("ip link set eth0 up; ip addr add %s dev eth0; ip addr add %s dev eth0 nodad", v4, v6);
        run("ip route add default via %s; ip route add default via %s", gateway4, gateway6);
}

int network_setup(void **state) {
        Network *network = calloc(1, sizeof(*network));
        void *fixture;

        assert_non_null(network);
        assert_int_equal(fixture_setup(&fixture), 0);
        network->fixture = fixture;
        network->places[HOST] = netns_current();
        for (Place place = OUTSIDE; place < _PLACE_MAX; place++)
                network->places[place] = netns_new();
        netns_sysctl("net/ipv4/ip_forward", "1");
        netns_sysctl("net/ipv6/conf/all/forwarding", "1");
        run("ip link add br0 type bridge; ip link set br0 up");
        run("ip addr add 172.18.0.1/16 dev br0; ip addr add fd00:1::1/64 dev br0 nodad");
        connect_place(network, OUTSIDE, "out0", "203.0.113.2/24", "2001:db8:1::2/64", "203.0.113.1", "2001:db8:1::1");
        connect_place(network, ELSEWHERE, "out1", "198.51.100.2/24", "2001:db8:2::2/64", "198.51.100.1",
                      "2001:db8:2::1");
        connect_place(network, ONE, "port1", "172.18.0.2/16", "fd00:1::2/64", "172.18.0.1", "fd00:1::1");
        connect_place(network, TWO, "port2", "172.18.0.3/16", "fd00:1::3/64", "172.18.0.1", "fd00:1::1");
        connect_place(network, THREE, "port3", "172.18.0.4/16", "fd00:1::4/64", "172.18.0.1", "fd00:1::1");
        enter(network, HOST);
        run("ip addr add 203.0.113.1/24 dev out0; ip addr add 2001:db8:1::1/64 dev out0 nodad");
        run("ip addr add 198.51.100.1/24 dev out1; ip addr add 2001:db8:2::1/64 dev out1 nodad");
        run("ip link set port3 master br0");
        run("ip link set port1 master br0; ip link set port2 master br0; bridge link set dev port1 hairpin on");
        for (Place place = HOST; place < _PLACE_MAX; place++) {
                enter(network, place);
                netns_await_addresses();
        }
        enter(network, HOST);
        want(network->fixture, host_addresses("0.0.0.0/0"));
        want(network->fixture, host_addresses("::/0"));
        *state = network;
        return 0;
}

int network_teardown(void **state) {
        Network *network = *state;
        void *fixture = network->fixture;

        enter(network, HOST);
        fixture_teardown(&fixture);
        for (Place place = HOST; place < _PLACE_MAX; place++)
                close_fd(network->places[place]);
        free(network);
        return 0;
}

static socklen_t make_sockaddr(const char *text, uint16_t port, struct sockaddr_storage *ret) {
        Address parsed = address(text);

        *ret = (struct sockaddr_storage) { .ss_family = parsed.family };
        if (parsed.family == AF_INET) {
                struct sockaddr_in *v4 = (struct sockaddr_in *) ret;

                v4->sin_port = htons(port);
                memcpy(&v4->sin_addr, parsed.bytes, sizeof(v4->sin_addr));
                return sizeof(*v4);
        }
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        v6->sin6_port = htons(port);
        memcpy(&v6->sin6_addr, parsed.bytes, sizeof(v6->sin6_addr));
        return sizeof(*v6);
}

static Address address_of(const struct sockaddr_storage *from) {
        return from->ss_family == AF_INET
                       ? address_from_bytes(AF_INET, &((const struct sockaddr_in *) from)->sin_addr)
                       : address_from_bytes(AF_INET6, &((const struct sockaddr_in6 *) from)->sin6_addr);
}

static int open_bound(int type, const char *text, uint16_t port) {
        struct sockaddr_storage to;
        socklen_t size = make_sockaddr(text, port, &to);
        int fd = socket(to.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_return_code(fd, errno);
        assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)), errno);
        assert_return_code(bind(fd, (struct sockaddr *) &to, size), errno);
        return fd;
}

int open_server(const Network *network, Place place, int type, const char *text, uint16_t port) {
        int fd;

        enter(network, place);
        fd = open_bound(type, text, port);
        if (type == SOCK_STREAM)
                assert_return_code(listen(fd, 8), errno);
        enter(network, HOST);
        return fd;
}

int open_client(const Network *network, Place place, const char *source, int type, const char *text, uint16_t port) {
        struct sockaddr_storage to;
        socklen_t size = make_sockaddr(text, port, &to);
        int fd;

        enter(network, place);
        fd = open_bound(type, source ? source : to.ss_family == AF_INET ? "0.0.0.0" : "::", 0);
        /* A stream's connection is made, or fails, later. */
        assert_true(connect(fd, (struct sockaddr *) &to, size) == 0 || errno == EINPROGRESS);
        enter(network, HOST);
        return fd;
}

const int types[2] = { SOCK_STREAM, SOCK_DGRAM };
const Protocol protocols[2] = { PROTOCOL_TCP, PROTOCOL_UDP };

void want_one(Fixture *fixture) {
        want(fixture, profile("web"));
        want(fixture, endpoint("172.18.0.2", "web"));
        want(fixture, endpoint("fd00:1::2", "web"));
        want(fixture, neighbours("172.18.0.0/16"));
        want(fixture, neighbours("fd00:1::/64"));
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                want(fixture, allow("web", "172.18.0.2", protocols[i], 80, 80));
                want(fixture, allow("web", "fd00:1::2", protocols[i], 80, 80));
                want(fixture, dnat(protocols[i], 8080, "172.18.0.2", 80));
                want(fixture, dnat(protocols[i], 8080, "fd00:1::2", 80));
        }
}

/* True if one of the events comes in time. */
static bool comes(int fd, short events, int timeout) {
        struct pollfd wanted = { .fd = fd, .events = events };

        return poll(&wanted, 1, timeout) == 1;
}

/* True if the server gets something. *ret_refused: the client got an error instead. */
static bool comes_or_fails(int server, int client, int timeout, bool *ret_refused) {
        struct pollfd wanted[] = { { .fd = server, .events = POLLIN }, { .fd = client } };

        assert_return_code(poll(wanted, ELEMENTSOF(wanted), timeout), errno);
        *ret_refused = wanted[1].revents & POLLERR;
        return wanted[0].revents & POLLIN;
}

/* It stands at the same place in both families' addresses. */
static uint16_t port_of(int fd) {
        struct sockaddr_in6 name = {};
        socklen_t size = sizeof(name);

        assert_return_code(getsockname(fd, (struct sockaddr *) &name, &size), errno);
        return ntohs(name.sin6_port);
}

static Reach reach_stream(int client, int server, int timeout) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        Reach got = {};
        char byte = 0;
        int peer;

        if (!comes_or_fails(server, client, timeout, &got.refused))
                return got;
        peer = accept(server, (struct sockaddr *) &from, &size);
        assert_return_code(peer, errno);
        assert_true(comes(client, POLLOUT, COMES_MSEC));
        assert_int_equal(send(client, "x", 1, 0), 1);
        assert_true(comes(peer, POLLIN, COMES_MSEC));
        assert_int_equal(recv(peer, &byte, 1, 0), 1);
        assert_int_equal(send(peer, "y", 1, 0), 1);
        assert_true(comes(client, POLLIN, COMES_MSEC));
        got = (Reach) { .reached = recv(client, &byte, 1, 0) == 1 && byte == 'y', .seen = address_of(&from),
                        .port = port_of(peer) };
        close_fd(peer);
        return got;
}

static Reach reach_datagram(int client, int server, int timeout) {
        struct sockaddr_storage from;
        socklen_t size = sizeof(from);
        Reach got = {};
        char byte = 0;

        (void) send(client, "x", 1, 0);
        if (!comes_or_fails(server, client, timeout, &got.refused))
                return got;
        assert_int_equal(recvfrom(server, &byte, 1, 0, (struct sockaddr *) &from, &size), 1);
        assert_int_equal(sendto(server, "y", 1, 0, (struct sockaddr *) &from, size), 1);
        assert_true(comes(client, POLLIN, COMES_MSEC));
        return (Reach) { .reached = recv(client, &byte, 1, 0) == 1 && byte == 'y', .seen = address_of(&from),
                         .port = port_of(server) };
}

static Reach reach_within(const Network *network, Place from, const char *source, int type, const char *text,
                          uint16_t port, int server, int timeout) {
        int client = open_client(network, from, source, type, text, port);
        Reach result = type == SOCK_STREAM ? reach_stream(client, server, timeout)
                                           : reach_datagram(client, server, timeout);

        close_fd(client);
        return result;
}

Reach reach(const Network *network, Place from, const char *source, int type, const char *text, uint16_t port,
            int server) {
        return reach_within(network, from, source, type, text, port, server, COMES_MSEC);
}

Reach reach_in_vain(const Network *network, Place from, const char *source, int type, const char *text, uint16_t port,
                    int server) {
        return reach_within(network, from, source, type, text, port, server, COMES_NOT_MSEC);
}

bool arrives(const Network *network, Place from, const char *source, const char *text, uint16_t port, int server) {
        struct sockaddr_storage to, as;
        socklen_t size = make_sockaddr(text, port, &to);
        bool arrived;
        char byte;
        int fd;

        enter(network, from);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_return_code(setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &(int) { 1 }, sizeof(int)), errno);
        assert_return_code(bind(fd, (struct sockaddr *) &as, make_sockaddr(source, 0, &as)), errno);
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *) &to, size), 1);
        close_fd(fd);
        enter(network, HOST);
        arrived = comes(server, POLLIN, COMES_NOT_MSEC);
        if (arrived)
                assert_int_equal(recv(server, &byte, 1, 0), 1);
        return arrived;
}
