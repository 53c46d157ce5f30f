/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <cjson/cJSON.h>
#include <string.h>
#include <unistd.h>

#include "daemon/verbs/arrival.h"
#include "daemon/verbs/remedy.h"
#include "daemon/verbs/story.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"
#include "tests/unit/verbs/survey.h"

/* Of the only container. */
static char *tell(TestSurvey *test, const Obstacles *obstacles) {
        const Survey *survey = &test->survey;
        const Record *record;
        char *text;

        test_survey_decide(test);
        record = model_records(survey->model, &(size_t) { 0 })[0];
        text = TEXT_OF(file, ({
                               story_tell_container(survey, record, file);
                               assert_int_equal(story_tell_claims(survey, record, file), 0);
                               assert_int_equal(story_tell_remedy(survey, record, obstacles, file), 0);
                       }));
        return text;
}

static void assert_told(TestSurvey *test, const Obstacles *obstacles, const char *expected) {
        char *text = tell(test, obstacles);

        assert_string_equal(text, expected);
        free(text);
}

#define WHO "Container c1 (000000000000) is running.\n"
#define WHERE                                                                                                   \
        "Its network bridge is used: it has no other.\n"                                                        \
        "Its addresses there are 172.17.0.1 and fd00:d0c::1; this host has no direct route to them.\n"          \
        "Its profile is bridge: the network's name.\n"

static void test_exposed(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        test_survey_add(test, build_on_bridge(1, "80"));
        test_survey_carry_out(test);
        assert_told(test, &(Obstacles) {},
                    WHO "It carries the label calico.expose=80.\n" WHERE
                        "Port 80/tcp of this host to port 80 of the container: exposed.\n"
                        "Nothing has to be changed: it is exposed.\n");
}

/* What is sure comes before what is likely, and the container's own trouble before both. */
static void test_the_one_thing(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        const Obstacles obstacles = {
                .items = { { false, "Likely.", "do this" }, { true, "Sure.", "do that" } },
                .count = 2,
        };
        char *text;

        test_survey_add(test, build_on_bridge(1, "80"));
        test_survey_carry_out(test);
        text = tell(test, &obstacles);
        assert_non_null(strstr(text, "exposed.\nLikely.\nSure.\nTo change: do that.\n"));
        assert_null(strstr(text, "Nothing has to be changed"));
        free(text);
        test_survey_add(test, build_on_bridge(1, "80,20-30"));
        test->config.policy.reserved = &(PortRange) { 22, 22 };
        test->config.policy.n_reserved = 1;
        assert_int_equal(model_set_policy(test->survey.model, &test->config.policy), 0);
        text = tell(test, &obstacles);
        assert_non_null(strstr(text, "Sure.\nTo change, for the entry \"20-30\": choose another host port for c1, or take 22 "
                                     "out of ReservedPorts="));
        assert_null(strstr(text, "do that"));
        free(text);
}

static void test_other_tables_unseen(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        char *text;

        test_survey_add(test, build_on_bridge(1, "80"));
        strcpy(test->survey.kernel.text, "no permission");
        text = tell(test, &(Obstacles) { .incomplete = true });
        assert_non_null(strstr(text, "could not be seen.\n"));
        assert_null(strstr(text, "Nothing has to be changed"));
        free(text);
}

static void test_without_the_daemon(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        char *text;

        test_survey_add(test, build_on_bridge(1, "80"));
        test->survey.table = TABLE_ABSENT;
        test->survey.daemon = DAEMON_DOWN;
        text = tell(test, &(Obstacles) {});
        assert_non_null(strstr(text, "waiting: calico-exposed does not run.\n"));
        assert_non_null(strstr(text, "start calico-exposed: systemctl start calico-exposed.\n"));
        free(text);
}

static void test_no_label(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        test_survey_add(test, build_on_bridge(1, NULL));
        assert_told(test, &(Obstacles) { .items = { { true, "Sure.", "do that" } }, .count = 1 },
                    WHO "It carries no label calico.expose, so nothing of it is exposed.\n"
                        "To change: start it anew with --label calico.expose=80 to expose port 80 of it.\n");
}

