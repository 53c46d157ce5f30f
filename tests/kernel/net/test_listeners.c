/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "daemon/hostports.h"
#include "daemon/model/arbiter.h"
#include "daemon/net/listeners.h"
#include "netns.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

#define NOBODY 65534

typedef struct Fixture {
        int sockets[900];
        size_t n_sockets;
        Netlink netlink; /* used for all readings of a test */
        Listeners listeners;
} Fixture;

static int setup(void **state) {
        static Fixture fixture;

        netns_enter_fresh();
        netns_run("ip addr add 198.51.100.1/24 dev lo && ip addr add 2001:db8::1/64 dev lo nodad &&"
                  " ip addr add 2001:db8::2/64 dev lo nodad");
        fixture = (Fixture) { .netlink = NETLINK_CLOSED };
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        while (fixture->n_sockets > 0)
                close_fd(fixture->sockets[--fixture->n_sockets]);
        listeners_done(&fixture->listeners);
        netlink_close(&fixture->netlink);
        return 0;
}

/* A socket bound to that address ("[...]" in effect: IPv6 by its form); only6: IPV6_V6ONLY. */
static int bound(Fixture *fixture, int type, const char *text, uint16_t port, bool only6) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        bool is4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
        const int on = 1, flag = only6;
        int fd = socket(is4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        fixture->sockets[fixture->n_sockets++] = fd;
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        if (is4) {
                assert_int_equal(bind(fd, (struct sockaddr *) &v4, sizeof(v4)), 0);
                return fd;
        }
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &flag, sizeof(flag)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &v6, sizeof(v6)), 0);
        return fd;
}

static int listening(Fixture *fixture, const char *text, uint16_t port, bool only6) {
        int fd = bound(fixture, SOCK_STREAM, text, port, only6);

        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

static void read_all(Fixture *fixture) {
        listeners_done(&fixture->listeners);
        assert_int_equal(listeners_read(&fixture->netlink, PROTOCOLS_ALL, &fixture->listeners), 0);
}

static int compare_host_ports(const void *a, const void *b) {
        return host_port_compare(a, b);
}

/* What a claim to that entry meets: the port of the host that stands in its way; 0 if there is none. */
static uint16_t met_by(const char *entry) {
        _cleanup_(hostports_reader_done) HostPortsReader reader = HOST_PORTS_READER_NEW;
        Record *record = record_new(build_on_bridge(1, entry), &open_policy);
        HostPort *ports;
        uint16_t met = 0;
        size_t n;

        assert_int_equal(hostports_read(&reader, 0, PROTOCOLS_ALL, NULL, 0, &ports, &n), 0);
        if (n > 1)
                qsort(ports, n, sizeof(*ports), compare_host_ports);
        assert_int_equal(arbiter_decide(&record, 1, ports, n), 0);
        assert_int_equal(record->n_claims, 1);
        if (record->claims[0].state != CLAIM_EXPOSED) {
                assert_int_equal(record->claims[0].reason, REASON_HOST_PORT);
                met = record->claims[0].host_port->port;
        }
        record_free(record);
        free(ports);
        return met;
}

static void an_empty_host_has_none(void **state) {
        Fixture *fixture = *state;

        read_all(fixture);
        assert_int_equal(fixture->listeners.count, 0);
        assert_int_equal(met_by("1-65535"), 0);
}

static void says_who_listens(void **state) {
        Fixture *fixture = *state;
        const Address expected = build_address("198.51.100.1");
        const Listener *listener;
        struct stat status;
        int fd;

        assert_int_equal(seteuid(NOBODY), 0);
        fd = listening(fixture, "198.51.100.1", 8080, false);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fstat(fd, &status), 0);
        read_all(fixture);
        assert_int_equal(fixture->listeners.count, 1);
        listener = fixture->listeners.items;
        assert_int_equal(listener->protocol, PROTOCOL_TCP);
        assert_int_equal(listener->uid, NOBODY);
        assert_int_equal(listener->inode, status.st_ino);
        assert_int_equal(listener->port, 8080);
        assert_int_equal(listener->family, AF_INET);
        assert_int_equal(address_compare(&listener->address, &expected), 0);
        assert_int_equal(listener->ifindex, 0);
}

/* More users than are remembered, each asked for twice. */
static void each_user_is_named(void **state) {
        enum { USERS = USER_NAMES_MAX + 3, FIRST = 70000 };
        _cleanup_(hostports_reader_done) HostPortsReader reader = HOST_PORTS_READER_NEW;
        Fixture *fixture = *state;

        for (unsigned i = 0; i < USERS; i++) {
                assert_int_equal(seteuid(i == 0 ? 0 : FIRST + i), 0);
                listening(fixture, "198.51.100.1", (uint16_t) (8000 + i), false);
                assert_int_equal(seteuid(0), 0);
        }
        for (unsigned round = 0; round < 2; round++) {
                HostPort *ports;
                size_t n;

                assert_int_equal(hostports_read(&reader, 0, PROTOCOLS_ALL, NULL, 0, &ports, &n), 0);
                assert_int_equal(n, USERS);
                for (size_t i = 0; i < n; i++) {
                        char user[HOST_PORT_USER_SIZE] = "a process of user root";

                        if (ports[i].port != 8000)
                                snprintf(user, sizeof(user), "a process of user %u", FIRST + ports[i].port - 8000u);
                        assert_string_equal(ports[i].user, user);
                }
                free(ports);
        }
}

