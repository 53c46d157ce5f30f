/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/macros.h"
#include "daemon/net/flow.h"
#include "tests/cmocka.h"
#include "tests/values.h"

/* { kind, protocol, destination, first-last, container, container's first port } and a flow that it is, or is not,
 * to match. */
static const struct Case {
        FlowKind kind;
        Protocol protocol;
        const char *destination;
        uint16_t first, last;
        const char *container;
        uint16_t container_first;
        Protocol flow_protocol;
        const char *to;
        uint16_t to_port;
        const char *by;
        uint16_t by_port;
        bool match;
} cases[] = {
#define T FLOW_TRANSLATED
#define U FLOW_UNTRANSLATED
#define ANY4 "0.0.0.0/0"
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 8080, PROTOCOL_TCP, "1.2.3.4", 80, "10.0.0.2", 8080, true },
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 8080, PROTOCOL_UDP, "1.2.3.4", 80, "10.0.0.2", 8080, false },
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 8080, PROTOCOL_TCP, "1.2.3.4", 81, "10.0.0.2", 8080, false },
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 8080, PROTOCOL_TCP, "1.2.3.4", 80, "10.0.0.3", 8080, false },
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 8080, PROTOCOL_TCP, "1.2.3.4", 80, "10.0.0.2", 8081, false },
        { T, PROTOCOL_TCP, "1.2.3.4", 80, 80, "10.0.0.2", 80, PROTOCOL_TCP, "1.2.3.4", 80, "10.0.0.2", 80, true },
        { T, PROTOCOL_TCP, "1.2.3.4", 80, 80, "10.0.0.2", 80, PROTOCOL_TCP, "1.2.3.5", 80, "10.0.0.2", 80, false },
        { T, PROTOCOL_TCP, "1.2.3.0/24", 80, 80, "10.0.0.2", 80, PROTOCOL_TCP, "1.2.3.5", 80, "10.0.0.2", 80, true },
        { T, PROTOCOL_SCTP, ANY4, 80, 80, "10.0.0.2", 80, PROTOCOL_SCTP, "1.2.3.4", 80, "10.0.0.2", 80, true },
        /* Ranges, shifted and not, at both ends. */
        { T, PROTOCOL_UDP, ANY4, 100, 200, "10.0.0.2", 1100, PROTOCOL_UDP, "1.2.3.4", 100, "10.0.0.2", 1100, true },
        { T, PROTOCOL_UDP, ANY4, 100, 200, "10.0.0.2", 1100, PROTOCOL_UDP, "1.2.3.4", 200, "10.0.0.2", 1200, true },
        { T, PROTOCOL_UDP, ANY4, 100, 200, "10.0.0.2", 1100, PROTOCOL_UDP, "1.2.3.4", 150, "10.0.0.2", 1151, false },
        { T, PROTOCOL_UDP, ANY4, 100, 200, "10.0.0.2", 1100, PROTOCOL_UDP, "1.2.3.4", 99, "10.0.0.2", 1099, false },
        { T, PROTOCOL_UDP, ANY4, 100, 200, "10.0.0.2", 1100, PROTOCOL_UDP, "1.2.3.4", 201, "10.0.0.2", 1201, false },
        { T, PROTOCOL_UDP, ANY4, 1, 65535, "10.0.0.2", 1, PROTOCOL_UDP, "1.2.3.4", 65535, "10.0.0.2", 65535, true },
        /* Straight to the container: nobody sent it on. */
        { T, PROTOCOL_TCP, ANY4, 80, 80, "10.0.0.2", 80, PROTOCOL_TCP, "10.0.0.2", 80, "10.0.0.2", 80, false },
        /* A port of the container's own address that is sent to another one. */
        { T, PROTOCOL_TCP, ANY4, 81, 81, "10.0.0.2", 80, PROTOCOL_TCP, "10.0.0.2", 81, "10.0.0.2", 80, true },
        /* IPv6. */
        { T, PROTOCOL_TCP, "::/0", 80, 80, "fd00::2", 80, PROTOCOL_TCP, "2001:db8::1", 80, "fd00::2", 80, true },
        { T, PROTOCOL_TCP, "::/0", 80, 80, "fd00::2", 80, PROTOCOL_TCP, "2001:db8::1", 80, "fd00::3", 80, false },
        { T, PROTOCOL_TCP, "::/0", 80, 80, "fd00::2", 80, PROTOCOL_TCP, "1.2.3.4", 80, "10.0.0.2", 80, false },
        /* Pinned. */
        { U, PROTOCOL_UDP, ANY4, 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 53, "1.2.3.4", 53, true },
        { U, PROTOCOL_UDP, ANY4, 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 53, "10.0.0.2", 53, false },
        { U, PROTOCOL_UDP, ANY4, 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 53, "1.2.3.4", 54, false },
        { U, PROTOCOL_UDP, ANY4, 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 54, "1.2.3.4", 54, false },
        { U, PROTOCOL_UDP, ANY4, 50, 60, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 54, "1.2.3.4", 54, true },
        { U, PROTOCOL_UDP, "1.2.3.4", 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.5", 53, "1.2.3.5", 53, false },
        { U, PROTOCOL_UDP, "::/0", 53, 53, NULL, 0, PROTOCOL_UDP, "fd00::1", 53, "fd00::1", 53, true },
        { U, PROTOCOL_UDP, "::/0", 53, 53, NULL, 0, PROTOCOL_UDP, "1.2.3.4", 53, "1.2.3.4", 53, false },
        { U, PROTOCOL_SCTP, ANY4, 53, 53, NULL, 0, PROTOCOL_SCTP, "1.2.3.4", 53, "1.2.3.4", 53, true },
        { U, PROTOCOL_TCP, ANY4, 22, 22, NULL, 0, PROTOCOL_TCP, "1.2.3.4", 22, "1.2.3.4", 22, false },
};

