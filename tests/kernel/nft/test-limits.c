/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <sys/socket.h>

#include "tests/kernel/nft/network.h"

#define FROM_OUTSIDE "203.0.113.0/24"
#define FROM_OUTSIDE6 "2001:db8:1::/64"

/* Port 80 of container ONE as 8080 of every address, for those whom the limit lets pass. */
static void expose_limited(Fixture *fixture, const char *name) {
        want_one(fixture);
        want(fixture, limit(name));
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                want(fixture, dnat_limit("0.0.0.0/0", protocols[i], 8080, 8080, name));
                want(fixture, dnat_limit("::/0", protocols[i], 8080, 8080, name));
        }
}

/* Somebody asks for port 8080 at an address of the host, and is served or told that nobody listens there. */
typedef struct Case {
        Place from;
        const char *to;
        bool passes;
} Case;

static void assert_case(const Network *network, const Case *wanted, int type) {
        bool v6 = address(wanted->to).family == AF_INET6;
        _cleanup_close_ int server = open_server(network, ONE, type, v6 ? "fd00:1::2" : "172.18.0.2", 80);
        Reach got = reach(network, wanted->from, NULL, type, wanted->to, 8080, server);

        if (got.reached != wanted->passes || got.refused == wanted->passes)
                fail_msg("place %d to %s (type %d): reached %d, refused %d", (int) wanted->from, wanted->to,
                         type, got.reached, got.refused);
}

/* To who does not pass, what a process of the host offers at that port is there as ever. */
static void assert_host_serves(const Network *network, const Case *wanted, int type) {
        _cleanup_close_ int server = open_server(network, HOST, type, wanted->to, 8080);

        if (!reach(network, wanted->from, NULL, type, wanted->to, 8080, server).reached)
                fail_msg("place %d to %s (type %d): the host itself was not reached", (int) wanted->from, wanted->to,
                         type);
}

static void assert_cases(Network *network, const Case *cases, size_t n) {
        settle(network->fixture);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < ELEMENTSOF(types); k++) {
                        assert_case(network, &cases[i], types[k]);
                        if (!cases[i].passes)
                                assert_host_serves(network, &cases[i], types[k]);
                }
}

static void only_some_sources_pass(void **state) {
        static const Case cases[] = {
                { OUTSIDE, "203.0.113.1", true },     { OUTSIDE, "2001:db8:1::1", true },
                { OUTSIDE, "198.51.100.1", true }, /* it is the source that counts */
                { ELSEWHERE, "198.51.100.1", false }, { ELSEWHERE, "2001:db8:2::1", false },
                { ELSEWHERE, "203.0.113.1", false },  { TWO, "203.0.113.1", false },
                { HOST, "203.0.113.1", true },        { HOST, "198.51.100.1", false },
        };
        Network *network = *state;

        expose_limited(network->fixture, LIMIT_F);
        want(network->fixture, limit_from(LIMIT_F, FROM_OUTSIDE));
        want(network->fixture, limit_from(LIMIT_F, FROM_OUTSIDE6));
        assert_cases(network, cases, ELEMENTSOF(cases));
}

/* Sources of one family alone: nobody of the other. */
static void a_family_without_sources_does_not_pass(void **state) {
        static const Case only4[] = { { OUTSIDE, "203.0.113.1", true }, { OUTSIDE, "2001:db8:1::1", false } };
        static const Case only6[] = { { OUTSIDE, "203.0.113.1", false }, { OUTSIDE, "2001:db8:1::1", true } };
        static const Case none[] = { { OUTSIDE, "203.0.113.1", false }, { OUTSIDE, "2001:db8:1::1", false } };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        expose_limited(fixture, LIMIT_F);
        want(fixture, limit_from(LIMIT_F, "0.0.0.0/0"));
        assert_cases(network, only4, ELEMENTSOF(only4));
        unwant(fixture, limit_from(LIMIT_F, "0.0.0.0/0"));
        assert_cases(network, none, ELEMENTSOF(none));
        want(fixture, limit_from(LIMIT_F, "::/0"));
        assert_cases(network, only6, ELEMENTSOF(only6));
}

