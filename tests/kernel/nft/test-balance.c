/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tests/kernel/nft/network.h"

enum {
        BACKENDS = 3,
        COMES_MSEC = 5000,
};

static const char *const containers4[BACKENDS] = { "172.18.0.2", "172.18.0.3", "172.18.0.4" };
static const char *const containers6[BACKENDS] = { "fd00:1::2", "fd00:1::3", "fd00:1::4" };

#define BALANCE4_OF_THREE "balance4-3-0000000000000003"

static void open_servers(const Network *network, const char *const *containers, int type, uint16_t port,
                         int servers[static BACKENDS]) {
        for (int i = 0; i < BACKENDS; i++)
                servers[i] = open_server(network, (Place) (ONE + i), type, containers[i], port);
}

static void close_servers(int servers[static BACKENDS]) {
        for (int i = 0; i < BACKENDS; i++)
                close_fd(servers[i]);
}

/* Port 8080 of every address, balanced over the first n containers' port 80. */
static void want_balance(Fixture *fixture, const char *name, const char *const *containers, uint16_t n) {
        const char *hosts = containers == containers6 ? "::/0" : "0.0.0.0/0";

        want(fixture, balance(name));
        for (uint16_t i = 0; i < n; i++)
                want(fixture, backend(name, i, containers[i], 80));
        want(fixture, dnat_balance(hosts, PROTOCOL_TCP, 8080, 8080, name));
        want(fixture, dnat_balance(hosts, PROTOCOL_UDP, 8080, 8080, name));
}

/* The server at which something arrives; -1: none. */
static int arrived_at(const int servers[static BACKENDS], int timeout) {
        struct pollfd wanted[BACKENDS];

        for (int i = 0; i < BACKENDS; i++)
                wanted[i] = (struct pollfd) { .fd = servers[i], .events = POLLIN };
        assert_return_code(poll(wanted, BACKENDS, timeout), errno);
        for (int i = 0; i < BACKENDS; i++)
                if (wanted[i].revents & POLLIN)
                        return i;
        return -1;
}

/* Ends at once: thousands of connections must not wait in TIME_WAIT. */
static void abort_connection(int fd) {
        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 }, sizeof(struct linger));
        close_fd(fd);
}

/* One connection, open at both ends. */
typedef struct Connection {
        int client, peer, server;
} Connection;

static Connection connect_to(const Network *network, const char *to, int servers[static BACKENDS]) {
        Connection connection = { .client = open_client(network, OUTSIDE, NULL, SOCK_STREAM, to, 8080) };

        connection.server = arrived_at(servers, COMES_MSEC);
        assert_true(connection.server >= 0);
        connection.peer = accept(servers[connection.server], NULL, NULL);
        assert_return_code(connection.peer, errno);
        return connection;
}

static void connection_done(Connection *connection) {
        abort_connection(connection->client);
        abort_connection(connection->peer);
}

static void assert_alive(const Connection *connection) {
        struct pollfd wanted = { .fd = connection->peer, .events = POLLIN };
        char byte;

        assert_int_equal(send(connection->client, "x", 1, 0), 1);
        assert_int_equal(poll(&wanted, 1, COMES_MSEC), 1);
        assert_int_equal(recv(connection->peer, &byte, 1, 0), 1);
}

static void count_connections(const Network *network, const char *to, int servers[static BACKENDS], int n,
                              int counts[static BACKENDS]) {
        for (int i = 0; i < BACKENDS; i++)
                counts[i] = 0;
        for (int i = 0; i < n; i++) {
                Connection connection = connect_to(network, to, servers);

                counts[connection.server]++;
                connection_done(&connection);
        }
}

static void connections_are_spread_evenly(void **state) {
        Network *network = *state;
        int servers[BACKENDS], counts[BACKENDS];

        want_balance(network->fixture, BALANCE4_OF_THREE, containers4, 3);
        settle(network->fixture);
        open_servers(network, containers4, SOCK_STREAM, 80, servers);
        count_connections(network, "203.0.113.1", servers, 3000, counts);
        for (int i = 0; i < BACKENDS; i++)
                assert_in_range(counts[i], 999, 1001);
        close_servers(servers);
}

