/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Containers whose address Calico's datastore knows. */

#include "tests/cmocka.h"

#include <stdio.h>
#include <string.h>

#include "daemon/model/model.h"
#include "tests/unit/model/builder.h"

static void decide(Model *model) {
        Plan plan;

        (void) model_attach(model);
        assert_int_equal(model_decide(model, &plan), 0);
        plan_done(&plan);
        model_commit(model);
}

static const char *id_of(unsigned number, char buffer[static CONTAINER_ID_SIZE + 1]) {
        snprintf(buffer, CONTAINER_ID_SIZE + 1, "%064x", number);
        return buffer;
}

static Record *find(Model *model, unsigned number) {
        char id[CONTAINER_ID_SIZE + 1];
        Record *record = model_find(model, id_of(number, id));

        assert_non_null(record);
        return record;
}

/* container 0: of Docker's plugin. */
static void put(Model *model, unsigned container, const char *id, const char *ipv4, const char *profile) {
        char buffer[CONTAINER_ID_SIZE + 1] = "";
        Attachment *attachment = attachment_new(container ? id_of(container, buffer) : "", id, profile);

        assert_non_null(attachment);
        attachment->ipv4 = build_address(ipv4);
        attachment->active = true;
        assert_int_equal(model_put_attachment(model, attachment), 0);
}

static void put_unreadable(Model *model, unsigned container, const char *id) {
        char buffer[CONTAINER_ID_SIZE + 1] = "";
        Attachment *attachment = attachment_new(container ? id_of(container, buffer) : "", id, "");

        assert_non_null(attachment);
        strcpy(attachment->reason, "it is no JSON");
        assert_int_equal(model_put_attachment(model, attachment), 0);
}

static void expect(Model *model, unsigned number, const char *ipv4, ClaimReason reason) {
        const Record *record = find(model, number);
        Address address = build_address(ipv4);

        assert_int_equal(address_compare(&record->ipv4, &address), 0);
        assert_int_equal(record->waiting, reason);
        assert_int_equal(record->claims[0].state == CLAIM_EXPOSED, reason == REASON_NONE);
}

static Container *on_none(unsigned number, const char *expose) {
        Container *container = build_container(number, expose);

        build_network(container, "none", "", "", false);
        return container;
}

static Container *on_calico(unsigned number, const char *expose, const char *ipv4, const char *endpoint) {
        Container *container = build_container(number, expose);

        build_network(container, "cal", ipv4, "", false);
        free(container->networks[0].endpoint_id);
        container->networks[0].endpoint_id = strdup(endpoint);
        assert_non_null(container->networks[0].endpoint_id);
        return container;
}

static Model *new_model(AttachmentsState state) {
        Model *model;

        assert_int_equal(model_new(&open_policy, &model), 0);
        model_set_attachments_state(model, state);
        return model;
}

static void test_joined_by_hand(void **state _unused_) {
        _cleanup_(model_freep) Model *model = new_model(ATTACHMENTS_UNKNOWN);

        assert_int_equal(model_put(model, on_none(1, "80")), 1);
        decide(model);
        expect(model, 1, "", REASON_DATASTORE_UNREAD);
        model_set_attachments_state(model, ATTACHMENTS_KNOWN);
        decide(model);
        expect(model, 1, "", REASON_NO_ATTACHMENT);
        put(model, 1, "e1", "192.168.0.1", "");
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_string_equal(find(model, 1)->profile, "none");
        assert_true(find(model, 1)->calico);
        assert_null(find(model, 1)->network);
        /* It is given another address, and a profile. */
        find(model, 1)->path4.asked = true;
        put(model, 1, "e1", "192.168.0.2", "web");
        decide(model);
        expect(model, 1, "192.168.0.2", REASON_NONE);
        assert_string_equal(find(model, 1)->profile, "web");
        assert_false(find(model, 1)->path4.asked);
        put(model, 1, "e1", "", "web");
        decide(model);
        expect(model, 1, "", REASON_ATTACHMENT_EMPTY);
        /* Another endpoint that is of use. */
        put(model, 1, "e2", "192.168.0.3", "");
        decide(model);
        expect(model, 1, "192.168.0.3", REASON_NONE);
        model_remove_attachment(model, find(model, 1)->container->id, "e2");
        put_unreadable(model, 1, "e1");
        decide(model);
        expect(model, 1, "", REASON_ATTACHMENT_UNREADABLE);
        model_remove_attachment(model, find(model, 1)->container->id, "e1");
        decide(model);
        expect(model, 1, "", REASON_NO_ATTACHMENT);
}

