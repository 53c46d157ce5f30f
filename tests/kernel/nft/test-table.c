/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kernel/nft/fixture.h"

static void empty_table_reads_back(void **state) {
        Fixture *fixture = *state;
        KernelState kernel;

        read_state(fixture, &kernel);
        assert_int_equal(kernel.table, TABLE_ABSENT);
        assert_false(kernel.skeleton_intact);
        kernel_state_done(&kernel);
        settle(fixture);
        assert_settled(fixture, TABLE_OWNED);
}

static void everything_reads_back(void **state) {
        Fixture *fixture = *state;

        want_everything(fixture);
        settle(fixture);
        assert_settled(fixture, TABLE_OWNED);
}

static void elements_come_and_go(void **state) {
        Fixture *fixture = *state;

        settle(fixture);
        want_everything(fixture);
        settle(fixture); /* the skeleton stays: a plan that only adds */
        unwant(fixture, dnat_range(NULL, PROTOCOL_UDP, 30000, 30100, "172.18.0.2"));
        unwant(fixture, dnat_host("127.0.0.1", PROTOCOL_TCP, 81, "172.18.0.2", 80));
        unwant(fixture, localnet("docker0"));
        settle(fixture);
        elements_done(&fixture->desired);
        settle(fixture); /* a plan that only removes: profiles with their sets too */
        assert_settled(fixture, TABLE_OWNED);
}

static void data_is_replaced_in_place(void **state) {
        Fixture *fixture = *state;

        want_everything(fixture);
        settle(fixture);
        unwant(fixture, dnat(PROTOCOL_TCP, 8080, "172.18.0.2", 80));
        want(fixture, dnat(PROTOCOL_TCP, 8080, "172.18.0.3", 8000));
        unwant(fixture, dnat_range(NULL, PROTOCOL_UDP, 30000, 30100, "172.18.0.2"));
        want(fixture, dnat_range(NULL, PROTOCOL_UDP, 30000, 30100, "172.18.0.4"));
        unwant(fixture, endpoint("172.18.0.2", ""));
        want(fixture, endpoint("172.18.0.2", "a.b_c-allow4"));
        settle(fixture);
}

static void a_profile_comes_and_goes_with_its_members(void **state) {
        Fixture *fixture = *state;

        settle(fixture);
        for (int round = 0; round < 2; round++) {
                want(fixture, profile("one"));
                want(fixture, allow("one", "172.18.0.2", PROTOCOL_TCP, 80, 80));
                want(fixture, allow("one", "172.18.0.2", PROTOCOL_TCP, 90, 99));
                want(fixture, endpoint("172.18.0.2", "one"));
                settle(fixture);
                elements_done(&fixture->desired);
                /* the container changes its profile in one transaction */
                want(fixture, profile("two"));
                want(fixture, allow("two", "172.18.0.2", PROTOCOL_TCP, 80, 80));
                want(fixture, endpoint("172.18.0.2", "two"));
                settle(fixture);
                elements_done(&fixture->desired);
                settle(fixture);
        }
}

/* In one transaction each: what has the old name goes, what has the new one comes. */
static void limits_and_balances_are_replaced(void **state) {
        static const char *const balances[] = { "balance4-2-0000000000000001", "balance4-3-0000000000000001",
                                                "balance4-2r-0000000000000001" };
        static const char *const limits[] = { "limit-f-0000000000000001", "limit-fi-0000000000000001",
                                              "limit-fil-0000000000000001" };
        Fixture *fixture = *state;

        for (size_t i = 0; i < 2 * ELEMENTSOF(balances); i++) {
                const char *to = balances[i % ELEMENTSOF(balances)], *past = limits[i % ELEMENTSOF(limits)];
                uint16_t port = strchr(to, 'r') ? 0 : 80;

                elements_done(&fixture->desired);
                want(fixture, balance(to));
                want(fixture, backend(to, 0, "172.18.0.2", port));
                want(fixture, backend(to, 1, "172.18.0.3", port));
                want(fixture, dnat_balance("0.0.0.0/0", PROTOCOL_TCP, 80, 80, to));
                want(fixture, limit(past));
                want(fixture, limit_from(past, "10.0.0.0/8"));
                if (strchr(past + strlen("limit-"), 'i'))
                        want(fixture, limit_interface(past, "eth0"));
                want(fixture, dnat_limit("0.0.0.0/0", PROTOCOL_TCP, 80, 80, past));
                want(fixture, dnat_limit("203.0.113.1", PROTOCOL_TCP, 90, 99, past));
                settle(fixture);
        }
}