static void test_labels(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Container *container = build_on_bridge(1, "\03380");
        char *text;

        build_label(container, "calico.expose.mod", "balance");
        build_label(container, "calico.expose.from", "192.0.2.0/24,2001:db8::/32");
        build_label(container, "calico.expose.mode", "balance");
        container->labels[3].from_image = true;
        container->state = CONTAINER_PAUSED;
        test_survey_add(test, container);
        text = tell(test, &(Obstacles) {});
        for (const char *const *sentence = (const char *const[]) {
                     "is paused: it keeps its ports.\n",
                     "It carries the label calico.expose=\\x1b80.\n",
                     "There is no such label: did you mean calico.expose.mode?\n",
                     "calico.expose.mode=balance, which came with its image and does not count.\n",
                     "for calico.expose.from says so: 192.0.2.0/24, 2001:db8::/32.\n",
                     "The entry \"\\x1b80\": invalid: expected printable text, found a control character.\n",
                     NULL,
             };
             *sentence; sentence++)
                if (!strstr(text, *sentence))
                        fail_msg("\"%s\" is not in:\n%s", *sentence, text);
        assert_null(strstr(text, "New connections are spread"));
        free(text);
}

static void test_networks(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Container *container = build_on_bridge(1, "80");
        char *text;

        build_network(container, "calico", "10.0.0.1", "", false);
        memset(container->networks[1].mac, 0xee, MAC_SIZE);
        test_survey_add(test, container);
        model_records(test->survey.model, &(size_t) { 0 })[0]->path4 = (RecordPath) { .known = true, .ifname = "cali1" };
        text = tell(test, &(Obstacles) {});
        assert_non_null(strstr(text, "It is on the networks bridge, calico.\n"
                                     "Its network calico is used: it is the first by name that is Calico's.\n"
                                     "Its address there is 10.0.0.1; this host reaches it by cali1.\n"));
        free(text);
}

/* Whatever the reason, there is something that a person can do. */
static void test_every_reason_has_a_remedy(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        char buffer[REMEDY_SIZE];
        const Record *record;

        test_survey_add(test, build_on_bridge(1, "80"));
        record = model_records(test->survey.model, &(size_t) { 0 })[0];
        for (unsigned reason = REASON_NONE + 1; reason < _CLAIM_REASON_MAX; reason++) {
                const Claim claim = { .reason = (ClaimReason) reason };

                remedy_format(&test->survey, record, &claim, &(ClaimFacts) {}, buffer);
                assert_non_null(strstr(buffer, "c1"));
                assert_null(strpbrk(buffer, "$%#"));
                assert_null(strstr(buffer, "see the journal"));
        }
}

static const char *json_text(const cJSON *object, const char *name) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

        return cJSON_IsNull(item) ? "null" : cJSON_GetStringValue(item) ?: "";
}

static cJSON *tell_json(TestSurvey *test, const Record *record, const Obstacles *obstacles) {
        char *text = TEXT_OF(file, assert_int_equal(story_print_json(&test->survey, record, obstacles, file), 0));
        cJSON *json = cJSON_Parse(text);

        assert_non_null(json);
        free(text);
        return json;
}

static void test_json(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Container *container = build_on_bridge(1, "80,x");
        const cJSON *found, *label;
        cJSON *json;

        build_label(container, "calico.expose.mod\033", "balance");
        test_survey_add(test, container);
        test_survey_carry_out(test);
        test_survey_decide(test);
        json = tell_json(test, model_records(test->survey.model, &(size_t) { 0 })[0],
                         &(Obstacles) { .items = { { true, "Sure.", "do that" } }, .count = 1 });
        found = cJSON_GetObjectItemCaseSensitive(json, "container");
        assert_string_equal(json_text(found, "name"), "c1");
        assert_string_equal(json_text(found, "state"), "running");
        assert_string_equal(json_text(found, "network"), "bridge");
        assert_string_equal(json_text(found, "network_choice"), "only");
        assert_string_equal(json_text(found, "interface"), "null");
        label = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(found, "labels"), 1);
        assert_string_equal(json_text(label, "key"), "calico.expose.mod\\x1b");
        assert_string_equal(json_text(label, "nearest"), "calico.expose.mode");
        assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(label, "counts")));
        found = cJSON_GetObjectItemCaseSensitive(json, "claims");
        assert_int_equal(cJSON_GetArraySize(found), 2);
        assert_string_equal(json_text(cJSON_GetArrayItem(found, 0), "state"), "exposed");
        assert_string_equal(json_text(cJSON_GetArrayItem(found, 1), "state"), "invalid");
        found = cJSON_GetObjectItemCaseSensitive(json, "obstacles");
        assert_string_equal(json_text(cJSON_GetArrayItem(found, 0), "remedy"), "do that");
        assert_string_equal(json_text(json, "remedy_entry"), "x");
        assert_non_null(strstr(json_text(json, "remedy"), "correct that entry"));
        cJSON_Delete(json);
}