static void ipv6_is_spread_too(void **state) {
        static const char name[] = "balance6-2-0000000000000007";
        Network *network = *state;
        int servers[BACKENDS], counts[BACKENDS];

        want_balance(network->fixture, name, containers6, 2);
        settle(network->fixture);
        open_servers(network, containers6, SOCK_STREAM, 80, servers);
        count_connections(network, "2001:db8:1::1", servers, 20, counts);
        assert_int_equal(counts[0], 10);
        assert_int_equal(counts[1], 10);
        close_servers(servers);
}

/* Another number of backends is another chain with another map: all of it in one transaction. */
static void rebalance(Fixture *fixture, const char *old, uint16_t n_old, const char *new, uint16_t n_new) {
        for (uint16_t i = 0; i < n_old; i++)
                unwant(fixture, backend(old, i, containers4[i], 80));
        unwant(fixture, balance(old));
        unwant(fixture, dnat_balance("0.0.0.0/0", PROTOCOL_TCP, 8080, 8080, old));
        unwant(fixture, dnat_balance("0.0.0.0/0", PROTOCOL_UDP, 8080, 8080, old));
        want_balance(fixture, new, containers4, n_new);
        settle(fixture);
}

static void backends_come_and_go(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        Connection connections[BACKENDS];
        int servers[BACKENDS], counts[BACKENDS];

        open_servers(network, containers4, SOCK_STREAM, 80, servers);
        want_balance(fixture, BALANCE4, containers4, 2);
        settle(fixture);
        count_connections(network, "203.0.113.1", servers, 10, counts);
        assert_int_equal(counts[2], 0);
        rebalance(fixture, BALANCE4, 2, BALANCE4_OF_THREE, 3);
        for (int i = 0; i < BACKENDS; i++) {
                connections[i] = connect_to(network, "203.0.113.1", servers);
                assert_int_equal(connections[i].server, i);
        }
        rebalance(fixture, BALANCE4_OF_THREE, 3, BALANCE4, 2);
        for (int i = 0; i < BACKENDS; i++)
                assert_alive(&connections[i]); /* what was open stays so, even at the one that left */
        count_connections(network, "203.0.113.1", servers, 10, counts);
        assert_int_equal(counts[0], 5);
        assert_int_equal(counts[1], 5);
        rebalance(fixture, BALANCE4, 2, BALANCE4_OF_THREE, 3);
        count_connections(network, "203.0.113.1", servers, 30, counts);
        for (int i = 0; i < BACKENDS; i++) {
                assert_int_equal(counts[i], 10);
                assert_alive(&connections[i]);
                connection_done(&connections[i]);
        }
        close_servers(servers);
}

/* A backend is replaced where it stands: its place in the map gets other data. */
static void a_backend_is_replaced(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int servers[BACKENDS], counts[BACKENDS];

        open_servers(network, containers4, SOCK_STREAM, 80, servers);
        want_balance(fixture, BALANCE4, containers4, 2);
        settle(fixture);
        unwant(fixture, backend(BALANCE4, 0, containers4[0], 80));
        want(fixture, backend(BALANCE4, 0, containers4[2], 80));
        settle(fixture);
        count_connections(network, "203.0.113.1", servers, 10, counts);
        assert_int_equal(counts[0], 0);
        assert_int_equal(counts[1], 5);
        assert_int_equal(counts[2], 5);
        close_servers(servers);
}

