/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/kernel/nft/network.h"

static void expose_one(Fixture *fixture) {
        want_one(fixture);
        settle(fixture);
}

static void assert_reached(Reach got, const char *seen, uint16_t port) {
        Address expected = address(seen);
        char text[ADDRESS_TEXT_SIZE];

        assert_true(got.reached);
        if (address_compare(&got.seen, &expected) != 0)
                fail_msg("the server sees %s, not %s", address_format(&got.seen, text), seen);
        assert_int_equal(got.port, port);
}

static void assert_closed(Reach got) {
        assert_false(got.reached);
}

static void outside_reaches_the_container(void **state) {
        Network *network = *state;

        expose_one(network->fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);
                _cleanup_close_ int v6 = open_server(network, ONE, types[i], "fd00:1::2", 80);

                assert_reached(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", 8080, v4), "203.0.113.2", 80);
                assert_reached(reach(network, OUTSIDE, NULL, types[i], "2001:db8:1::1", 8080, v6), "2001:db8:1::2", 80);
                assert_closed(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", 80, v4));
        }
        elements_done(&network->fixture->desired);
        settle(network->fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);

                assert_true(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", 8080, v4).refused);
        }
}

static void the_host_reaches_the_container(void **state) {
        Network *network = *state;

        expose_one(network->fixture);
        run("echo 1 >/proc/sys/net/ipv4/conf/br0/route_localnet");
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);
                _cleanup_close_ int v6 = open_server(network, ONE, types[i], "fd00:1::2", 80);

                assert_reached(reach(network, HOST, NULL, types[i], "203.0.113.1", 8080, v4), "203.0.113.1", 80);
                assert_reached(reach(network, HOST, NULL, types[i], "2001:db8:1::1", 8080, v6), "2001:db8:1::1", 80);
                assert_reached(reach(network, HOST, NULL, types[i], "127.0.0.1", 8080, v4), "172.18.0.1", 80);
                assert_reached(reach(network, HOST, NULL, types[i], "127.1.2.3", 8080, v4), "172.18.0.1", 80);
                /* cannot be done, and must not hang */
                assert_true(reach(network, HOST, NULL, types[i], "::1", 8080, v6).refused);
        }
        network->fixture->options.localhost = false;
        settle(network->fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);

                assert_true(reach(network, HOST, NULL, types[i], "127.0.0.1", 8080, v4).refused);
                assert_reached(reach(network, HOST, NULL, types[i], "203.0.113.1", 8080, v4), "203.0.113.1", 80);
        }
}

/* By the host's address, from a container on the same bridge, and from the container itself. */
static void neighbours_reach_the_container(void **state) {
        Network *network = *state;

        expose_one(network->fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);
                _cleanup_close_ int v6 = open_server(network, ONE, types[i], "fd00:1::2", 80);

                assert_reached(reach(network, TWO, NULL, types[i], "203.0.113.1", 8080, v4), "172.18.0.1", 80);
                assert_reached(reach(network, TWO, NULL, types[i], "2001:db8:1::1", 8080, v6), "fd00:1::1", 80);
                assert_reached(reach(network, ONE, NULL, types[i], "172.18.0.1", 8080, v4), "172.18.0.1", 80);
                assert_reached(reach(network, ONE, NULL, types[i], "2001:db8:1::1", 8080, v6), "fd00:1::1", 80);
        }
}

/* A routed address without neighbours: only the container itself is translated. */
static void a_container_without_neighbours_reaches_itself(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int server;

        enter(network, ONE);
        run("ip addr add 192.168.0.7/32 dev lo");
        enter(network, HOST);
        run("ip route add 192.168.0.7 via 172.18.0.2");
        want(fixture, dnat(PROTOCOL_TCP, 8080, "192.168.0.7", 80));
        want(fixture, hairpin("192.168.0.7"));
        want(fixture, profile("web"));
        want(fixture, allow("web", "192.168.0.7", PROTOCOL_TCP, 80, 80));
        want(fixture, endpoint("192.168.0.7", "web"));
        settle(fixture);
        server = open_server(network, ONE, SOCK_STREAM, "192.168.0.7", 80);
        assert_reached(reach(network, ONE, "192.168.0.7", SOCK_STREAM, "203.0.113.1", 8080, server), "172.18.0.1", 80);
        assert_reached(reach(network, OUTSIDE, NULL, SOCK_STREAM, "203.0.113.1", 8080, server), "203.0.113.2", 80);
        close_fd(server);
}