static void test_json_without_docker(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        cJSON *json = tell_json(test, NULL, &(Obstacles) { .incomplete = true });

        assert_string_equal(json_text(json, "container"), "null");
        assert_string_equal(json_text(json, "remedy"), "null");
        assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "obstacles_known")));
        cJSON_Delete(json);
}

static void test_chains(void **state _unused_) {
        const RulesetOptions options = { .mark = 0x80, .mask = 0x80 };
        ForwardChain chain = { .family = AF_INET, .table = "filter", .name = "FORWARD" };
        Obstacle obstacle;

        assert_false(obstacle_of_chain(&chain, &options, &obstacle));
        chain.drops = chain.passes = true;
        assert_false(obstacle_of_chain(&chain, &options, &obstacle));
        chain.passes = false;
        assert_true(obstacle_of_chain(&chain, &options, &obstacle));
        assert_false(obstacle.certain);
        assert_non_null(strstr(obstacle.remedy,
                               "nft insert rule ip filter FORWARD meta mark and 0x80 == 0x80 counter accept"));
        chain = (ForwardChain) { .table = "firewalld", .name = "filter_FORWARD", .drops = true };
        assert_true(obstacle_of_chain(&chain, &options, &obstacle));
        assert_non_null(strstr(obstacle.remedy, "StrictForwardPorts=no"));
        assert_null(strstr(obstacle.remedy, "nft"));
        chain.docker = true;
        assert_true(obstacle_of_chain(&chain, &options, &obstacle));
        assert_non_null(strstr(obstacle.remedy, "--bridge-accept-fwmark=0x80/0x80"));
        strcpy(chain.table, "\033[2J");
        assert_true(obstacle_of_chain(&chain, &options, &obstacle));
        assert_null(strchr(obstacle.what, '\033'));
}

static void test_inside(void **state _unused_) {
        static const char text[] =
                "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
                "   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 110 1 0\n"
                "   1: 00000000:0051 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0\n"
                "   2: 020011AC:0052 010011AC:A000 01 00000000:00000000 00:00000000 00000000     0        0 112 1 0\n"
                "   3: 00000000000000000000000001000000:0053 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n"
                "   4: 00000000000000000000000000000000:0053 00000000000000000000000000000000:0000 07 0:0 0:0 0 0 0 1\n"
                "   5: 0000000000000000FFFF00000100007F:0054 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 1\n"
                "nonsense\n";
        static const struct {
                Protocol protocol;
                uint16_t port;
                Inside expected;
        } cases[] = {
                { PROTOCOL_TCP, 80, INSIDE_LOOPBACK }, { PROTOCOL_TCP, 81, INSIDE_LISTENS },
                { PROTOCOL_TCP, 82, INSIDE_NOBODY },   { PROTOCOL_TCP, 83, INSIDE_LOOPBACK },
                { PROTOCOL_UDP, 83, INSIDE_LISTENS },  { PROTOCOL_TCP, 84, INSIDE_LOOPBACK },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                FILE *file = fmemopen((char *) (uintptr_t) text, sizeof(text) - 1, "r");

                assert_non_null(file);
                assert_int_equal(inside_read(file, cases[i].protocol, cases[i].port), cases[i].expected);
                fclose(file);
        }
        assert_int_equal(inside_look(0, PROTOCOL_TCP, 80), INSIDE_UNKNOWN);
        assert_int_equal(inside_look(getpid(), PROTOCOL_SCTP, 80), INSIDE_UNKNOWN);
        assert_int_not_equal(inside_look(getpid(), PROTOCOL_TCP, 1), INSIDE_UNKNOWN);
}

static Routes read_routes(const char *text, int family) {
        FILE *file = fmemopen((char *) (uintptr_t) text, strlen(text), "r");
        Routes routes;

        assert_non_null(file);
        routes = inside_read_routes(file, family);
        fclose(file);
        return routes;
}