static int send_to(const Network *network, const char *to, uint16_t port, int servers[static BACKENDS], int datagrams) {
        int client = open_client(network, OUTSIDE, NULL, SOCK_DGRAM, to, port), first = -1;
        char byte;

        for (int i = 0; i < datagrams; i++) {
                int server;

                assert_int_equal(send(client, "x", 1, 0), 1);
                server = arrived_at(servers, COMES_MSEC);
                assert_true(server >= 0);
                assert_int_equal(recv(servers[server], &byte, 1, 0), 1);
                if (first < 0)
                        first = server;
                assert_int_equal(server, first);
        }
        close_fd(client);
        return first;
}

static void a_flow_of_datagrams_keeps_its_backend(void **state) {
        Network *network = *state;
        int servers[BACKENDS], counts[BACKENDS] = {};

        want_balance(network->fixture, BALANCE4_OF_THREE, containers4, 3);
        settle(network->fixture);
        open_servers(network, containers4, SOCK_DGRAM, 80, servers);
        for (int i = 0; i < 30; i++)
                counts[send_to(network, "203.0.113.1", 8080, servers, 5)]++;
        for (int i = 0; i < BACKENDS; i++)
                assert_int_equal(counts[i], 10);
        close_servers(servers);
}

/* A range keeps its ports, and is spread over the containers as a whole. */
static void a_range_is_spread(void **state) {
        static const struct {
                const char *hosts, *to, *name;
                const char *const *containers;
        } cases[] = {
                { "0.0.0.0/0", "203.0.113.1", "balance4-3r-0000000000000001", containers4 },
                { "203.0.113.1", "203.0.113.1", "balance4-3r-0000000000000002", containers4 },
                { "::/0", "2001:db8:1::1", "balance6-3r-0000000000000003", containers6 },
        };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        for (size_t k = 0; k < ELEMENTSOF(cases); k++) {
                int servers[BACKENDS], counts[BACKENDS] = {};

                elements_done(&fixture->desired);
                want(fixture, host_addresses("0.0.0.0/0"));
                want(fixture, host_addresses("::/0"));
                want(fixture, balance(cases[k].name));
                for (int i = 0; i < BACKENDS; i++)
                        want(fixture, backend(cases[k].name, (uint16_t) i, cases[k].containers[i], 0));
                want(fixture, dnat_balance(cases[k].hosts, PROTOCOL_UDP, 40000, 40100, cases[k].name));
                settle(fixture);
                open_servers(network, cases[k].containers, SOCK_DGRAM, 40077, servers);
                for (int i = 0; i < 9; i++)
                        counts[send_to(network, cases[k].to, 40077, servers, 2)]++;
                for (int i = 0; i < BACKENDS; i++)
                        assert_int_equal(counts[i], 3);
                close_servers(servers);
        }
}

/* A limit leads to a balance like to any other translation. */
static void a_limit_stands_before_a_balance(void **state) {
        Network *network = *state;
        Fixture *fixture = network->fixture;
        int servers[BACKENDS], counts[BACKENDS];

        want_balance(fixture, BALANCE4_OF_THREE, containers4, 3);
        want(fixture, limit(LIMIT_I));
        want(fixture, limit_interface(LIMIT_I, "out0"));
        want(fixture, dnat_limit("0.0.0.0/0", PROTOCOL_TCP, 8080, 8080, LIMIT_I));
        settle(fixture);
        open_servers(network, containers4, SOCK_STREAM, 80, servers);
        count_connections(network, "203.0.113.1", servers, 9, counts);
        for (int i = 0; i < BACKENDS; i++)
                assert_int_equal(counts[i], 3);
        assert_true(reach(network, ELSEWHERE, NULL, SOCK_STREAM, "203.0.113.1", 8080, servers[0]).refused);
        close_servers(servers);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NETWORK_TEST(connections_are_spread_evenly),
                NETWORK_TEST(ipv6_is_spread_too),
                NETWORK_TEST(backends_come_and_go),
                NETWORK_TEST(a_backend_is_replaced),
                NETWORK_TEST(a_flow_of_datagrams_keeps_its_backend),
                NETWORK_TEST(a_range_is_spread),
                NETWORK_TEST(a_limit_stands_before_a_balance),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
