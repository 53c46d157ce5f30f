/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "daemon/net/listeners.h"
#include "netns.h"

#define NOBODY 65534

typedef struct Fixture {
        int sockets[64];
        size_t n_sockets;
        Listeners listeners;
} Fixture;

static int setup(void **state) {
        static Fixture fixture;

        netns_enter_fresh();
        netns_run("ip addr add 198.51.100.1/24 dev lo && ip addr add 2001:db8::1/64 dev lo nodad");
        fixture = (Fixture) {};
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        while (fixture->n_sockets > 0)
                close_fd(fixture->sockets[--fixture->n_sockets]);
        listeners_done(&fixture->listeners);
        return 0;
}

static Address address(const char *text) {
        Address a = {};

        if (text)
                assert_int_equal(address_parse(text, &a), 0);
        return a;
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
        assert_int_equal(listeners_read(&fixture->listeners), 0);
}

static const Listener *find_range(Fixture *fixture, const char *host, uint8_t family, Protocol protocol,
                                  uint16_t first, uint16_t last) {
        Address a = address(host);

        return listeners_find(&fixture->listeners, family, &a, protocol, (PortRange) { first, last });
}

static const Listener *find(Fixture *fixture, const char *host, uint8_t family, Protocol protocol, uint16_t port) {
        return find_range(fixture, host, family, protocol, port, port);
}

static void an_empty_host_has_none(void **state) {
        Fixture *fixture = *state;

        read_all(fixture);
        assert_int_equal(fixture->listeners.count, 0);
        assert_null(find_range(fixture, NULL, AF_INET, PROTOCOL_TCP, 1, 65535));
}

static void says_who_listens(void **state) {
        Fixture *fixture = *state;
        const Listener *listener;
        struct stat status;
        int fd;

        assert_int_equal(seteuid(NOBODY), 0);
        fd = listening(fixture, "198.51.100.1", 8080, false);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fstat(fd, &status), 0);
        read_all(fixture);
        listener = find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8080);
        assert_non_null(listener);
        assert_int_equal(listener->uid, NOBODY);
        assert_int_equal(listener->inode, status.st_ino);
        assert_int_equal(listener->port, 8080);
        assert_int_equal(listener->family, AF_INET);
        Address expected = address("198.51.100.1");
        assert_int_equal(address_compare(&listener->address, &expected), 0);
        assert_int_equal(listener->ifindex, 0);
}

static void anyone_may_ask(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "0.0.0.0", 8080, false);
        assert_int_equal(seteuid(NOBODY), 0);
        read_all(fixture);
        assert_int_equal(seteuid(0), 0);
        assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8080));
}

static void an_address_concerns_itself_and_any(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "198.51.100.1", 8080, false);
        listening(fixture, "2001:db8::1", 8081, false);
        read_all(fixture);
        assert_non_null(find(fixture, "198.51.100.1", AF_INET, PROTOCOL_TCP, 8080));
        assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, "127.0.0.1", AF_INET, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, NULL, AF_INET6, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_UDP, 8080));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8081));
        assert_non_null(find(fixture, NULL, AF_INET6, PROTOCOL_TCP, 8081));
        assert_non_null(find(fixture, "2001:db8::1", AF_INET6, PROTOCOL_TCP, 8081));
        assert_null(find(fixture, "::1", AF_INET6, PROTOCOL_TCP, 8081));
}

static void any_concerns_every_address_of_its_family(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "0.0.0.0", 8080, false);
        listening(fixture, "::", 8081, true);
        listening(fixture, "::", 8082, false);
        read_all(fixture);
        assert_non_null(find(fixture, "127.0.0.1", AF_INET, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, NULL, AF_INET6, PROTOCOL_TCP, 8080));
        assert_non_null(find(fixture, "::1", AF_INET6, PROTOCOL_TCP, 8081));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8081));
        assert_non_null(find(fixture, "::1", AF_INET6, PROTOCOL_TCP, 8082));
        assert_non_null(find(fixture, "198.51.100.1", AF_INET, PROTOCOL_TCP, 8082));
        assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 8082));
}

