/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "daemon/model/record.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static Record *record_of(Container *container) {
        Record *record = record_new(container, &open_policy);

        assert_non_null(record);
        return record;
}

static void test_claims(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, "80, 8080:80,80/tpc,53/udp"));
        char text[CLAIM_TEXT_SIZE];

        assert_int_equal(record->n_claims, 4);
        assert_string_equal(claim_format_text(&record->claims[1], text), "8080:80");
        assert_int_equal(record->claims[1].entry.host_ports.first, 8080);
        assert_int_equal(record->claims[2].state, CLAIM_INVALID);
        assert_int_equal(record->claims[2].error, ENTRY_PROTOCOL);
        assert_int_equal(record->claims[3].entry.protocol, PROTOCOL_UDP);
        assert_string_equal(record->profile, "bridge");
}

static void test_no_label(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, NULL));

        assert_int_equal(record->n_claims, 0);
}

static void test_own_overlap(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, "80,127.0.0.1:80:81,70-90,80/udp"));

        assert_int_equal(record->claims[0].state, CLAIM_WAITING);
        assert_int_equal(record->claims[1].reason, REASON_OWN_OVERLAP);
        assert_int_equal(record->claims[2].reason, REASON_OWN_OVERLAP);
        assert_int_equal(record->claims[3].reason, REASON_NONE);
}

/* A refused entry takes no port from the ones behind it. */
static void test_refused_entry_holds_nothing(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, "80,79-80,79"));

        assert_int_equal(record->claims[1].reason, REASON_OWN_OVERLAP);
        assert_int_equal(record->claims[2].reason, REASON_NONE);
}

static void test_shifted_limit(void **state _unused_) {
        _cleanup_(record_freep) Record *record =
                record_of(build_on_bridge(1, "1-4000:2-4001,5000-5095:6000-6095,7000-7001:8000-8001,10000-60000"));

        assert_int_equal(record->claims[0].reason, REASON_NONE);
        assert_int_equal(record->claims[1].reason, REASON_NONE);
        assert_int_equal(record->claims[2].reason, REASON_SHIFTED_LIMIT);
        assert_int_equal(record->claims[3].reason, REASON_NONE);
}

static void test_too_many_entries(void **state _unused_) {
        char label[CLAIMS_MAX * 6 + 16] = "";
        size_t used = 0;

        for (unsigned i = 0; i <= CLAIMS_MAX; i++)
                used += (size_t) snprintf(label + used, sizeof(label) - used, "%s%u", i ? "," : "", 1000 + i);
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, label));

        assert_int_equal(record->n_claims, CLAIMS_MAX);
        assert_int_equal(record->claims[CLAIMS_MAX - 2].reason, REASON_NONE);
        assert_int_equal(record->claims[CLAIMS_MAX - 1].reason, REASON_LABEL_TOO_LONG);
}

/* A label that was cut may end in the middle of a number. */
static void test_cut_label(void **state _unused_) {
        Container *container = build_on_bridge(1, "80,443,80");

        container->labels[0].cut = true;
        _cleanup_(record_freep) Record *record = record_of(container);

        assert_int_equal(record->claims[1].reason, REASON_NONE);
        assert_int_equal(record->claims[2].reason, REASON_LABEL_TOO_LONG);
        assert_int_equal(record->claims[2].state, CLAIM_INVALID);
}

static void check_waiting(Container *container, ClaimReason expected) {
        _cleanup_(record_freep) Record *record = record_of(container);

        assert_int_equal(record->waiting, expected);
        assert_int_equal(address_is_set(&record->ipv4) || address_is_set(&record->ipv6), expected == REASON_NONE);
}

static Container *with_mode(Container *container, const char *mode) {
        free(container->network_mode);
        container->network_mode = strdup(mode);
        assert_non_null(container->network_mode);
        return container;
}

static Container *in_state(Container *container, ContainerState container_state) {
        container->state = container_state;
        return container;
}

static Container *with_network(Container *container, const char *name, const char *ipv4) {
        build_network(container, name, ipv4, "", false);
        return container;
}

static void test_waiting(void **state _unused_) {
        check_waiting(build_on_bridge(1, "80"), REASON_NONE);
        check_waiting(in_state(build_on_bridge(1, "80"), CONTAINER_PAUSED), REASON_NONE);
        check_waiting(in_state(build_on_bridge(1, "80"), CONTAINER_RESTARTING), REASON_RESTARTING);
        check_waiting(in_state(build_on_bridge(1, "80"), CONTAINER_STOPPED), REASON_NOT_RUNNING);
        check_waiting(build_container(1, "80"), REASON_NO_NETWORK);
        check_waiting(with_network(build_container(1, "80"), "bridge", ""), REASON_NO_ADDRESS);
        check_waiting(with_network(with_mode(build_container(1, "80"), "host"), "host", ""), REASON_HOST_NETWORK);
        check_waiting(with_network(with_mode(build_container(1, "80"), "none"), "none", ""), REASON_NO_NETWORK);
        check_waiting(with_mode(build_container(1, "80"), "container:abc"), REASON_SHARED_NETWORK);
}