static void one_address_of_the_host_is_exposed_alone(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;

        want(fixture, dnat_host("203.0.113.1", PROTOCOL_TCP, 81, "172.18.0.2", 80));
        want(fixture, dnat_host("203.0.113.1", PROTOCOL_UDP, 81, "172.18.0.2", 80));
        want(fixture, dnat_host("2001:db8:1::1", PROTOCOL_TCP, 81, "fd00:1::2", 80));
        want(fixture, dnat_host("2001:db8:1::1", PROTOCOL_UDP, 81, "fd00:1::2", 80));
        settle(fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", 80);
                _cleanup_close_ int v6 = open_server(network, ONE, types[i], "fd00:1::2", 80);

                assert_reached(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", 81, v4), "203.0.113.2", 80);
                assert_reached(reach(network, OUTSIDE, NULL, types[i], "2001:db8:1::1", 81, v6), "2001:db8:1::2", 80);
                assert_closed(reach(network, OUTSIDE, NULL, types[i], "172.18.0.1", 81, v4));
                assert_closed(reach(network, OUTSIDE, NULL, types[i], "fd00:1::1", 81, v6));
        }
}

static void a_range_keeps_its_ports(void **state) {
        static const uint16_t inside[] = { 30000, 30007, 30100 }, outside[] = { 29999, 30101 };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                want(fixture, dnat_range(NULL, protocols[i], 30000, 30100, "172.18.0.2"));
                want(fixture, dnat_range("2001:db8:1::1", protocols[i], 30000, 30100, "fd00:1::2"));
        }
        settle(fixture);
        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                for (size_t k = 0; k < ELEMENTSOF(inside); k++) {
                        _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", inside[k]);
                        _cleanup_close_ int v6 = open_server(network, ONE, types[i], "fd00:1::2", inside[k]);

                        assert_reached(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", inside[k], v4),
                                       "203.0.113.2", inside[k]);
                        assert_reached(reach(network, OUTSIDE, NULL, types[i], "2001:db8:1::1", inside[k], v6),
                                       "2001:db8:1::2", inside[k]);
                        assert_closed(reach(network, OUTSIDE, NULL, types[i], "fd00:1::1", inside[k], v6));
                }
                for (size_t k = 0; k < ELEMENTSOF(outside); k++) {
                        _cleanup_close_ int v4 = open_server(network, ONE, types[i], "172.18.0.2", outside[k]);

                        assert_closed(reach(network, OUTSIDE, NULL, types[i], "203.0.113.1", outside[k], v4));
                }
        }
}

/* A claim on one address comes before one on all, and a single port before a range. */
static void the_narrower_claim_is_found_first(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int one = open_server(network, ONE, SOCK_STREAM, "172.18.0.2", 80);
        int two = open_server(network, TWO, SOCK_STREAM, "172.18.0.3", 80);
        int range = open_server(network, TWO, SOCK_STREAM, "172.18.0.3", 83);

        want(fixture, dnat(PROTOCOL_TCP, 82, "172.18.0.3", 80));
        want(fixture, dnat_host("203.0.113.1", PROTOCOL_TCP, 82, "172.18.0.2", 80));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 80, 90, "172.18.0.3"));
        settle(fixture);
        assert_reached(reach(network, OUTSIDE, NULL, SOCK_STREAM, "203.0.113.1", 82, one), "203.0.113.2", 80);
        assert_reached(reach(network, OUTSIDE, NULL, SOCK_STREAM, "172.18.0.1", 82, two), "203.0.113.2", 80);
        assert_reached(reach(network, OUTSIDE, NULL, SOCK_STREAM, "203.0.113.1", 83, range), "203.0.113.2", 83);
        close_fd(one);
        close_fd(two);
        close_fd(range);
}

/* CVE-2025-67499: a port that is exposed here is not taken from what merely passes through. */
static void traffic_that_passes_through_is_left_alone(void **state) {
        Network *network = *state;
        int outside = open_server(network, OUTSIDE, SOCK_STREAM, "203.0.113.2", 8080);

        expose_one(network->fixture);
        assert_reached(reach(network, TWO, NULL, SOCK_STREAM, "203.0.113.2", 8080, outside), "172.18.0.3", 8080);
        close_fd(outside);
}

/* CVE-2020-8558: with route_localnet, who sits on the wire could speak to the host's loopback services. */
static void nobody_on_the_wire_reaches_loopback(void **state) {
        Network *network = *state;
        int loopback = open_server(network, HOST, SOCK_DGRAM, "127.0.0.1", 5353);
        int any = open_server(network, HOST, SOCK_DGRAM, "0.0.0.0", 5354);

        run("echo 1 >/proc/sys/net/ipv4/conf/br0/route_localnet");
        enter(network, ONE);
        run("ip addr del 127.0.0.1/8 dev lo; ip route add 127.0.0.0/8 via 172.18.0.1");
        run("echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet");
        enter(network, HOST);
        /* Without the guard they arrive, or this test would show nothing. */
        assert_true(arrives(network, ONE, "172.18.0.2", "127.0.0.1", 5353, loopback));
        assert_true(arrives(network, ONE, "127.0.0.9", "172.18.0.1", 5354, any));
        expose_one(network->fixture);
        assert_false(arrives(network, ONE, "172.18.0.2", "127.0.0.1", 5353, loopback));
        assert_false(arrives(network, ONE, "127.0.0.9", "172.18.0.1", 5354, any));
        assert_true(arrives(network, ONE, "172.18.0.2", "172.18.0.1", 5354, any));
        assert_true(arrives(network, HOST, "127.0.0.1", "127.0.0.1", 5353, loopback));
        close_fd(loopback);
        close_fd(any);
}