static FlowFilter case_filter(const struct Case *c) {
        Prefix destination = prefix(c->destination);

        return (FlowFilter) {
                .kind = c->kind, .protocol = c->protocol, .family = destination.address.family,
                .destination = destination, .ports = { c->first, c->last },
                .container = c->container ? address(c->container) : (Address) {},
                .container_first = c->container_first,
        };
}

static Flow case_flow(const struct Case *c) {
        return (Flow) { .protocol = (uint8_t) c->flow_protocol, .destination = address(c->to),
                        .destination_port = c->to_port, .source = address(c->by), .source_port = c->by_port };
}

static void filters_match_what_they_say(void **state) {
        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                FlowFilter filter = case_filter(&cases[i]);
                Flow flow = case_flow(&cases[i]);
                FlowKind kind = _FLOW_KIND_MAX;
                FlowIndex index;

                assert_int_equal(flow_index_new(&filter, 1, &index), 0);
                if (flow_index_match(&index, &flow, &kind) != cases[i].match)
                        fail_msg("case %zu", i);
                assert_int_equal(kind, cases[i].match ? cases[i].kind : _FLOW_KIND_MAX);
                flow_index_done(&index);
        }
}

static void no_filters_match_nothing(void **state) {
        Flow flow = case_flow(&cases[0]);
        FlowIndex index;
        FlowKind kind;

        (void) state;
        assert_int_equal(flow_index_new(NULL, 0, &index), 0);
        assert_false(flow_index_match(&index, &flow, &kind));
        flow_index_done(&index);
}

/* What a pinned flow went to does not depend on what stands in the filter as the container. */
static void the_container_of_a_pinned_flow_does_not_count(void **state) {
        FlowFilter filter = case_filter(&cases[20]);
        Flow flow = case_flow(&cases[20]);
        FlowIndex index;
        FlowKind kind;

        (void) state;
        assert_int_equal(filter.kind, FLOW_UNTRANSLATED);
        filter.container = address("10.0.0.2");
        assert_int_equal(flow_index_new(&filter, 1, &index), 0);
        assert_true(flow_index_match(&index, &flow, &kind));
        flow_index_done(&index);
}

