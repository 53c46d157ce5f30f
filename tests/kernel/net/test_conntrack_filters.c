/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which flows a filter deletes. */

#include "conntrack_fixture.h"
#include "flows.h"
#include "netns.h"

static void tcp_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int listener = fixture_server(fixture, SOCK_STREAM, "172.30.0.2", 80), other, accepted;

        fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8080);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8080);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        other = fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 8081);
        accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        fixture->sockets[fixture->n_sockets++] = accepted;
        assert_int_equal(flows_count("tcp*dport=8080"), 2);

        fixture_delete_one(fixture, translated(PROTOCOL_TCP, 8080, "172.30.0.2", 80), 2);
        assert_int_equal(flows_count("tcp*dport=8080"), 0);
        assert_int_equal(flows_count("tcp*dport=8081"), 1);
        /* The other one is still a connection. */
        assert_true(datagram_arrives(accepted));
        assert_int_equal(send(other, "y", 1, 0), 1);
        assert_true(datagram_arrives(accepted));
}

static void udp_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int receiver = fixture_server(fixture, SOCK_DGRAM, "172.30.0.2", 80);

        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8081);
        assert_true(datagram_arrives(receiver) && datagram_arrives(receiver));
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
        assert_int_equal(flows_count("dport=8081"), 1);
}

static void ipv6_flows_of_one_port_go(void **state) {
        Fixture *fixture = *state;
        int receiver = fixture_server(fixture, SOCK_DGRAM, "fd00:30::2", 80);
        int listener = fixture_server(fixture, SOCK_STREAM, "fd00:30::2", 80);
        const FlowFilter filters[] = {
                translated(PROTOCOL_UDP, 8080, "fd00:30::2", 80), translated(PROTOCOL_TCP, 8080, "fd00:30::2", 80),
        };

        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 8080);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 8081);
        assert_true(datagram_arrives(receiver) && datagram_arrives(receiver));
        fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "2001:db8:9::1", 8080);
        fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "2001:db8:9::1", 8081);
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        close_fd(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
        /* An IPv4 flow of the same numbers. */
        fixture_server(fixture, SOCK_DGRAM, "172.30.0.2", 80);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);

        fixture_delete_flows(fixture, filters, 2, 2);
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
        fixture_delete_one(fixture, translated(PROTOCOL_SCTP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("sctp*dport=8080"), 0);
        assert_int_equal(flows_count("sctp*dport=8081"), 1);
}

static void the_host_address_counts(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 8080, "172.30.0.3", 80);

        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.3", 8080);
        assert_int_equal(flows_count("dst=198.51.100.3*src=172.30.0.3"), 1);
        /* Another address than the exposure's. */
        filter.destination = prefix("198.51.100.1");
        fixture_delete_one(fixture, filter, 0);
        assert_int_equal(flows_count("dport=8080"), 2);
        filter.destination = prefix("198.51.100.3");
        fixture_delete_one(fixture, filter, 1);
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

        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 8080);
        /* To the container's own address, not sent on by anybody. */
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "172.30.0.2", 80);
        fixture_delete_flows(fixture, filters, ELEMENTSOF(filters), 0);
        assert_int_equal(flows_count("udp"), 2);
}

static void a_shifted_range_goes_port_by_port(void **state) {
        Fixture *fixture = *state;
        FlowFilter filter = translated(PROTOCOL_UDP, 20000, "172.30.0.2", 9000);

        netns_run("nft 'insert rule inet t p dnat ip to udp dport map { 20000 : 172.30.0.2 . 9000,"
                  " 20005 : 172.30.0.2 . 9005, 20010 : 172.30.0.2 . 9010, 20011 : 172.30.0.2 . 9011,"
                  " 20007 : 172.30.0.2 . 9006 }'");
        for (uint16_t port = 20000; port <= 20011; port++)
                fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", port);
        filter.ports.last = 20010;
        fixture_delete_one(fixture, filter, 3);
        assert_int_equal(flows_count("dport=20011*src=172.30.0.2"), 1);
        /* Somebody else's translation within the range. */
        assert_int_equal(flows_count("dport=20007*src=172.30.0.2"), 1);
}