static void only_some_interfaces_pass(void **state) {
        static const Case cases[] = {
                { OUTSIDE, "203.0.113.1", true },     { OUTSIDE, "2001:db8:1::1", true },
                { ELSEWHERE, "198.51.100.1", false }, { ELSEWHERE, "2001:db8:2::1", false },
                { ELSEWHERE, "203.0.113.1", false },  { TWO, "203.0.113.1", false },
                { HOST, "203.0.113.1", false },       { HOST, "2001:db8:1::1", false },
        };
        static const Case other[] = {
                { OUTSIDE, "203.0.113.1", false },  { ELSEWHERE, "198.51.100.1", true },
                { TWO, "203.0.113.1", true },       { HOST, "203.0.113.1", false },
        };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        expose_limited(fixture, LIMIT_I);
        want(fixture, limit_interface(LIMIT_I, "out0"));
        assert_cases(network, cases, ELEMENTSOF(cases));
        unwant(fixture, limit_interface(LIMIT_I, "out0"));
        want(fixture, limit_interface(LIMIT_I, "out1"));
        want(fixture, limit_interface(LIMIT_I, "br0"));
        assert_cases(network, other, ELEMENTSOF(other));
}

static void the_hosts_own_traffic_may_be_named(void **state) {
        static const Case cases[] = {
                { OUTSIDE, "203.0.113.1", true }, { ELSEWHERE, "198.51.100.1", false },
                { HOST, "203.0.113.1", true },    { HOST, "198.51.100.1", true },
                { HOST, "2001:db8:1::1", true },
        };
        Network *network = *state;

        expose_limited(network->fixture, LIMIT_IL);
        want(network->fixture, limit_interface(LIMIT_IL, "out0"));
        want(network->fixture, limit_interface(LIMIT_IL, "lo"));
        assert_cases(network, cases, ELEMENTSOF(cases));
}

static void source_and_interface_must_both_be_right(void **state) {
        static const Case cases[] = {
                { OUTSIDE, "203.0.113.1", true },    { OUTSIDE, "2001:db8:1::1", false },
                { ELSEWHERE, "203.0.113.1", false }, { HOST, "203.0.113.1", true },
                { HOST, "198.51.100.1", false },     { HOST, "2001:db8:1::1", false },
        };
        Network *network = *state;

        expose_limited(network->fixture, LIMIT_FIL);
        want(network->fixture, limit_interface(LIMIT_FIL, "out0"));
        want(network->fixture, limit_interface(LIMIT_FIL, "lo"));
        want(network->fixture, limit_from(LIMIT_FIL, FROM_OUTSIDE));
        want(network->fixture, limit_from(LIMIT_FIL, "2001:db8:7::/64"));
        assert_cases(network, cases, ELEMENTSOF(cases));
}

/* The container's limit is another one, in the same transaction. */
static void a_limit_is_replaced(void **state) {
        static const Case before[] = { { OUTSIDE, "203.0.113.1", true }, { ELSEWHERE, "203.0.113.1", false } };
        static const Case after[] = { { OUTSIDE, "203.0.113.1", false }, { ELSEWHERE, "203.0.113.1", true } };
        static const Case unlimited[] = { { OUTSIDE, "203.0.113.1", true }, { ELSEWHERE, "203.0.113.1", true } };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        expose_limited(fixture, LIMIT_F);
        want(fixture, limit_from(LIMIT_F, FROM_OUTSIDE));
        assert_cases(network, before, ELEMENTSOF(before));
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++) {
                unwant(fixture, dnat_limit("0.0.0.0/0", protocols[i], 8080, 8080, ""));
                unwant(fixture, dnat_limit("::/0", protocols[i], 8080, 8080, ""));
                want(fixture, dnat_limit("0.0.0.0/0", protocols[i], 8080, 8080, LIMIT_I));
        }
        unwant(fixture, limit_from(LIMIT_F, FROM_OUTSIDE));
        unwant(fixture, limit(LIMIT_F));
        want(fixture, limit(LIMIT_I));
        want(fixture, limit_interface(LIMIT_I, "out1"));
        assert_cases(network, after, ELEMENTSOF(after));
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                unwant(fixture, dnat_limit("0.0.0.0/0", protocols[i], 8080, 8080, ""));
        unwant(fixture, limit_interface(LIMIT_I, "out1"));
        unwant(fixture, limit(LIMIT_I));
        assert_cases(network, unlimited, ELEMENTSOF(unlimited));
}