static void test_dockers_plugin(void **state _unused_) {
        _cleanup_(model_freep) Model *model = new_model(ATTACHMENTS_UNKNOWN);

        /* Docker knows the address: nobody waits for the datastore. */
        assert_int_equal(model_put(model, on_calico(1, "80", "192.168.0.1", "e1")), 1);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_false(find(model, 1)->calico);
        assert_string_equal(find(model, 1)->profile, "cal");
        /* The record is the authority. */
        model_set_attachments_state(model, ATTACHMENTS_KNOWN);
        put(model, 0, "e1", "192.168.0.9", "web");
        decide(model);
        expect(model, 1, "192.168.0.9", REASON_NONE);
        assert_true(find(model, 1)->calico);
        assert_string_equal(find(model, 1)->profile, "web");
        /* What cannot be read says nothing. */
        put_unreadable(model, 0, "e1");
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_true(find(model, 1)->calico);
        model_forget_attachments(model);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_string_equal(find(model, 1)->profile, "cal");
}

/* A record of a container that is inspected anew, or of somebody else. */
static void test_replaced(void **state _unused_) {
        _cleanup_(model_freep) Model *model = new_model(ATTACHMENTS_KNOWN);
        Container *container = on_none(1, "80");

        put(model, 1, "e1", "192.168.0.1", "web");
        put(model, 2, "e2", "192.168.0.2", "web");
        put(model, 0, "", "192.168.0.3", "web");
        assert_int_equal(model_put(model, container), 1);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        container = on_none(1, "80,81");
        assert_int_equal(model_put(model, container), 1);
        assert_int_equal(model_set_policy(model, &open_policy), 0);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_int_equal(model_put(model, build_on_bridge(3, "83")), 1);
        decide(model);
        expect(model, 3, "172.17.0.3", REASON_NONE);
        assert_false(find(model, 3)->calico);
        /* The backend is another one now. */
        model_set_attachments_state(model, ATTACHMENTS_OFF);
        decide(model);
        expect(model, 1, "", REASON_NO_NETWORK);
}

/* What is said of one that has gone is still there to be read. */
static void test_departed(void **state _unused_) {
        _cleanup_(model_freep) Model *model = new_model(ATTACHMENTS_KNOWN);
        char id[CONTAINER_ID_SIZE + 1];
        size_t n;

        put(model, 1, "e1", "192.168.0.1", "web");
        assert_int_equal(model_put(model, on_none(1, "80")), 1);
        decide(model);
        assert_true(model_remove(model, id_of(1, id)));
        model_remove_attachment(model, id, "e1");
        decide(model);
        put(model, 2, "e2", "192.168.0.1", "web");
        put(model, 2, "e2", "192.168.0.2", "web");
        decide(model);
        assert_string_equal(model_departed(model, &n)[0]->profile, "web");
        assert_int_equal(n, 1);
        model_forget_departed(model);
        model_remove_attachment(model, id_of(2, id), "e2");
        model_forget_departed(model);
        decide(model);
}

static void test_which_network(void **state _unused_) {
        _cleanup_(model_freep) Model *model = new_model(ATTACHMENTS_KNOWN);
        Container *container = build_on_bridge(1, "80");

        put(model, 1, "e1", "192.168.0.1", "");
        put(model, 2, "e2", "192.168.0.2", "");
        put(model, 4, "e4", "192.168.0.4", "");
        assert_int_equal(model_put(model, container), 1);
        container = build_on_bridge(2, "82");
        build_label(container, "calico.expose.network", "bridge");
        assert_int_equal(model_put(model, container), 1);
        container = on_none(4, "84");
        free(container->network_mode);
        container->network_mode = strdup("host");
        assert_int_equal(model_put(model, container), 1);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        expect(model, 2, "172.17.0.2", REASON_NONE);
        expect(model, 4, "", REASON_HOST_NETWORK);
}