static void a_mapped_address_is_ipv4(void **state) {
        Fixture *fixture = *state;

        listening(fixture, "::ffff:198.51.100.1", 8080, false);
        read_all(fixture);
        assert_non_null(find(fixture, "198.51.100.1", AF_INET, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, "127.0.0.1", AF_INET, PROTOCOL_TCP, 8080));
        assert_null(find(fixture, NULL, AF_INET6, PROTOCOL_TCP, 8080));
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
        read_all(fixture);
        assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_UDP, 53));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, 53));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_UDP, 54));
        assert_non_null(find(fixture, NULL, AF_INET6, PROTOCOL_UDP, 54));
        assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_UDP, 55));
        assert_null(find(fixture, NULL, AF_INET, PROTOCOL_UDP, 56));
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
        read_all(fixture);
        assert_int_equal(find_range(fixture, NULL, AF_INET, PROTOCOL_TCP, 8000, 8010)->port, 8003);
        assert_int_equal(find_range(fixture, "127.0.0.1", AF_INET, PROTOCOL_TCP, 8000, 8010)->port, 8005);
        assert_int_equal(find_range(fixture, NULL, AF_INET6, PROTOCOL_TCP, 8000, 8010)->port, 8001);
        assert_null(find_range(fixture, NULL, AF_INET, PROTOCOL_TCP, 8006, 65535));
        assert_null(find_range(fixture, NULL, AF_INET, PROTOCOL_TCP, 1, 8002));
}

/* The answer is what bind(2) itself would say. */
static void agrees_with_bind(void **state) {
        const char *const places[] = { "0.0.0.0", "127.0.0.1", "198.51.100.1", "::", "::1", "2001:db8::1" };
        Fixture *fixture = *state;
        uint16_t port = 9000;

        for (size_t i = 0; i < ELEMENTSOF(places); i++)
                for (size_t k = 0; k < ELEMENTSOF(places); k++) {
                        uint8_t family = strchr(places[k], ':') ? AF_INET6 : AF_INET;
                        bool any = strcmp(places[k], "0.0.0.0") == 0 || strcmp(places[k], "::") == 0, refused;
                        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(++port) };
                        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
                        const int only6 = 1;
                        int listener = listening(fixture, places[i], port, false), fd;

                        read_all(fixture);
                        fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
                        if (family == AF_INET) {
                                assert_int_equal(inet_pton(AF_INET, places[k], &v4.sin_addr), 1);
                                refused = bind(fd, (struct sockaddr *) &v4, sizeof(v4)) < 0;
                        } else {
                                setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6));
                                assert_int_equal(inet_pton(AF_INET6, places[k], &v6.sin6_addr), 1);
                                refused = bind(fd, (struct sockaddr *) &v6, sizeof(v6)) < 0;
                        }
                        if (refused != !!find(fixture, any ? NULL : places[k], family, PROTOCOL_TCP, port))
                                fail_msg("%s, %s", places[i], places[k]);
                        close_fd(fd);
                        close_fd(listener);
                        fixture->n_sockets--;
                }
}

static void many_are_read_at_once(void **state) {
        Fixture *fixture = *state;
        uint64_t start;
        int fds[900];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = listening(fixture, "0.0.0.0", (uint16_t) (10000 + i), false);
                fixture->n_sockets--;
        }
        start = spent_usec();
        read_all(fixture);
        print_message("%zu listeners in %u us\n", fixture->listeners.count, (unsigned) (spent_usec() - start));
        assert_int_equal(fixture->listeners.count, ELEMENTSOF(fds));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                assert_non_null(find(fixture, NULL, AF_INET, PROTOCOL_TCP, (uint16_t) (10000 + i)));
                close_fd(fds[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_empty_host_has_none, setup, teardown),
                cmocka_unit_test_setup_teardown(says_who_listens, setup, teardown),
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