/* One address of the host, and ranges of ports: each in a map of its own. */
static void every_form_of_port_is_limited(void **state) {
        static const struct {
                const char *hosts;
                uint16_t first, last;
        } forms[] = {
                { "0.0.0.0/0", 8000, 8000 },
                { "0.0.0.0/0", 8100, 8200 },
                { "203.0.113.1", 8300, 8300 },
                { "203.0.113.1", 8400, 8500 },
        };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        want(fixture, limit(LIMIT_F));
        want(fixture, limit_from(LIMIT_F, FROM_OUTSIDE));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 8000, 8600, "172.18.0.2"));
        for (size_t i = 0; i < ELEMENTSOF(forms); i++)
                want(fixture, dnat_limit(forms[i].hosts, PROTOCOL_TCP, forms[i].first, forms[i].last, LIMIT_F));
        settle(fixture);
        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                _cleanup_close_ int server = open_server(network, ONE, SOCK_STREAM, "172.18.0.2", forms[i].last);

                assert_true(reach(network, OUTSIDE, NULL, SOCK_STREAM, "203.0.113.1", forms[i].last, server).reached);
                assert_true(reach(network, ELSEWHERE, NULL, SOCK_STREAM, "203.0.113.1", forms[i].last, server).refused);
                assert_int_equal(
                        reach(network, ELSEWHERE, NULL, SOCK_STREAM, "198.51.100.1", forms[i].last, server).reached,
                        prefix(forms[i].hosts).length == 32);
        }
}

static void only_some_host_addresses_are_used(void **state) {
        static const Case cases[] = {
                { OUTSIDE, "203.0.113.1", true },     { OUTSIDE, "198.51.100.1", false },
                { OUTSIDE, "2001:db8:1::1", true },   { OUTSIDE, "2001:db8:2::1", false },
                { HOST, "203.0.113.1", true },        { HOST, "127.0.0.1", false },
                { ELSEWHERE, "2001:db8:1::1", true }, { ELSEWHERE, "198.51.100.1", false },
        };
        Network *network = *state;
        Fixture *fixture = network->fixture;

        expose_limited(fixture, LIMIT_F);
        want(fixture, limit_from(LIMIT_F, "0.0.0.0/0"));
        want(fixture, limit_from(LIMIT_F, "::/0"));
        unwant(fixture, host_addresses("0.0.0.0/0"));
        unwant(fixture, host_addresses("::/0"));
        want(fixture, host_addresses("203.0.113.0/24"));
        want(fixture, host_addresses("2001:db8:1::1"));
        assert_cases(network, cases, ELEMENTSOF(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NETWORK_TEST(only_some_sources_pass),
                NETWORK_TEST(a_family_without_sources_does_not_pass),
                NETWORK_TEST(only_some_interfaces_pass),
                NETWORK_TEST(the_hosts_own_traffic_may_be_named),
                NETWORK_TEST(source_and_interface_must_both_be_right),
                NETWORK_TEST(a_limit_is_replaced),
                NETWORK_TEST(every_form_of_port_is_limited),
                NETWORK_TEST(only_some_host_addresses_are_used),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