/* As the kernel writes them. */
static void test_routes_inside(void **state _unused_) {
#define TITLE "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
#define LINK "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
#define NONE "00000000000000000000000000000000"
#define LINK6 "fd000000000000000000000000000000 40 " NONE " 00 " NONE " 00000100 00000001 00000000 00000001     eth0\n"
        assert_int_equal(read_routes(TITLE LINK, AF_INET), ROUTES_NEAR);
        assert_int_equal(read_routes(TITLE LINK "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", AF_INET),
                         ROUTES_FAR);
        /* without a gateway, as of ipvlan; and half of all addresses, as of a tunnel */
        assert_int_equal(read_routes(TITLE "eth0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n", AF_INET),
                         ROUTES_FAR);
        assert_int_equal(read_routes(TITLE "eth0\t00000080\t010200C0\t0003\t0\t0\t0\t00000080\t0\t0\t0\n", AF_INET),
                         ROUTES_FAR);
        /* a route of type unreachable */
        assert_int_equal(read_routes(TITLE "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n", AF_INET), ROUTES_NEAR);
        assert_int_equal(read_routes(LINK6, AF_INET6), ROUTES_NEAR);
        assert_int_equal(read_routes(LINK6 NONE " 00 " NONE " 00 " NONE " ffffffff 00000001 00000000 00200200       lo\n",
                                     AF_INET6), ROUTES_NEAR);
        assert_int_equal(read_routes(LINK6 NONE " 00 " NONE " 00 fd000000000000000000000000000001"
                                           " 00000400 00000003 00000000 00000003     eth0\n", AF_INET6), ROUTES_FAR);
        assert_int_equal(inside_look_at_routes(0, AF_INET), ROUTES_UNKNOWN);
        assert_int_not_equal(inside_look_at_routes(getpid(), AF_INET), ROUTES_UNKNOWN);
}

static void test_no_way(void **state _unused_) {
        char name[] = "web", swarm_id[] = "mrgvkgqbz8pt6dlsqvvony7wi";
        ContainerNetwork overlay = { .id = swarm_id };
        Record record = { .name = name, .path6 = { .asked = true, .known = true } };
        Obstacle obstacle;

        assert_int_equal(address_parse("10.0.1.5", &record.ipv4), 0);
        assert_false(obstacle_of_path(&record, AF_INET, &obstacle)); /* not asked yet */
        assert_false(obstacle_of_path(&record, AF_INET6, &obstacle));
        record.path4.asked = true;
        assert_true(obstacle_of_path(&record, AF_INET, &obstacle));
        assert_true(obstacle.certain);
        assert_string_equal(obstacle.what,
                            "This host has no direct route to 10.0.1.5: nothing that it sends there arrives in web.");
        assert_non_null(strstr(obstacle.remedy, "docker network connect NETWORK web"));
        record.network = &overlay;
        assert_true(obstacle_of_path(&record, AF_INET, &obstacle));
        assert_string_equal(obstacle.what, "This host has no direct route to 10.0.1.5, which is of an overlay network: nothing "
                                           "that it sends there arrives in web.");
        assert_non_null(strstr(obstacle.remedy, "docker network connect bridge web, "));
        assert_non_null(strstr(obstacle.remedy, "docker service update --network-add bridge SERVICE"));
        record.path4 = (RecordPath) { .asked = true, .known = true, .ifname = "eth0" };
        obstacle_of_parent(&record, AF_INET, &obstacle);
        assert_true(obstacle.certain);
        assert_non_null(strstr(obstacle.what, "The network of web is a macvlan on eth0, "));
        assert_non_null(strstr(obstacle.what, " sends to 10.0.1.5 arrives in the container."));
        assert_false(obstacle_of_routes(&record, AF_INET, ROUTES_UNKNOWN, &obstacle));
        assert_false(obstacle_of_routes(&record, AF_INET, ROUTES_FAR, &obstacle));
        assert_true(obstacle_of_routes(&record, AF_INET, ROUTES_NEAR, &obstacle));
        assert_true(obstacle.certain);
        assert_non_null(strstr(obstacle.what, "10.0.1.5 has no default route"));
}

static void test_not_this_hosts(void **state _unused_) {
        char name[] = "web";
        const Record record = { .name = name };
        Obstacle obstacle;
        Address address = {};

        assert_false(obstacle_of_address(&record, &address, &obstacle));
        for (const char *const *here = (const char *const[]) { "127.0.0.1", "127.0.0.2", NULL }; *here; here++) {
                assert_int_equal(address_parse(*here, &address), 0);
                assert_false(obstacle_of_address(&record, &address, &obstacle));
        }
        assert_int_equal(address_parse("198.51.100.254", &address), 0);
        assert_true(obstacle_of_address(&record, &address, &obstacle));
        assert_true(obstacle.certain);
        assert_string_equal(obstacle.what,
                            "This host has no address 198.51.100.254 now, which calico.expose of web names.");
        obstacle_of_interface(&record, "eth*", true, true, &obstacle);
        assert_true(obstacle.certain);
        assert_string_equal(obstacle.what, "There is no interface eth* on this host now, on which alone may arrive what is "
                                           "for web (it is a name, and no pattern).");
        assert_non_null(strstr(obstacle.remedy, "correct calico.expose.interface of web"));
        obstacle_of_interface(&record, "eht0", false, false, &obstacle);
        assert_false(obstacle.certain);
        assert_string_equal(obstacle.what,
                            "There is no interface eht0 on this host now, on which what is for web may arrive, too.");
        assert_non_null(strstr(obstacle.remedy, "Interfaces="));
}