static size_t read_ports(HostPortsReader *reader, uint64_t now, unsigned protocols) {
        HostPort *ports;
        size_t n;

        assert_int_equal(hostports_read(reader, now, protocols, NULL, 0, &ports, &n), 0);
        free(ports);
        return n;
}

static void what_was_read_ahead_is_used_for_a_moment(void **state) {
        const unsigned tcp = protocol_bit(PROTOCOL_TCP), udp = protocol_bit(PROTOCOL_UDP);
        _cleanup_(hostports_reader_done) HostPortsReader reader = HOST_PORTS_READER_NEW;
        Fixture *fixture = *state;
        uint64_t now = 1000000;

        listening(fixture, "0.0.0.0", 8080, false);
        bound(fixture, SOCK_DGRAM, "0.0.0.0", 8080, false);
        hostports_look_ahead(&reader, now); /* it does not know yet for what */
        listening(fixture, "0.0.0.0", 8081, false);
        assert_int_equal(read_ports(&reader, now, tcp), 2);

        hostports_look_ahead(&reader, now);
        listening(fixture, "0.0.0.0", 8082, false);
        hostports_look_ahead(&reader, now + 1); /* that is soon enough */
        assert_int_equal(read_ports(&reader, now + HOST_PORTS_AHEAD_USEC - 1, tcp), 2);
        assert_int_equal(read_ports(&reader, now + HOST_PORTS_AHEAD_USEC - 1, tcp), 3);

        hostports_look_ahead(&reader, now);
        listening(fixture, "0.0.0.0", 8083, false);
        assert_int_equal(read_ports(&reader, now + HOST_PORTS_AHEAD_USEC, tcp), 4);

        /* Of another protocol it does not say anything; of one it does not need, nothing is said. */
        hostports_look_ahead(&reader, now);
        assert_int_equal(read_ports(&reader, now, tcp | udp), 5);
        hostports_look_ahead(&reader, now);
        assert_int_equal(read_ports(&reader, now, tcp), 4);
}

static void anyone_may_ask(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "0.0.0.0", 8080, false);
        assert_int_equal(seteuid(NOBODY), 0);
        read_all(fixture);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fixture->listeners.count, 1);
}

static void an_address_concerns_itself_and_any(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "198.51.100.1", 8080, false);
        listening(fixture, "2001:db8::1", 8081, false);
        assert_int_equal(met_by("198.51.100.1:8080:80"), 8080);
        assert_int_equal(met_by("0.0.0.0:8080:80"), 8080);
        assert_int_equal(met_by("8080"), 8080);
        assert_int_equal(met_by("127.0.0.1:8080:80"), 0);
        assert_int_equal(met_by("[::]:8080:80"), 0);
        assert_int_equal(met_by("8080/udp"), 0);
        assert_int_equal(met_by("0.0.0.0:8081:80"), 0);
        assert_int_equal(met_by("[::]:8081:80"), 8081);
        assert_int_equal(met_by("[2001:db8::1]:8081:80"), 8081);
        assert_int_equal(met_by("[2001:db8::2]:8081:80"), 0);
}

static void any_concerns_every_address_of_its_family(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "0.0.0.0", 8080, false);
        listening(fixture, "::", 8081, true);
        listening(fixture, "::", 8082, false);
        assert_int_equal(met_by("127.0.0.1:8080:80"), 8080);
        assert_int_equal(met_by("[::]:8080:80"), 0);
        assert_int_equal(met_by("[2001:db8::2]:8081:80"), 8081);
        assert_int_equal(met_by("0.0.0.0:8081:80"), 0);
        assert_int_equal(met_by("[2001:db8::2]:8082:80"), 8082);
        assert_int_equal(met_by("198.51.100.1:8082:80"), 8082);
        assert_int_equal(met_by("0.0.0.0:8082:80"), 8082);
}

static void a_mapped_address_is_ipv4(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "::ffff:198.51.100.1", 8080, false);
        assert_int_equal(met_by("198.51.100.1:8080:80"), 8080);
        assert_int_equal(met_by("127.0.0.1:8080:80"), 0);
        assert_int_equal(met_by("[::]:8080:80"), 0);
}

static void udp_sockets_without_a_peer_count(void **state) {
        Fixture *fixture = *state;
        struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(0x7f000001) };
        int client;

        bound(fixture, SOCK_DGRAM, "0.0.0.0", 53, false);
        bound(fixture, SOCK_DGRAM, "::", 54, true);
        bound(fixture, SOCK_DGRAM, "::", 55, false);
        client = bound(fixture, SOCK_DGRAM, "127.0.0.1", 56, false);
        assert_int_equal(connect(client, (struct sockaddr *) &peer, sizeof(peer)), 0);
        assert_int_equal(met_by("0.0.0.0:53:53/udp"), 53);
        assert_int_equal(met_by("53"), 0);
        assert_int_equal(met_by("0.0.0.0:54:53/udp"), 0);
        assert_int_equal(met_by("[::]:54:53/udp"), 54);
        assert_int_equal(met_by("0.0.0.0:55:53/udp"), 55);
        assert_int_equal(met_by("56/udp"), 0);
}

