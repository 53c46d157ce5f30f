/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/verbs/differences.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"
#include "tests/unit/verbs/survey.h"

/* "missing: ...\nextra: ...\n" */
static void assert_differences(TestSurvey *test, const char *expected) {
        Differences differences;
        char *text;

        test_survey_decide(test);
        assert_int_equal(differences_find(&test->survey, &differences), 0);
        text = TEXT_OF(file, for (size_t i = 0; i < differences.count; i++)
                                     fprintf(file, "%s: %s\n", difference_kind_to_string(differences.items[i].kind),
                                             differences.items[i].text));
        assert_string_equal(text, expected);
        free(text);
        differences_done(&differences);
}

static TestSurvey *carried_out(const char *expose) {
        TestSurvey *test = test_survey_new();

        test_survey_add(test, build_on_bridge(1, expose));
        test_survey_carry_out(test);
        return test;
}

static Elements copy_actual(const TestSurvey *test) {
        Elements copy;

        assert_int_equal(model_copy_actual(test->survey.model, &copy), 0);
        return copy;
}

static Element *find(Elements *elements, ElementKind kind, uint8_t family) {
        for (size_t i = 0; i < elements->count; i++)
                if (elements->items[i].kind == kind && elements->items[i].family == family)
                        return &elements->items[i];
        fail();
        return NULL;
}

static void set_actual(TestSurvey *test, Elements *elements) {
        elements_sort(elements);
        assert_int_equal(model_set_actual(test->survey.model, elements), 0);
        elements_done(elements);
}

static void test_none(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("80,53/udp,8000-8010,9000-9001:7000-7001");

        assert_differences(test, "");
}

static void test_elsewhere(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("8080:80");
        Elements elements = copy_actual(test);

        find(&elements, ELEMENT_DNAT, AF_INET)->target = build_address("172.17.9.9");
        find(&elements, ELEMENT_ENDPOINT, AF_INET6)->name = "other";
        set_actual(test, &elements);
        assert_differences(test, "changed: port 8080/tcp -> 172.17.9.9:80, should be 172.17.0.1:80 (c1)\n"
                                 "changed: the profile of fd00:d0c::1 (c1) -> other, should be bridge\n");
}

static void test_missing_and_extra(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("8080:80,127.0.0.1:8081:80");
        Elements elements = copy_actual(test);

        find(&elements, ELEMENT_DNAT, AF_INET)->ports = (PortRange) { 7777, 7777 };
        find(&elements, ELEMENT_DNAT_HOST, AF_INET)->address = build_address("127.0.0.2");
        find(&elements, ELEMENT_ALLOW, AF_INET)->name = "\033[31m";
        set_actual(test, &elements);
        assert_differences(test, "extra: port 127.0.0.2:8081/tcp -> 172.17.0.1:80 (c1)\n"
                                 "missing: port 127.0.0.1:8081/tcp -> 172.17.0.1:80 (c1)\n"
                                 "missing: port 8080/tcp -> 172.17.0.1:80 (c1)\n"
                                 "extra: port 7777/tcp -> 172.17.0.1:80 (c1)\n"
                                 "missing: profile bridge allows 172.17.0.1:80/tcp (c1)\n"
                                 "extra: profile \\x1b[31m allows 172.17.0.1:80/tcp (c1)\n");
}

static Container *limited(unsigned number, const char *mode) {
        Container *container = build_on_bridge(number, "8000-8010,9000:80");

        build_label(container, "calico.expose.from", "192.0.2.0/24");
        build_label(container, "calico.expose.interface", "eth0");
        build_label(container, "calico.expose.mode", mode);
        return container;
}

/* Each kind of element has words of its own, and none is passed over. */
static void test_every_kind_is_told(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();
        bool told[_ELEMENT_KIND_MAX] = { [ELEMENT_WITHDRAWN] = true };
        const Elements *desired;
        Differences differences;

        test_survey_add(test, limited(1, "balance"));
        test_survey_add(test, limited(2, "balance"));
        test_survey_add(test, build_on_bridge(3, "80,127.0.0.1:81:80,500-510"));
        for (size_t i = 0; i < 3; i++) {
                RecordPath *path = &model_records(test->survey.model, &(size_t) { 0 })[i]->path4;

                *path = (RecordPath) { .known = true, .neighbours = i == 0 ? 32 : 24, .localnet = true,
                                       .ifname = "docker0" };
        }
        assert_int_equal(model_add_hairpin_port(test->survey.model, "veth1"), 0);
        test_survey_decide(test);
        desired = model_after(test->survey.model);
        for (size_t i = 0; i < desired->count; i++)
                told[desired->items[i].kind] = true;
        for (size_t i = 0; i < _ELEMENT_KIND_MAX; i++)
                assert_true(told[i]);
        assert_int_equal(differences_find(&test->survey, &differences), 0);
        assert_int_equal(differences.count, desired->count);
        for (size_t i = 0; i < differences.count; i++)
                for (size_t k = 0; k < i; k++) /* but for families, no two read the same */
                        assert_true(strcmp(differences.items[i].text, differences.items[k].text) != 0 ||
                                    strstr(differences.items[i].text, "balance") ||
                                    strstr(differences.items[i].text, "limit"));
        differences_done(&differences);
}

static void test_withdrawn_is_none(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("80");
        Elements elements = copy_actual(test);
        const Element withdrawn = {
                .kind = ELEMENT_WITHDRAWN, .family = AF_INET, .protocol = PROTOCOL_TCP, .ports = { 81, 81 }, .name = "",
                .prefix = { { .family = AF_INET }, 0 }, .address = build_address("172.17.0.1"), .target_port = 80,
        };

        assert_int_equal(elements_append(&elements, &withdrawn), 0);
        set_actual(test, &elements);
        assert_differences(test, "");
        assert_int_equal(model_forget_withdrawn(test->survey.model, &withdrawn), 0);
        assert_differences(test, "");
}