static void masqueraded_flows_go_as_well(void **state) {
        Fixture *fixture = *state;

        fixture_flow_from(fixture, fixture->container, SOCK_DGRAM, "172.30.0.1", 8080);
        assert_int_equal(flows_count("src=172.30.0.2 dst=172.30.0.1*dport=8080*src=172.30.0.2 dst=172.30.0.1"), 1);
        fixture_delete_one(fixture, translated(PROTOCOL_UDP, 8080, "172.30.0.2", 80), 1);
        assert_int_equal(flows_count("dport=8080"), 0);
}

/* moby#8795: a datagram that came too early pins its flow for as long as the sender goes on. */
static void a_pinned_sender_is_set_free(void **state) {
        Fixture *fixture = *state;
        int receiver = fixture_server(fixture, SOCK_DGRAM, "172.30.0.2", 53), sender, direct, own;
        Endpoint to;
        socklen_t size;

        sender = fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 5353);
        /* These go elsewhere, and the port only happens to be the same: through the host, and from it. */
        direct = fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "172.30.0.2", 5353);
        own = fixture_flow_from(fixture, fixture->host, SOCK_DGRAM, "198.51.100.2", 5353);
        assert_int_equal(flows_count("dport=5353"), 3);

        netns_run("nft 'insert rule inet t p fib daddr type local udp dport 5353 dnat ip to 172.30.0.2:53'");
        (void) send(sender, "x", 1, 0); /* the refusal of the first one comes as an error here */
        (void) send(sender, "x", 1, 0);
        assert_int_equal(flows_count("dport=5353*src=172.30.0.2 dst=198.51.100.2 sport=53 "), 0);
        fixture_delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET, 5353), 1);
        assert_int_equal(flows_count("dport=5353"), 2);

        size = endpoint_parse("198.51.100.1", 5353, &to);
        assert_int_equal(connect(sender, &to.any, size), 0);
        (void) send(sender, "x", 1, 0);
        assert_int_equal(send(sender, "x", 1, 0), 1);
        assert_true(datagram_arrives(receiver));
        assert_int_equal(flows_count("dport=5353*src=172.30.0.2 dst=198.51.100.2 sport=53 "), 1);
        (void) direct;
        (void) own;
}

static void pinned_ipv6_is_set_free(void **state) {
        Fixture *fixture = *state;

        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "2001:db8:9::1", 5353);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "fd00:30::2", 5353);
        fixture_flow_from(fixture, fixture->client, SOCK_DGRAM, "198.51.100.1", 5353);
        fixture_delete_one(fixture, untranslated(PROTOCOL_UDP, AF_INET6, 5353), 1);
        assert_int_equal(flows_count("dst=2001:db8:9::1"), 0);
        assert_int_equal(flows_count("dport=5353"), 2);
}

static void connections_of_the_host_are_never_pinned_ones(void **state) {
        Fixture *fixture = *state;
        Endpoint own;
        socklen_t size = endpoint_parse("198.51.100.1", 22, &own);
        int listener = fixture_socket(fixture, fixture->host, AF_INET, SOCK_STREAM);

        assert_int_equal(bind(listener, &own.any, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        fixture_flow_from(fixture, fixture->client, SOCK_STREAM, "198.51.100.1", 22);
        fixture_delete_one(fixture, untranslated(PROTOCOL_TCP, AF_INET, 22), 0);
        assert_int_equal(flows_count("tcp*dport=22"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(tcp_flows_of_one_port_go, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(udp_flows_of_one_port_go, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(ipv6_flows_of_one_port_go, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(sctp_flows_go, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(the_host_address_counts, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(what_does_not_match_stays, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_shifted_range_goes_port_by_port, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(masqueraded_flows_go_as_well, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_pinned_sender_is_set_free, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(pinned_ipv6_is_set_free, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(connections_of_the_host_are_never_pinned_ones, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