static void ranges_touch_but_do_not_overlap(void **state) {
        Fixture *fixture = *state;
        Plan plan = {};
        Element overlapping = dnat_range(NULL, PROTOCOL_TCP, 150, 250, "172.18.0.9");

        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 1, 100, "172.18.0.2"));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 101, 200, "172.18.0.3"));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 201, 65535, "172.18.0.4"));
        want(fixture, dnat_range(NULL, PROTOCOL_UDP, 1, 200, "172.18.0.2"));
        want(fixture, dnat_range("192.0.2.1", PROTOCOL_SCTP, 7, 8, "172.18.0.2"));
        want(fixture, dnat_range("192.0.2.2", PROTOCOL_SCTP, 7, 8, "172.18.0.3"));
        want(fixture, dnat_range("2001:db8::1", PROTOCOL_TCP, 0, 1, "fd00::1"));
        want(fixture, dnat_range("2001:db8::2", PROTOCOL_TCP, 0, 1, "fd00::1"));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 2, 3, "fd00::2"));
        settle(fixture);
        plan.add = (Elements) { .items = &overlapping, .count = 1 };
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), -EEXIST);
        assert_settled(fixture, TABLE_OWNED);
}

/* Many of each kind, so that the limits of a message are met for small and large elements. */
static void ten_thousand_elements_read_back(void **state) {
        Fixture *fixture = *state;
        char container[64], container6[64];

        want(fixture, profile("a-name-as-long-as-a-profiles-name-can-be-in-the-kernel-0123456"));
        for (uint16_t i = 0; i < 2500; i++) {
                Element elements[5];

                snprintf(container, sizeof(container), "10.0.%d.%d", i / 250, i % 250 + 1);
                snprintf(container6, sizeof(container6), "fd00::%x", i);
                elements[0] = dnat(PROTOCOL_TCP, (uint16_t) (1000 + i), container, i);
                elements[1] = dnat_host("2001:db8::1", PROTOCOL_UDP, (uint16_t) (1000 + i), "fd00::1", i);
                elements[2] = endpoint(container, fixture->desired.items[0].name);
                elements[3] = hairpin(container6);
                elements[4] = allow(fixture->desired.items[0].name, container6, PROTOCOL_TCP, i, i);
                for (size_t k = 0; k < ELEMENTSOF(elements); k++)
                        assert_int_equal(elements_append(&fixture->desired, &elements[k]), 0);
        }
        elements_sort(&fixture->desired);
        settle(fixture);
        for (int i = 0; i < 20; i++) /* while the kernel may still be growing its hash tables */
                assert_settled(fixture, TABLE_OWNED);
        fixture->desired.count = 1;
        settle(fixture);
}

/* Of these 700 fill a message. Taking one out costs the kernel a look at each that was there before it. */
static void a_thousand_ranges_read_back(void **state) {
        Fixture *fixture = *state;

        for (uint16_t i = 0; i < 1000; i++)
                want(fixture, dnat_range("2001:db8::1", PROTOCOL_UDP, (uint16_t) (4 * i), (uint16_t) (4 * i + 3),
                                         "fd00::2"));
        settle(fixture);
        unwant(fixture, dnat_range("2001:db8::1", PROTOCOL_UDP, 2000, 2003, "fd00::2"));
        settle(fixture);
        elements_done(&fixture->desired);
        settle(fixture); /* all at once */
}

static void an_empty_plan_does_nothing(void **state) {
        Fixture *fixture = *state;

        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &(Plan) {}, false, true), 0);
}

