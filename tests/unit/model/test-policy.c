/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/policy.h"
#include "daemon/model/record.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static void test_ports(void **state _unused_) {
        PortRange ports[] = { { 9000, 9999 }, { 8000, 8999 }, { 80, 80 } };
        const Policy policy = { .ports = ports, .n_ports = 3 };

        assert_true(policy_permits_ports(&policy, (PortRange) { 80, 80 }));
        assert_false(policy_permits_ports(&policy, (PortRange) { 81, 81 }));
        assert_true(policy_permits_ports(&policy, (PortRange) { 8500, 9500 }));
        assert_false(policy_permits_ports(&policy, (PortRange) { 9500, 10000 }));
        assert_false(policy_permits_ports(&policy, (PortRange) { 80, 8000 }));
        assert_true(policy_permits_ports(&open_policy, (PortRange) { 1, 65535 }));
        assert_false(policy_permits_ports(&(Policy) {}, (PortRange) { 1, 1 }));
}

static void test_reserved(void **state _unused_) {
        PortRange reserved[] = { { 6000, 7000 }, { 22, 22 } };
        const Policy policy = { .reserved = reserved, .n_reserved = 2 };

        assert_int_equal(policy_find_reserved(&policy, (PortRange) { 22, 22 }), 22);
        assert_int_equal(policy_find_reserved(&policy, (PortRange) { 1, 65535 }), 22);
        assert_int_equal(policy_find_reserved(&policy, (PortRange) { 6500, 8000 }), 6500);
        assert_int_equal(policy_find_reserved(&policy, (PortRange) { 80, 90 }), 0);
}

static void check(const Policy *policy, const char *label, bool from_image, ClaimState claim_state,
                  ClaimReason reason) {
        Container *container = build_on_bridge(1, label);

        container->labels[0].from_image = from_image;
        _cleanup_(record_freep) Record *record = record_new(container, policy);

        assert_non_null(record);
        assert_int_equal(record->claims[0].state, claim_state);
        assert_int_equal(record->claims[0].reason, reason);
        assert_int_equal(record->claims[0].refused, claim_state != CLAIM_WAITING);
}

static void check_reserved(const Policy *policy, const char *label, const char *expected) {
        _cleanup_(record_freep) Record *record = record_new(build_on_bridge(1, label), policy);
        char reason[CLAIM_REASON_SIZE];

        assert_non_null(record);
        assert_string_equal(claim_format_reason(record, &record->claims[0], reason), expected);
}

static void test_claims(void **state _unused_) {
        PortRange reserved = { 22, 22 };
        Prefix addresses[2];
        Policy policy = open_policy;

        assert_int_equal(prefix_parse("192.0.2.0/24", &addresses[0]), 0);
        assert_int_equal(prefix_parse("2001:db8::1", &addresses[1]), 0);
        policy.reserved = &reserved;
        policy.n_reserved = 1;
        policy.addresses = addresses;
        policy.n_addresses = 2;
        check(&policy, "80", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "22", false, CLAIM_DENIED, REASON_RESERVED_PORT);
        check(&policy, "2222:22", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "20-30", false, CLAIM_DENIED, REASON_RESERVED_PORT);
        check_reserved(&policy, "20-30", "the configuration reserves host port 22: see ReservedPorts=");
        check(&policy, "192.0.2.7:80", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "192.0.3.7:80", false, CLAIM_DENIED, REASON_FORBIDDEN_ADDRESS);
        check(&policy, "[2001:db8::1]:80", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "[2001:db8::2]:80", false, CLAIM_DENIED, REASON_FORBIDDEN_ADDRESS);
        check(&policy, "0.0.0.0:80", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "80", true, CLAIM_DENIED, REASON_IMAGE_LABEL);
        check(&policy, "x", true, CLAIM_INVALID, REASON_ENTRY);
        policy.honor_image_labels = true;
        check(&policy, "80", true, CLAIM_WAITING, REASON_NONE);
}

static void test_loopback(void **state _unused_) {
        Policy policy = open_policy;

        check(&policy, "127.0.0.1:80", false, CLAIM_WAITING, REASON_NONE);
        check(&policy, "[::1]:80", false, CLAIM_DENIED, REASON_IPV6_LOOPBACK);
        policy.localhost = false;
        check(&policy, "127.0.0.1:80", false, CLAIM_DENIED, REASON_LOCALHOST_OFF);
        check(&policy, "80", false, CLAIM_WAITING, REASON_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ports),
                cmocka_unit_test(test_reserved),
                cmocka_unit_test(test_claims),
                cmocka_unit_test(test_loopback),
        };

        return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