/* Counts, after our forward chain, which packets bear the mark, by direction. */
static void count_marks(void) {
        run("nft -f - <<'E'\n"
            "table inet count {\n"
            "  counter original { }\n counter reply { }\n counter errors { }\n counter unmarked { }\n"
            "  chain forward { type filter hook forward priority 0;\n"
            "    meta mark & 0x80 == 0x80 ct state related counter name errors accept\n"
            "    meta mark & 0x80 == 0x80 ct direction original counter name original accept\n"
            "    meta mark & 0x80 == 0x80 ct direction reply counter name reply accept\n"
            "    meta l4proto { tcp, udp, icmp } counter name unmarked; }\n"
            "}\nE");
}

static unsigned long count(const char *name) {
        char *text = output_of("nft list counter inet count %s | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'", name);
        unsigned long value = strtoul(text, NULL, 10);

        free(text);
        run("nft reset counter inet count %s >/dev/null", name);
        return value;
}

static void a_profile_marks_both_directions(void **state) {
        static const struct {
                const char *host, *container;
        } families[] = { { "203.0.113.1", "172.18.0.2" }, { "2001:db8:1::1", "fd00:1::2" } };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        expose_one(fixture);
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 30000, 30010, "172.18.0.2"));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_TCP, 30000, 30005));
        settle(fixture);
        count_marks();
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (size_t k = 0; k < ELEMENTSOF(families); k++) {
                        _cleanup_close_ int server = open_server(network, ONE, types[i], families[k].container, 80);

                        assert_true(reach(network, OUTSIDE, NULL, types[i], families[k].host, 8080, server).reached);
                        assert_true(count("original") > 0);
                        assert_true(count("reply") > 0);
                        assert_int_equal(count("unmarked"), 0);
                }
        for (uint16_t port = 30000; port <= 30010; port = (uint16_t) (port + 5)) {
                _cleanup_close_ int server = open_server(network, ONE, SOCK_STREAM, "172.18.0.2", port);
                bool allowed = port <= 30005;

                assert_true(reach(network, OUTSIDE, NULL, SOCK_STREAM, "203.0.113.1", port, server).reached);
                assert_int_equal(count("original") > 0, allowed);
                assert_int_equal(count("reply") > 0, allowed);
                assert_int_equal(count("unmarked") == 0, allowed);
        }
}

/* Whatever is taken out of a profile is not marked from the next packet on, though the connection goes on. */
static void a_withdrawal_takes_the_mark_at_once(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int server = open_server(network, ONE, SOCK_DGRAM, "172.18.0.2", 80);

        expose_one(fixture);
        count_marks();
        assert_true(reach(network, OUTSIDE, "203.0.113.2", SOCK_DGRAM, "203.0.113.1", 8080, server).reached);
        assert_int_equal(count("original"), 1);
        assert_int_equal(count("reply"), 1);
        unwant(fixture, allow("web", "172.18.0.2", PROTOCOL_UDP, 80, 80));
        settle(fixture);
        assert_true(reach(network, OUTSIDE, "203.0.113.2", SOCK_DGRAM, "203.0.113.1", 8080, server).reached);
        assert_int_equal(count("original") + count("reply"), 0);
        assert_int_equal(count("unmarked"), 2);
        close_fd(server);
}

/* An error about an exposed connection bears the mark, too: here "port unreachable" from the container. */
static void errors_are_marked(void **state) {
        Network *network = *state;

        for (int i = 0; i < 2; i++) {
                int other = open_server(network, ONE, SOCK_DGRAM, i == 0 ? "172.18.0.2" : "fd00:1::2", 4000);

                if (i == 0)
                        expose_one(network->fixture), count_marks();
                assert_true(reach(network, OUTSIDE, NULL, SOCK_DGRAM, i == 0 ? "203.0.113.1" : "2001:db8:1::1", 8080,
                                  other).refused);
                assert_int_equal(count("errors"), 1);
                close_fd(other);
        }
}