static void test_default_route_chooses(void **state _unused_) {
        Container *container = build_container(1, "80");

        build_network(container, "a-internal", "10.0.0.2", "", false);
        build_network(container, "b-front", "10.1.0.2", "", true);
        build_network(container, "c-front", "10.2.0.2", "", true);
        _cleanup_(record_freep) Record *record = record_of(container);

        assert_string_equal(record->network->name, "b-front");
}

static void test_inherit(void **state _unused_) {
        _cleanup_(record_freep) Record *old = record_of(build_on_bridge(1, "80,443"));
        _cleanup_(record_freep) Record *same = record_of(build_on_bridge(1, "80,443"));
        _cleanup_(record_freep) Record *moved = record_of(build_on_bridge(1, "80,443"));

        old->claims[1].holds = true;
        claim_set_announced(old, &old->claims[1]);
        old->path4 = (RecordPath) { .asked = true, .known = true };
        record_inherit(same, old);
        assert_false(same->claims[0].holds);
        assert_true(same->claims[1].holds);
        assert_true(same->claims[1].notice.announced);
        assert_true(same->path4.known);

        moved->ipv4 = build_address("172.17.9.9");
        record_inherit(moved, old);
        assert_true(moved->claims[1].holds);
        assert_false(moved->path4.known);
}

/* Entries that look the same are told apart by their place. */
static void test_inherit_doubled_entries(void **state _unused_) {
        _cleanup_(record_freep) Record *old = record_of(build_on_bridge(1, "80,80"));
        _cleanup_(record_freep) Record *renewed = record_of(build_on_bridge(1, "80,80"));

        old->claims[0].state = CLAIM_EXPOSED;
        claim_set_announced(old, &old->claims[0]);
        claim_set_announced(old, &old->claims[1]);
        record_inherit(renewed, old);
        assert_int_equal(renewed->claims[0].notice.state, CLAIM_EXPOSED);
        assert_int_equal(renewed->claims[1].notice.state, CLAIM_INVALID);
        assert_false(claim_is_news(renewed, &renewed->claims[1]));
}

static void test_news(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, "80"));
        Claim *claim = &record->claims[0];

        assert_true(claim_is_news(record, claim));
        claim->state = CLAIM_EXPOSED;
        claim_set_announced(record, claim);
        assert_false(claim_is_news(record, claim));
        record->ipv4 = build_address("172.17.9.9");
        assert_true(claim_is_news(record, claim));
        claim_set_announced(record, claim);
        claim->state = CLAIM_WAITING;
        assert_true(claim_is_news(record, claim));
}

/* Docker says later than the kernel whose port it is: that is a better word, and the other way round is none. */
static void test_news_of_a_host_port(void **state _unused_) {
        _cleanup_(record_freep) Record *record = record_of(build_on_bridge(1, "80"));
        HostPort port = { .port = 80, .user = "a process of user root" };
        const HostPort docker = { .port = 80, .docker = true, .user = "Docker, for container w19" };
        Claim *claim = &record->claims[0];

        claim->state = CLAIM_CONFLICT;
        claim->reason = REASON_HOST_PORT;
        claim->host_port = &port;
        claim_set_announced(record, claim);
        strcpy(port.user, "a process of user nobody");
        assert_false(claim_is_news(record, claim));
        port = docker;
        assert_true(claim_is_news(record, claim));
        claim_set_announced(record, claim);
        assert_false(claim_is_news(record, claim));
        strcpy(port.user, "Docker, for container w20");
        assert_true(claim_is_news(record, claim));
        port.docker = false;
        assert_false(claim_is_news(record, claim));
        claim->host_port = NULL; /* it is not the record's to free */
        claim->reason = REASON_NONE;
        assert_true(claim_is_news(record, claim));
}

static void test_age(void **state _unused_) {
        _cleanup_(record_freep) Record *a = record_of(build_container(1, "80"));
        _cleanup_(record_freep) Record *b = record_of(build_container(2, "80"));

        assert_true(record_compare_age(a, b) < 0);
        a->container->created = b->container->created;
        assert_true(record_compare_age(a, b) < 0);
        a->container->created = b->container->created + 1;
        assert_true(record_compare_age(a, b) > 0);
}

static void test_name_is_shown_safely(void **state _unused_) {
        Container *container = build_on_bridge(1, "80");

        free(container->name);
        container->name = strdup("web\n\x1b[31mPRIORITY=0");
        _cleanup_(record_freep) Record *record = record_of(container);

        assert_string_equal(record->name, "web\\x0a\\x1b[31mPRIORITY=0");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_claims),
                cmocka_unit_test(test_no_label),
                cmocka_unit_test(test_own_overlap),
                cmocka_unit_test(test_refused_entry_holds_nothing),
                cmocka_unit_test(test_shifted_limit),
                cmocka_unit_test(test_too_many_entries),
                cmocka_unit_test(test_cut_label),
                cmocka_unit_test(test_waiting),
                cmocka_unit_test(test_default_route_chooses),
                cmocka_unit_test(test_inherit),
                cmocka_unit_test(test_inherit_doubled_entries),
                cmocka_unit_test(test_news),
                cmocka_unit_test(test_news_of_a_host_port),
                cmocka_unit_test(test_age),
                cmocka_unit_test(test_name_is_shown_safely),
        };

        return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