/* The daemon is killed, and finds the datastore away when it comes back. */
static void test_remembered(void **state _unused_) {
        _cleanup_(model_freep) Model *before = new_model(ATTACHMENTS_KNOWN), *model = new_model(ATTACHMENTS_UNKNOWN);
        Elements actual;

        put(before, 1, "e1", "192.168.0.1", "web");
        put(before, 3, "e3", "192.168.0.3", "");
        put(before, 5, "e5", "192.168.0.5", "");
        assert_int_equal(model_put(before, on_none(1, "80,8000-8010:9000-9010")), 1);
        assert_int_equal(model_put(before, on_none(3, "127.0.0.1:83:80/udp,100-110")), 1);
        assert_int_equal(model_put(before, on_none(5, "85")), 1);
        decide(before);

        assert_int_equal(model_copy_actual(before, &actual), 0);
        assert_int_equal(model_set_actual(model, &actual), 0);
        elements_done(&actual);
        assert_int_equal(model_put(model, on_none(1, "80,8000-8010:9000-9010")), 1);
        /* One that came later, and claims the same; 5 has gone, and its address is another's. */
        assert_int_equal(model_put(model, on_none(2, "80")), 1);
        assert_int_equal(model_put(model, on_none(3, "127.0.0.1:83:80/udp,100-110")), 1);
        assert_int_equal(model_put(model, on_calico(6, "86", "192.168.0.5", "e6")), 1);
        assert_int_equal(model_put(model, on_none(7, "85")), 1);
        assert_int_equal(model_adopt_holders(model), 0);
        assert_true(find(model, 1)->claims[0].holds);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_string_equal(find(model, 1)->profile, "web");
        expect(model, 2, "", REASON_DATASTORE_UNREAD);
        expect(model, 3, "192.168.0.3", REASON_NONE);
        expect(model, 7, "", REASON_DATASTORE_UNREAD);
        /* Docker says something else of it: it is still the same container. */
        assert_int_equal(model_put(model, on_none(1, "80")), 1);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        /* The datastore is back. */
        put(model, 3, "e3", "192.168.0.33", "");
        model_set_attachments_state(model, ATTACHMENTS_KNOWN);
        decide(model);
        expect(model, 1, "", REASON_NO_ATTACHMENT);
        expect(model, 3, "192.168.0.33", REASON_NONE);
}

static Container *on_calico_mac(unsigned number, const char *expose, const char *ipv4) {
        Container *container = on_calico(number, expose, ipv4, "e9");

        memset(container->networks[0].mac, 0xee, MAC_SIZE);
        return container;
}

/* Of a network of Calico's plugin Docker says the address, or nothing is known of the endpoint. */
static void test_remembered_and_connected(void **state _unused_) {
        _cleanup_(model_freep) Model *before = new_model(ATTACHMENTS_KNOWN), *model = new_model(ATTACHMENTS_UNKNOWN);
        Elements actual;

        put(before, 1, "e1", "192.168.0.1", "web");
        assert_int_equal(model_put(before, on_none(1, "80")), 1);
        decide(before);
        assert_int_equal(model_copy_actual(before, &actual), 0);
        assert_int_equal(model_set_actual(model, &actual), 0);
        elements_done(&actual);
        assert_int_equal(model_put(model, on_calico_mac(1, "80", "")), 1);
        assert_int_equal(model_adopt_holders(model), 0);
        decide(model);
        expect(model, 1, "192.168.0.1", REASON_NONE);
        assert_null(find(model, 1)->network);
        assert_false(find(model, 1)->calico);
        assert_int_equal(model_put(model, on_calico_mac(1, "80", "192.168.0.9")), 1);
        decide(model);
        expect(model, 1, "192.168.0.9", REASON_NONE);
        assert_non_null(find(model, 1)->network);
        assert_true(find(model, 1)->calico);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_joined_by_hand), cmocka_unit_test(test_dockers_plugin),
                cmocka_unit_test(test_replaced),       cmocka_unit_test(test_which_network),
                cmocka_unit_test(test_remembered),     cmocka_unit_test(test_departed),
                cmocka_unit_test(test_remembered_and_connected),
        };

        return cmocka_run_group_tests_name("attachment", tests, NULL, NULL);
}