/* Bits outside the mask are others': they stay as they are. */
static void other_bits_of_the_mark_stay(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int server = open_server(network, ONE, SOCK_DGRAM, "172.18.0.2", 80);
        char *text;

        fixture->options.mark = 0x1200;
        fixture->options.mask = 0xff00;
        expose_one(fixture);
        run("nft -f - <<'E'\n"
            "table inet count {\n"
            "chain prerouting { type filter hook prerouting priority -200; meta mark set 0xabcdef12; };\n"
            "chain forward { type filter hook forward priority 0; meta mark 0xabcd1212 counter; }; }\nE");
        assert_true(reach(network, OUTSIDE, NULL, SOCK_DGRAM, "203.0.113.1", 8080, server).reached);
        text = output_of("nft list chain inet count forward | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'");
        assert_string_equal(text, "2\n");
        free(text);
        close_fd(server);
}

/* The kernel's connection tracking wants the checksum (RFC 9260, appendix A) to be right. */
static uint32_t crc32c(const uint8_t *bytes, size_t size) {
        uint32_t crc = UINT32_MAX;

        for (size_t i = 0; i < size; i++) {
                crc ^= bytes[i];
                for (int bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
        return ~crc;
}

/* The first packet of an association, made by hand: the kernel need not have SCTP. */
static void send_sctp_init(const Network *network, const char *text, uint16_t port) {
        uint8_t packet[32] = { [4] = 0, [12] = 1, [15] = 20, [19] = 1, [23] = 255, [25] = 1, [27] = 1, [31] = 1 };
        uint16_t source = htons(7777), destination = htons(port);
        struct sockaddr_in to = { .sin_family = AF_INET };
        Address parsed = address(text);
        uint32_t crc;
        int fd;

        memcpy(packet, &source, sizeof(source));
        memcpy(packet + 2, &destination, sizeof(destination));
        crc = htole32(crc32c(packet, sizeof(packet)));
        memcpy(packet + 8, &crc, sizeof(crc));
        memcpy(&to.sin_addr, parsed.bytes, sizeof(to.sin_addr));
        enter(network, OUTSIDE);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);
        assert_return_code(fd, errno);
        assert_int_equal(sendto(fd, packet, sizeof(packet), 0, (struct sockaddr *) &to, sizeof(to)), sizeof(packet));
        close_fd(fd);
        enter(network, HOST);
}

static uint16_t receive_sctp_port(int fd) {
        struct pollfd wanted = { .fd = fd, .events = POLLIN };
        uint8_t packet[128];
        uint16_t port;

        assert_int_equal(poll(&wanted, 1, 5000), 1);
        assert_true(recv(fd, packet, sizeof(packet), 0) >= 20 + 12);
        memcpy(&port, packet + (size_t) (packet[0] & 15) * 4 + 2, sizeof(port));
        return ntohs(port);
}

static void sctp_is_translated_and_marked(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int fd;

        want(fixture, profile("web"));
        want(fixture, endpoint("172.18.0.2", "web"));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_SCTP, 5001, 5001));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_SCTP, 6000, 6010));
        want(fixture, dnat(PROTOCOL_SCTP, 5000, "172.18.0.2", 5001));
        want(fixture, dnat_range(NULL, PROTOCOL_SCTP, 6000, 6010, "172.18.0.2"));
        settle(fixture);
        count_marks();
        enter(network, ONE);
        fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_SCTP);
        assert_return_code(fd, errno);
        enter(network, HOST);
        send_sctp_init(network, "203.0.113.1", 5000);
        assert_int_equal(receive_sctp_port(fd), 5001);
        assert_int_equal(count("original"), 1);
        send_sctp_init(network, "203.0.113.1", 6007);
        assert_int_equal(receive_sctp_port(fd), 6007);
        assert_int_equal(count("original"), 1);
        close_fd(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NETWORK_TEST(outside_reaches_the_container),
                NETWORK_TEST(the_host_reaches_the_container),
                NETWORK_TEST(neighbours_reach_the_container),
                NETWORK_TEST(a_container_without_neighbours_reaches_itself),
                NETWORK_TEST(one_address_of_the_host_is_exposed_alone),
                NETWORK_TEST(a_range_keeps_its_ports),
                NETWORK_TEST(the_narrower_claim_is_found_first),
                NETWORK_TEST(traffic_that_passes_through_is_left_alone),
                NETWORK_TEST(nobody_on_the_wire_reaches_loopback),
                NETWORK_TEST(a_profile_marks_both_directions),
                NETWORK_TEST(a_withdrawal_takes_the_mark_at_once),
                NETWORK_TEST(errors_are_marked),
                NETWORK_TEST(other_bits_of_the_mark_stay),
                NETWORK_TEST(sctp_is_translated_and_marked),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