/* The same by looking at each filter in turn. */
static bool match_slowly(const FlowFilter *filters, size_t n, const Flow *flow) {
        bool same = address_compare(&flow->source, &flow->destination) == 0 &&
                    flow->source_port == flow->destination_port;

        for (size_t i = 0; i < n; i++) {
                const FlowFilter *f = &filters[i];

                if (f->protocol != flow->protocol || f->family != flow->destination.family ||
                    flow->destination_port < f->ports.first || flow->destination_port > f->ports.last ||
                    !prefix_contains(&f->destination, &flow->destination))
                        continue;
                if (f->kind == FLOW_UNTRANSLATED ? same && f->protocol != PROTOCOL_TCP :
                    !same && address_compare(&f->container, &flow->source) == 0 &&
                    flow->source_port - f->container_first == flow->destination_port - f->ports.first)
                        return true;
        }
        return false;
}

static uint16_t small(unsigned limit) {
        return (uint16_t) (1 + (unsigned) rand() % limit);
}

static Address small_address(const char *base) {
        Address a = address(base);

        a.bytes[address_size(a.family) - 1] = (uint8_t) (rand() % 4);
        return a;
}

static FlowFilter random_filter(void) {
        bool v6 = rand() % 4 == 0;
        FlowFilter filter = {
                .kind = rand() % 4 ? FLOW_TRANSLATED : FLOW_UNTRANSLATED,
                .protocol = rand() % 2 ? PROTOCOL_TCP : PROTOCOL_UDP, .family = v6 ? AF_INET6 : AF_INET,
                .destination = prefix(v6 ? "::/0" : "0.0.0.0/0"),
                .container = small_address(v6 ? "fd00::" : "10.0.0.0"),
                .ports.first = small(40), .container_first = small(40),
        };

        filter.ports.last = rand() % 3 ? filter.ports.first : (uint16_t) (filter.ports.first + small(10));
        if (rand() % 3 == 0)
                filter.destination = (Prefix) { small_address(v6 ? "2001:db8::" : "1.2.3.0"),
                                                (uint8_t) (v6 ? 128 : 32) };
        return filter;
}

static Flow random_flow(void) {
        bool v6 = rand() % 4 == 0;
        Flow flow = {
                .protocol = rand() % 2 ? PROTOCOL_TCP : PROTOCOL_UDP,
                .destination = small_address(v6 ? "2001:db8::" : "1.2.3.0"), .destination_port = small(50),
                .source = small_address(v6 ? "fd00::" : "10.0.0.0"), .source_port = small(50),
        };

        if (rand() % 3 == 0) {
                flow.source = flow.destination;
                flow.source_port = flow.destination_port;
        }
        return flow;
}

static void the_index_agrees_with_a_plain_search(void **state) {
        unsigned seed = (unsigned) time(NULL), matches = 0;

        (void) state;
        print_message("seed %u\n", seed);
        srand(seed);
        for (unsigned round = 0; round < 200; round++) {
                FlowFilter filters[100];
                size_t n = (size_t) rand() % ELEMENTSOF(filters);
                FlowIndex index;

                for (size_t i = 0; i < n; i++)
                        filters[i] = random_filter();
                assert_int_equal(flow_index_new(filters, n, &index), 0);
                for (unsigned i = 0; i < 500; i++) {
                        Flow flow = random_flow();
                        FlowKind kind;
                        bool match = flow_index_match(&index, &flow, &kind);

                        assert_int_equal(match, match_slowly(filters, n, &flow));
                        matches += match;
                }
                flow_index_done(&index);
        }
        assert_true(matches > 1000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(filters_match_what_they_say),
                cmocka_unit_test(no_filters_match_nothing),
                cmocka_unit_test(the_container_of_a_pinned_flow_does_not_count),
                cmocka_unit_test(the_index_agrees_with_a_plain_search),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