static void test_no_table(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new();

        test->survey.table = TABLE_ABSENT;
        test->survey.docker_user[0] = DOCKER_USER_PUT;
        assert_differences(test, "");
        test->survey.docker_user[0] = DOCKER_USER_IN_PLACE;
        assert_differences(test, "extra: the rule for marked packets at the top of ip filter DOCKER-USER\n");
        test_survey_add(test, build_on_bridge(1, "80"));
        assert_differences(test, "missing: the table inet calico-exposed, with 2 exposures\n");
}

static void test_rules(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("80");

        test->survey.skeleton_intact = false;
        test->survey.docker_user[1] = DOCKER_USER_PUT;
        assert_differences(test, "changed: chains, sets or rules of the table inet calico-exposed are not what they must "
                                 "be\n"
                                 "missing: the rule for marked packets at the top of ip6 filter DOCKER-USER\n");
}

/* Flows */

static Flow flow(uint8_t protocol, uint16_t port, const char *source, uint16_t source_port) {
        Address address = build_address(source);

        return (Flow) {
                .protocol = protocol,
                .destination = build_address(address.family == AF_INET ? "192.0.2.1" : "2001:db8::1"),
                .destination_port = port, .source = address, .source_port = source_port,
        };
}

static void assert_stale(TestSurvey *test, Flow flow, const char *expected) {
        DifferenceKind kind;
        FlowIndex withdrawn;
        const FlowFilter filter = {
                .kind = FLOW_TRANSLATED, .protocol = PROTOCOL_TCP, .family = AF_INET, .ports = { 70, 79 },
                .destination = { { .family = AF_INET }, 0 }, .container = build_address("172.17.7.7"),
                .container_first = 170,
        };
        bool stale;

        assert_int_equal(flow_index_new(&filter, 1, &withdrawn), 0);
        stale = differences_flow_is_stale(&test->survey, &withdrawn, &flow, &kind);
        flow_index_done(&withdrawn);
        assert_string_equal(stale ? difference_kind_to_string(kind) : "", expected);
}

static void test_flows(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = carried_out("8080:80,8000-8010:9000-9010,127.0.0.1:8081:80");
        Container *waiting = build_on_bridge(2, "8090:80");
        DockerPort published = { .host = { .protocol = PROTOCOL_TCP, .port = 8091, .docker = true } };

        build_label(waiting, "calico.expose.when", "healthy");
        test_survey_add(test, waiting);
        test_survey_add(test, build_on_bridge(3, "8091:80,8092:80"));
        test->survey.published = &published;
        test->survey.n_published = 1;
        test_survey_decide(test);

        /* as the table says, and such as no table could say */
        assert_stale(test, flow(PROTOCOL_TCP, 8080, "172.17.0.1", 80), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8003, "172.17.0.1", 9003), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8080, "fd00:d0c::1", 80), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8080, "192.0.2.1", 8080), "");
        assert_stale(test, flow(PROTOCOL_UDP, 8080, "172.17.0.9", 80), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8081, "172.17.0.9", 80), "");
        /* to an exposed port, but elsewhere */
        assert_stale(test, flow(PROTOCOL_TCP, 8080, "172.17.0.9", 80), "changed");
        assert_stale(test, flow(PROTOCOL_TCP, 8080, "172.17.0.1", 81), "changed");
        assert_stale(test, flow(PROTOCOL_TCP, 8003, "172.17.0.1", 9004), "changed");
        /* as a claim asks that is not exposed */
        assert_stale(test, flow(PROTOCOL_TCP, 8090, "172.17.0.2", 80), "extra");
        assert_stale(test, flow(PROTOCOL_TCP, 8090, "172.17.0.2", 81), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8099, "172.17.0.2", 80), "");
        assert_stale(test, flow(PROTOCOL_TCP, 8091, "172.17.0.3", 80), "");
        /* as was withdrawn */
        assert_stale(test, flow(PROTOCOL_TCP, 75, "172.17.7.7", 175), "extra");
        assert_stale(test, flow(PROTOCOL_TCP, 75, "172.17.7.7", 176), "");
        test->survey.published = NULL;
}

static void test_intersection(void **state _unused_) {
        _cleanup_(test_survey_freep) TestSurvey *test = test_survey_new(), *later = test_survey_new();
        Differences first, second;

        test_survey_add(test, build_container(1, "80"));
        test->survey.docker_user[0] = test->survey.docker_user[1] = DOCKER_USER_PUT;
        later->survey.docker_user[0] = DOCKER_USER_PUT;
        test_survey_carry_out(test);
        test_survey_carry_out(later);
        test_survey_decide(test);
        test_survey_decide(later);
        assert_int_equal(differences_find(&test->survey, &first), 0);
        assert_int_equal(differences_find(&later->survey, &second), 0);
        assert_int_equal(first.count, 2);
        differences_intersect(&first, &second);
        assert_int_equal(first.count, 1);
        assert_string_equal(first.items[0].text, second.items[0].text);
        differences_done(&second);
        differences_intersect(&first, &second);
        assert_int_equal(first.count, 0);
        differences_done(&first);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_elsewhere),
                cmocka_unit_test(test_missing_and_extra),
                cmocka_unit_test(test_every_kind_is_told),
                cmocka_unit_test(test_withdrawn_is_none),
                cmocka_unit_test(test_no_table),
                cmocka_unit_test(test_rules),
                cmocka_unit_test(test_flows),
                cmocka_unit_test(test_intersection),
        };

        return cmocka_run_group_tests_name("differences", tests, NULL, NULL);
}
