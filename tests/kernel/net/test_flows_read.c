/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/net/flows_read.h"
#include "flows.h"
#include "netns.h"

typedef struct Seen {
        unsigned count;
        Flow last;
        int answer;
} Seen;

static int on_flow(const Flow *flow, void *userdata) {
        Seen *seen = userdata;

        seen->count++;
        seen->last = *flow;
        return seen->answer;
}

static int setup(_unused_ void **state) {
        netns_enter_fresh();
        return 0;
}

static void reads_what_is_there(_unused_ void **state) {
        const Address destination = address("203.0.113.1"), source = address("172.30.0.2");
        Seen seen = {};

        assert_int_equal(flows_read(on_flow, &seen), 0);
        assert_int_equal(seen.count, 0);
        flows_make(&(FlowMade) { IPPROTO_TCP, "198.51.100.2", 5555, "203.0.113.1", 8080, "172.30.0.2", 80, 0 });
        assert_int_equal(flows_read(on_flow, &seen), 0);
        assert_int_equal(seen.count, 1);
        assert_int_equal(seen.last.protocol, IPPROTO_TCP);
        assert_int_equal(address_compare(&seen.last.destination, &destination), 0);
        assert_int_equal(seen.last.destination_port, 8080);
        assert_int_equal(address_compare(&seen.last.source, &source), 0);
        assert_int_equal(seen.last.source_port, 80);
}

static void reads_both_families_and_many(_unused_ void **state) {
        Seen seen = {};

        flows_make_many(3000);
        flows_make(&(FlowMade) { IPPROTO_UDP, "2001:db8::2", 5555, "2001:db8::1", 53, "fd00::2", 53, 0 });
        assert_int_equal(flows_read(on_flow, &seen), 0);
        assert_int_equal(seen.count, 3001);
        assert_int_equal(flows_count("udp"), 3001); /* and takes nothing away */
}

static void the_handlers_error_is_returned(_unused_ void **state) {
        Seen seen = { .answer = -EXFULL };

        flows_make_many(10);
        assert_int_equal(flows_read(on_flow, &seen), -EXFULL);
}

static void local_addresses_are_known(_unused_ void **state) {
        const Address own = address("198.51.100.1"), own6 = address("2001:db8:9::1"), other = address("198.51.100.2");
        const Address nowhere = address("203.0.113.1");

        netns_run("ip link add c0 type veth peer name c1 && ip link set c0 up && ip link set c1 up && ip addr add 198.51.100.1/24 dev c0 &&"
                  " ip addr add 2001:db8:9::1/64 dev c0 nodad");
        netns_await_addresses();
        assert_int_equal(flows_address_is_local(&own), 1);
        assert_int_equal(flows_address_is_local(&own6), 1);
        assert_int_equal(flows_address_is_local(&other), 0);
        assert_int_equal(flows_address_is_local(&nowhere), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(reads_what_is_there, setup),
                cmocka_unit_test_setup(reads_both_families_and_many, setup),
                cmocka_unit_test_setup(the_handlers_error_is_returned, setup),
                cmocka_unit_test_setup(local_addresses_are_known, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