static Obstacles arrival_of(TestSurvey *test) {
        Obstacles obstacles = {};

        arrival_find(&test->survey, model_records(test->survey.model, &(size_t) { 0 })[0], getpid(), &obstacles);
        return obstacles;
}

/* What is not exposed has other troubles, and each is said once. */
static void test_what_arrives(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        Container *container = build_on_bridge(1, "198.51.100.254:80:80,198.51.100.254:81:80,82");
        Obstacles obstacles;
        Record *record;

        build_label(container, "calico.expose.interface", "eht0,lo");
        assert_int_equal(paths_new_reader(&test->survey.paths), 0);
        test_survey_add(test, container);
        obstacles = arrival_of(test);
        assert_int_equal(obstacles.count, 0);
        test_survey_carry_out(test);
        record = model_records(test->survey.model, &(size_t) { 0 })[0];
        record->path4.asked = record->path6.asked = true;
        record->path6.known = true;
        obstacles = arrival_of(test);
        paths_free(test->survey.paths);
        assert_int_equal(obstacles.count, 3);
        assert_non_null(strstr(obstacles.items[0].what, "no direct route to 172.17.0.1"));
        assert_non_null(strstr(obstacles.items[1].what, "no address 198.51.100.254 now"));
        assert_non_null(strstr(obstacles.items[2].what, "no interface eht0"));
        assert_false(obstacles.items[2].certain);
}

static void test_nobody_listens(void **state _unused_) {
        char name[] = "web";
        const Record record = { .name = name };
        const Entry entry = { .protocol = PROTOCOL_TCP, .container_ports = { 80, 80 } };
        Obstacle obstacle;

        assert_false(obstacle_of_inside(&record, &entry, INSIDE_UNKNOWN, &obstacle));
        assert_false(obstacle_of_inside(&record, &entry, INSIDE_LISTENS, &obstacle));
        assert_true(obstacle_of_inside(&record, &entry, INSIDE_LOOPBACK, &obstacle));
        assert_string_equal(obstacle.what, "In the container, a program listens on 127.0.0.1 or ::1 alone on port 80/tcp.");
        assert_true(obstacle_of_inside(&record, &entry, INSIDE_NOBODY, &obstacle));
        assert_string_equal(obstacle.what, "In the container, nobody listens on port 80/tcp.");
        assert_string_equal(obstacle.remedy, "have the program in web listen on port 80/tcp of all its addresses");
        assert_false(obstacle.certain);
}

static void test_legacy(void **state _unused_) {
        const RulesetOptions options = { .mark = 0x80, .mask = 0x80 };
        Obstacle obstacle;

        assert_false(obstacle_of_legacy(0, &(XtablesForward) {}, &options, &obstacle));
        assert_false(obstacle_of_legacy(0, &(XtablesForward) { true, true }, &options, &obstacle));
        assert_true(obstacle_of_legacy(1, &(XtablesForward) { true, false }, &options, &obstacle));
        assert_non_null(strstr(obstacle.remedy, ": ip6tables-legacy -I FORWARD -m mark --mark 0x80/0x80 -j ACCEPT"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exposed),
                cmocka_unit_test(test_the_one_thing),
                cmocka_unit_test(test_other_tables_unseen),
                cmocka_unit_test(test_without_the_daemon),
                cmocka_unit_test(test_no_label),
                cmocka_unit_test(test_labels),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_every_reason_has_a_remedy),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_json_without_docker),
                cmocka_unit_test(test_chains),
                cmocka_unit_test(test_inside),
                cmocka_unit_test(test_routes_inside),
                cmocka_unit_test(test_no_way),
                cmocka_unit_test(test_not_this_hosts),
                cmocka_unit_test(test_what_arrives),
                cmocka_unit_test(test_nobody_listens),
                cmocka_unit_test(test_legacy),
        };

        return cmocka_run_group_tests_name("story", tests, NULL, NULL);
}