static void what_does_not_listen_does_not_count(void **state) {
        Fixture *fixture = *state;
        struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(8080),
                                      .sin_addr.s_addr = htonl(0x7f000001) };
        int client;

        bound(fixture, SOCK_STREAM, "0.0.0.0", 8081, false);
        listening(fixture, "127.0.0.1", 8080, false);
        client = bound(fixture, SOCK_STREAM, "127.0.0.1", 8082, false);
        assert_int_equal(connect(client, (struct sockaddr *) &server, sizeof(server)), 0);
        read_all(fixture);
        assert_int_equal(fixture->listeners.count, 1);
        close_fd(fixture->sockets[1]);
        fixture->sockets[1] = -1;
        read_all(fixture);
        assert_int_equal(fixture->listeners.count, 0);
}

static void ranges_find_the_lowest(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "0.0.0.0", 8005, false);
        listening(fixture, "198.51.100.1", 8003, false);
        listening(fixture, "::", 8001, true);
        assert_int_equal(met_by("0.0.0.0:8000-8010:8000-8010"), 8003);
        assert_int_equal(met_by("127.0.0.1:8000-8010:8000-8010"), 8005);
        assert_int_equal(met_by("[::]:8000-8010:8000-8010"), 8001);
        assert_int_equal(met_by("0.0.0.0:8006-65535:8006-65535"), 0);
        assert_int_equal(met_by("0.0.0.0:1-8002:1-8002"), 0);
}

/* True if bind(2) refuses that place to a socket of its family alone. */
static bool bind_refuses(const char *text, uint16_t port) {
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        bool is4 = inet_pton(AF_INET, text, &v4.sin_addr) == 1;
        _cleanup_close_ int fd = socket(is4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;

        assert_true(fd >= 0);
        if (is4)
                return bind(fd, (struct sockaddr *) &v4, sizeof(v4)) < 0;
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
        return bind(fd, (struct sockaddr *) &v6, sizeof(v6)) < 0;
}

/* A claim meets a listener where bind(2) would. */
static void agrees_with_bind(void **state) {
        const char *const places[] = { "0.0.0.0", "127.0.0.1", "198.51.100.1", "::", "2001:db8::1", "2001:db8::2" };
        Fixture *fixture = *state;
        uint16_t port = 9000;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                for (size_t k = 0; k < ELEMENTSOF(places); k++) {
                        bool is4 = !strchr(places[k], ':');
                        char entry[64];

                        listening(fixture, places[i], ++port, false);
                        snprintf(entry, sizeof(entry), is4 ? "%s:%u:80" : "[%s]:%u:80", places[k], port);
                        if (bind_refuses(places[k], port) != (met_by(entry) == port))
                                fail_msg("%s, %s", places[i], entry);
                }
}

static void many_are_read_at_once(void **state) {
        Fixture *fixture = *state;
        bool seen[ELEMENTSOF(fixture->sockets)] = {};
        uint64_t start;

        for (size_t i = 0; i < ELEMENTSOF(fixture->sockets); i++)
                listening(fixture, "0.0.0.0", (uint16_t) (10000 + i), false);
        start = spent_usec();
        read_all(fixture);
        print_message("%zu listeners in %u us\n", fixture->listeners.count, (unsigned) (spent_usec() - start));
        assert_int_equal(fixture->listeners.count, ELEMENTSOF(fixture->sockets));
        for (size_t i = 0; i < fixture->listeners.count; i++) {
                assert_in_range(fixture->listeners.items[i].port, 10000, 10000 + ELEMENTSOF(seen) - 1);
                seen[fixture->listeners.items[i].port - 10000] = true;
        }
        for (size_t i = 0; i < ELEMENTSOF(seen); i++)
                assert_true(seen[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_empty_host_has_none, setup, teardown),
                cmocka_unit_test_setup_teardown(says_who_listens, setup, teardown),
                cmocka_unit_test_setup_teardown(each_user_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(what_was_read_ahead_is_used_for_a_moment, setup, teardown),
                cmocka_unit_test_setup_teardown(anyone_may_ask, setup, teardown),
                cmocka_unit_test_setup_teardown(an_address_concerns_itself_and_any, setup, teardown),
                cmocka_unit_test_setup_teardown(any_concerns_every_address_of_its_family, setup, teardown),
                cmocka_unit_test_setup_teardown(a_mapped_address_is_ipv4, setup, teardown),
                cmocka_unit_test_setup_teardown(udp_sockets_without_a_peer_count, setup, teardown),
                cmocka_unit_test_setup_teardown(what_does_not_listen_does_not_count, setup, teardown),
                cmocka_unit_test_setup_teardown(ranges_find_the_lowest, setup, teardown),
                cmocka_unit_test_setup_teardown(agrees_with_bind, setup, teardown),
                cmocka_unit_test_setup_teardown(many_are_read_at_once, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
