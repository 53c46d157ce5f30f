/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/kernel/nft/network.h"

/* Beside what is allowed: port 81 of container ONE, as 8081, is translated and not allowed. */
static void expose_one(Fixture *fixture, bool enforce) {
        fixture->options.enforce = enforce;
        want_one(fixture);
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                want(fixture, dnat(protocols[i], 8081, "172.18.0.2", 81));
                want(fixture, dnat(protocols[i], 8081, "fd00:1::2", 81));
        }
        settle(fixture);
}

/* Counts, after our forward chain, which packets bear the mark and which do not. */
static void count_marks(void) {
        run("nft -f - <<'E'\n"
            "table inet count {\n"
            "  counter marked { }\n counter unmarked { }\n"
            "  chain forward { type filter hook forward priority 0;\n"
            "    meta mark & 0x80 == 0x80 counter name marked accept\n"
            "    meta l4proto { tcp, udp } counter name unmarked; }\n"
            "}\nE");
}

static bool counted(const char *name) {
        return try_run("nft reset counter inet count %s | grep -q 'packets [1-9]'", name) == 0;
}

typedef struct Case {
        Place from, at;
        const char *at4, *at6;
        uint16_t port;
        const char *to4, *to6;
        uint16_t to_port;
        bool passes, marked;
} Case;

static const Case cases[] = {
        { OUTSIDE, ONE, "172.18.0.2", "fd00:1::2", 80, "203.0.113.1", "2001:db8:1::1", 8080, true, true },
        { OUTSIDE, ONE, "172.18.0.2", "fd00:1::2", 81, "203.0.113.1", "2001:db8:1::1", 8081, false, false },
        /* addressed directly */
        { OUTSIDE, ONE, "172.18.0.2", "fd00:1::2", 80, "172.18.0.2", "fd00:1::2", 80, true, false },
        { OUTSIDE, ONE, "172.18.0.2", "fd00:1::2", 81, "172.18.0.2", "fd00:1::2", 81, false, false },
        /* a neighbour, by the host's address */
        { TWO, ONE, "172.18.0.2", "fd00:1::2", 80, "203.0.113.1", "2001:db8:1::1", 8080, true, true },
        { TWO, ONE, "172.18.0.2", "fd00:1::2", 81, "203.0.113.1", "2001:db8:1::1", 8081, false, false },
        /* what the container opens itself, and who has no profile of ours */
        { ONE, OUTSIDE, "203.0.113.2", "2001:db8:1::2", 81, "203.0.113.2", "2001:db8:1::2", 81, true, false },
        { OUTSIDE, TWO, "172.18.0.3", "fd00:1::3", 81, "172.18.0.3", "fd00:1::3", 81, true, false },
};

static void assert_case(const Network *network, const Case *wanted, int type, bool v6) {
        const char *at = v6 ? wanted->at6 : wanted->at4;
        _cleanup_close_ int server = open_server(network, wanted->at, type, at, wanted->port);
        const char *to = v6 ? wanted->to6 : wanted->to4;
        Reach got = wanted->passes ? reach(network, wanted->from, NULL, type, to, wanted->to_port, server)
                                   : reach_in_vain(network, wanted->from, NULL, type, to, wanted->to_port, server);

        if (got.reached != wanted->passes || got.refused)
                fail_msg("place %d to %s, port %u (type %d): reached %d", (int) wanted->from, to, wanted->to_port,
                         type, got.reached);
        if (counted("marked") != wanted->marked || counted("unmarked") != (wanted->passes && !wanted->marked))
                fail_msg("the mark of place %d to %s, port %u (type %d)", (int) wanted->from, to, wanted->to_port,
                         type);
}

static void only_what_the_profile_allows_is_forwarded(void **state) {
        Network *network = *state;

        expose_one(network->fixture, true);
        count_marks();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t k = 0; k < ELEMENTSOF(types); k++) {
                        assert_case(network, &cases[i], types[k], false);
                        assert_case(network, &cases[i], types[k], true);
                }
}

static void the_host_itself_is_not_policed(void **state) {
        Network *network = *state;

        expose_one(network->fixture, true);
        for (size_t k = 0; k < ELEMENTSOF(types); k++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[k], "172.18.0.2", 81);
                _cleanup_close_ int v6 = open_server(network, ONE, types[k], "fd00:1::2", 81);

                assert_true(reach(network, HOST, NULL, types[k], "172.18.0.2", 81, v4).reached);
                assert_true(reach(network, HOST, NULL, types[k], "fd00:1::2", 81, v6).reached);
                assert_true(reach(network, HOST, NULL, types[k], "203.0.113.1", 8081, v4).reached);
        }
}