/* Each of them fails as a whole, whatever else is in the plan. */
static void a_stale_plan_changes_nothing(void **state) {
        Fixture *fixture = *state;
        Element there = dnat(PROTOCOL_TCP, 8080, "172.18.0.2", 80);
        Element absent = dnat(PROTOCOL_TCP, 1, "172.18.0.2", 1);
        Element other = dnat(PROTOCOL_TCP, 2, "172.18.0.2", 2);
        Element rebound = dnat(PROTOCOL_TCP, 8080, "172.18.0.3", 80);
        Element stranger = allow("nobody", "172.18.0.2", PROTOCOL_TCP, 80, 80);
        struct {
                Element add, remove;
                int error;
        } cases[] = {
                { other, absent, -ENOENT }, { there, there, 0 },          { there, other, -ENOENT },
                { rebound, absent, -ENOENT }, { stranger, there, -ENOENT },
        };

        want_everything(fixture);
        settle(fixture);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Plan plan = { .add = { &cases[i].add, 1, 1 }, .remove = { &cases[i].remove, 1, 1 } };

                assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), cases[i].error);
                assert_settled(fixture, TABLE_OWNED);
        }
        for (size_t i = 0; i < 2; i++) {
                Element add[] = { other, i == 0 ? there : rebound };
                Plan plan = { .add = { add, 2, 2 } };

                assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), -EEXIST);
                assert_settled(fixture, TABLE_OWNED);
        }
}

static void a_plan_for_a_missing_table_fails(void **state) {
        Fixture *fixture = *state;
        Element element = localnet("docker0");
        Plan plan = { .add = { &element, 1, 1 } };

        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), -ENOENT);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, true), -ENOENT);
        settle(fixture);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, false), -EEXIST);
        assert_settled(fixture, TABLE_OWNED);
}

static void what_no_set_can_hold_is_refused(void **state) {
        Fixture *fixture = *state;
        Element wrong[] = {
                dnat(PROTOCOL_TCP, 80, "172.18.0.2", 80),
                localnet("a-name-of-sixteen"),
                limit("limit-f-1"),
                balance("balance4-0-0000000000000001"),
                dnat_limit("0.0.0.0/0", PROTOCOL_TCP, 80, 80, "profile-web"),
                dnat_balance("0.0.0.0/0", PROTOCOL_TCP, 80, 80, LIMIT_F),
                limit_interface(LIMIT_I, "a-name-of-sixteen"),
                host_addresses("10.0.0.0/8"),
                profile("with space"),
                endpoint("172.18.0.2", ""),
                neighbours("172.18.0.0/16"),
        };

        settle(fixture);
        wrong[0].target = address("fd00::1"); /* in the map of the other family */
        wrong[ELEMENTSOF(wrong) - 1].prefix.address.bytes[3] = 1; /* bits behind the prefix's length */
        wrong[ELEMENTSOF(wrong) - 4].prefix.address.bytes[3] = 1;
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                Plan plan = { .add = { &wrong[i], 1, 1 } };

                assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), -EINVAL);
        }
        assert_settled(fixture, TABLE_OWNED);
}

static void new_options_show_as_another_skeleton(void **state) {
        Fixture *fixture = *state;
        KernelState kernel;

        want_everything(fixture);
        settle(fixture);
        for (int i = 0; i < 4; i++) {
                if (i == 3)
                        fixture->options.enforce = true;
                else if (i == 0)
                        fixture->options.localhost = false;
                else if (i == 1)
                        fixture->options.mark = fixture->options.mask = 0x100;
                else
                        fixture->options.mask = 0x300;
                read_state(fixture, &kernel);
                assert_false(kernel.skeleton_intact);
                assert_int_equal(kernel.elements.count, fixture->desired.count);
                kernel_state_done(&kernel);
                settle(fixture);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(empty_table_reads_back),
                NFT_TEST(everything_reads_back),
                NFT_TEST(elements_come_and_go),
                NFT_TEST(data_is_replaced_in_place),
                NFT_TEST(a_profile_comes_and_goes_with_its_members),
                NFT_TEST(limits_and_balances_are_replaced),
                NFT_TEST(ranges_touch_but_do_not_overlap),
                NFT_TEST(ten_thousand_elements_read_back),
                NFT_TEST(a_thousand_ranges_read_back),
                NFT_TEST(an_empty_plan_does_nothing),
                NFT_TEST(a_stale_plan_changes_nothing),
                NFT_TEST(a_plan_for_a_missing_table_fails),
                NFT_TEST(what_no_set_can_hold_is_refused),
                NFT_TEST(new_options_show_as_another_skeleton),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
