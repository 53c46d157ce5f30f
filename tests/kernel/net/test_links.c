/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What the model's records are told of the host's links, and what is wanted of those. */

#include <stdio.h>
#include <string.h>

#include "daemon/links.h"
#include "daemon/verbs/differences.h"
#include "netns.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"
#include "tests/unit/verbs/survey.h"

static int setup(void **state _unused_) {
        netns_enter_fresh();
        netns_run("ip link add br0 type bridge && ip addr add 172.17.0.254/16 dev br0 && ip link set br0 up");
        return 0;
}

/* calicoctl container add, with an address of a bridge's network: Docker knows no network of it, and so no MAC. */
static void an_endpoint_made_by_hand_may_be_on_a_bridge(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Model *model = test->survey.model;
        Container *container = build_container(1, "80");
        Attachment *attachment = attachment_new(container->id, "e1", "web");
        Differences differences;

        assert_non_null(attachment);
        attachment->ipv4 = build_address("172.17.0.5");
        attachment->active = true;
        model_set_attachments_state(model, ATTACHMENTS_KNOWN);
        assert_int_equal(model_put_attachment(model, attachment), 0);
        test_survey_add(test, container);
        (void) model_attach(model);
        assert_int_equal(paths_new_reader(&test->survey.paths), 0);
        assert_int_equal(links_find_paths(model, test->survey.paths, false), 0);
        assert_true(model_records(model, &(size_t) { 0 })[0]->path4.known);
        test_survey_carry_out(test);
        test_survey_decide(test);
        assert_int_equal(differences_find(&test->survey, &differences), 0);
        assert_int_equal(differences.count, 0);
        differences_done(&differences);
        test->survey.paths = paths_free(test->survey.paths);
}

typedef struct Heard {
        char on[4][IF_NAMESIZE];
        unsigned n_on;
} Heard;

static void on_hairpin(void *userdata, const char *port) {
        Heard *heard = userdata;

        strcpy(heard->on[heard->n_on++ % ELEMENTSOF(heard->on)], port);
}

static bool has_heard(void *userdata) {
        return ((Heard *) userdata)->n_on > 0;
}

static Container *on_network(const char *name, const char *ipv4, uint8_t mac) {
        Container *container = build_container(1, "80");

        build_network(container, name, ipv4, "", true);
        memcpy(container->networks[0].mac, (const uint8_t[MAC_SIZE]) { 2, [5] = mac }, MAC_SIZE);
        return container;
}

static void add_port(const char *name, const char *bridge, const char *mac) {
        netns_run("ip link add %s type veth peer name %s-peer && ip link set %s-peer up && ip link set %s master %s up",
                  name, name, name, name, bridge);
        netns_run("bridge fdb replace %s dev %s master dynamic", mac, name);
}

/* It moves from one network to another, and nobody says that it left the first. */
static void where_a_container_was_no_hairpin_is_wanted(void **state _unused_) {
        static const PathsHandlers handlers = { .hairpin_on = on_hairpin };
        const Policy policy = open_policy;
        _cleanup_(model_freep) Model *model = NULL;
        _cleanup_(paths_freep) Paths *paths = NULL;
        sd_event *event = NULL;
        Heard heard = {};

        netns_run("ip link add br1 type bridge && ip addr add 172.18.0.254/16 dev br1 && ip link set br1 up");
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(paths_new(event, &handlers, &heard, &paths), 0);
        assert_int_equal(model_new(&policy, &model), 0);
        assert_int_equal(model_put(model, on_network("front", "172.17.0.1", 1)), 1);
        assert_int_equal(links_find_paths(model, paths, false), 0);
        assert_int_equal(model_put(model, on_network("back", "172.18.0.1", 2)), 1);
        assert_int_equal(links_find_paths(model, paths, false), 0);
        links_forget_unwanted(model, paths);
        loop_settle(event);
        add_port("old", "br0", "02:00:00:00:00:01");
        loop_settle(event);
        add_port("new", "br1", "02:00:00:00:00:02");
        loop_until(event, has_heard, &heard);
        assert_int_equal(heard.n_on, 1);
        assert_string_equal(heard.on[0], "new");
        paths = paths_free(paths);
        sd_event_unref(event);
}

typedef struct Renaming {
        Paths *paths;
        const char *name;
        bool told;
} Renaming;

static void on_route(void *userdata, const Prefix *prefix) {
        ((Renaming *) userdata)->told |= prefix->length == 0;
}

static bool is_off(void *userdata) {
        const Renaming *renaming = userdata;
        bool on = true;

        return paths_get_localnet(renaming->paths, renaming->name, &on) >= 0 && !on;
}

/* Nobody would switch it off under another name, and with the table goes the guard that it needs. */
static void an_interface_with_another_name_has_no_route_localnet(void **state _unused_) {
        static const PathsHandlers handlers = { .route_changed = on_route };
        _cleanup_(paths_freep) Paths *paths = NULL;
        Renaming renaming = { .name = "br2" };
        sd_event *event = NULL;
        bool on = false;

        netns_run("ip link add other type bridge && ip link set other up");
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(paths_new(event, &handlers, &renaming, &paths), 0);
        renaming.paths = paths;
        loop_settle(event);
        assert_int_equal(paths_set_localnet(paths, "br0", true), 0);
        assert_int_equal(paths_set_localnet(paths, "other", true), 0);
        netns_run("ip link set br0 down && ip link set br0 name br2 && ip link set br2 up");
        loop_until(event, is_off, &renaming);
        assert_true(renaming.told);
        assert_int_equal(paths_get_localnet(paths, "other", &on), 0);
        assert_true(on);
        /* Where nobody was heard. */
        assert_int_equal(paths_set_localnet(paths, "br2", true), 0);
        loop_settle(event);
        netns_limit_monitor(1);
        netns_run("seq -f 'route add 10.0.0.%%g dev other' 100 | ip -batch -");
        netns_run("ip link set br2 down && ip link set br2 name br3 && ip link set br3 up");
        renaming.name = "br3";
        loop_until(event, is_off, &renaming);
        /* What was switched off is nobody's business. */
        assert_int_equal(paths_set_localnet(paths, "br3", true), 0);
        assert_int_equal(paths_set_localnet(paths, "br3", false), 0);
        netns_sysctl("net/ipv4/conf/br3/route_localnet", "1");
        netns_run("ip link set br3 down && ip link set br3 name br4 && ip link set br4 up");
        loop_settle(event);
        assert_int_equal(paths_get_localnet(paths, "br4", &on), 0);
        assert_true(on);
        paths = paths_free(paths);
        sd_event_unref(event);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(an_endpoint_made_by_hand_may_be_on_a_bridge, setup),
                cmocka_unit_test_setup(where_a_container_was_no_hairpin_is_wanted, setup),
                cmocka_unit_test_setup(an_interface_with_another_name_has_no_route_localnet, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