/* By default a profile marks, and nobody is dropped. */
static void without_it_nothing_is_dropped(void **state) {
        Network *network = *state;

        expose_one(network->fixture, false);
        count_marks();
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Case wanted = cases[i];

                if (wanted.from == TWO && !wanted.passes)
                        continue; /* is not masqueraded, so its answer is lost: see below */
                wanted.passes = true;
                assert_case(network, &wanted, SOCK_STREAM, false);
                assert_case(network, &wanted, SOCK_DGRAM, true);
        }
}

/* An allowance that goes takes what is open with it. */
static void a_withdrawal_cuts_what_is_open(void **state) {
        Network *network = *state;
        int server = open_server(network, ONE, SOCK_DGRAM, "172.18.0.2", 80);

        expose_one(network->fixture, true);
        assert_true(reach(network, OUTSIDE, "203.0.113.2", SOCK_DGRAM, "203.0.113.1", 8080, server).reached);
        unwant(network->fixture, allow("web", "172.18.0.2", PROTOCOL_UDP, 80, 80));
        settle(network->fixture);
        assert_false(reach_in_vain(network, OUTSIDE, "203.0.113.2", SOCK_DGRAM, "203.0.113.1", 8080, server).reached);
        close_fd(server);
}

/* An answer that nobody asked for: to connection tracking it belongs to nothing. */
static bool stray_arrives(const Network *network, int receiver) {
        const struct icmphdr answer = { .type = ICMP_ECHOREPLY, .checksum = htons(0xffff) };
        struct sockaddr_in to = { .sin_family = AF_INET };
        struct pollfd wanted = { .fd = receiver, .events = POLLIN };
        Address parsed = address("172.18.0.2");
        bool arrived;
        char buffer[128];
        int fd;

        memcpy(&to.sin_addr, parsed.bytes, sizeof(to.sin_addr));
        enter(network, OUTSIDE);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        assert_return_code(fd, errno);
        assert_int_equal(sendto(fd, &answer, sizeof(answer), 0, (struct sockaddr *) &to, sizeof(to)), sizeof(answer));
        close_fd(fd);
        enter(network, HOST);
        arrived = poll(&wanted, 1, 150) == 1;
        if (arrived)
                assert_true(recv(receiver, buffer, sizeof(buffer), 0) > 0);
        return arrived;
}

static void what_belongs_to_no_connection_is_dropped(void **state) {
        Network *network = *state;
        int receiver;

        enter(network, ONE);
        receiver = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
        assert_return_code(receiver, errno);
        enter(network, HOST);
        expose_one(network->fixture, false);
        assert_true(stray_arrives(network, receiver));
        network->fixture->options.enforce = true;
        settle(network->fixture);
        assert_false(stray_arrives(network, receiver));
        close_fd(receiver);
}

/* Whom a datagram to that port of the host comes from, as the container sees it. */
static Address seen_source(const Network *network, uint16_t port, int server) {
        int client = open_client(network, TWO, NULL, SOCK_DGRAM, "203.0.113.1", port);
        struct pollfd wanted = { .fd = server, .events = POLLIN };
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        char byte;

        assert_int_equal(send(client, "x", 1, 0), 1);
        assert_int_equal(poll(&wanted, 1, 5000), 1);
        assert_int_equal(recvfrom(server, &byte, 1, 0, (struct sockaddr *) &from, &size), 1);
        close_fd(client);
        return address_from_bytes(AF_INET, &from.sin_addr);
}

/* What others translate to the same network is theirs to masquerade or not. */
static void only_our_own_connections_are_masqueraded(void **state) {
        Network *network = *state;
        _cleanup_close_ int allowed = open_server(network, ONE, SOCK_DGRAM, "172.18.0.2", 80);
        _cleanup_close_ int other = open_server(network, THREE, SOCK_DGRAM, "172.18.0.4", 82);
        Address host = address("172.18.0.1"), neighbour = address("172.18.0.3"), seen;

        expose_one(network->fixture, false);
        run("nft -f - <<'E'\n"
            "table ip somebodys { chain prerouting { type nat hook prerouting priority -100;\n"
            "  udp dport 9090 dnat to 172.18.0.4:82; }; }\nE");
        seen = seen_source(network, 8080, allowed);
        assert_int_equal(address_compare(&seen, &host), 0);
        seen = seen_source(network, 9090, other);
        assert_int_equal(address_compare(&seen, &neighbour), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NETWORK_TEST(only_what_the_profile_allows_is_forwarded),
                NETWORK_TEST(the_host_itself_is_not_policed),
                NETWORK_TEST(without_it_nothing_is_dropped),
                NETWORK_TEST(a_withdrawal_cuts_what_is_open),
                NETWORK_TEST(what_belongs_to_no_connection_is_dropped),
                NETWORK_TEST(only_our_own_connections_are_masqueraded),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
