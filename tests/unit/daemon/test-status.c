/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/status.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static void check(Model *model, const StatusFacts *facts, const char *expected) {
        char status[STATUS_SIZE];
        Plan plan;

        assert_int_equal(model_decide(model, &plan), 0);
        plan_done(&plan);
        model_commit(model);
        assert_string_equal(status_format(model, facts, status), expected);
}

static void test_status(void **state _unused_) {
        _cleanup_(model_freep) Model *model = NULL;
        const DockerStatus here = {}, away = { .away = true, .since = 43380000000 };
        const StatusFacts unknown = { .docker = &here }, known = { .known = true, .docker = &here };
        const StatusFacts lost = { .known = true, .docker = &away };

        assert_int_equal(model_new(&open_policy, &model), 0);
        check(model, &unknown, "Asking Docker");
        check(model, &known, "0 ports of 0 containers exposed");
        check(model, &lost, "Docker is away since 12:03, 0 ports kept");
        assert_int_equal(model_put(model, build_on_bridge(1, "80")), 1);
        check(model, &known, "1 port of 1 container exposed");
        assert_int_equal(model_put(model, build_on_bridge(2, "81,82,80,x")), 1);
        check(model, &known, "3 ports of 2 containers exposed, 1 conflict, 1 refused");
        assert_int_equal(model_put(model, build_container(3, "100-109")), 1);
        check(model, &known, "3 ports of 2 containers exposed, 1 conflict, 1 waiting, 1 refused");
        check(model, &lost, "Docker is away since 12:03, 3 ports kept, 1 conflict, 1 waiting, 1 refused");
}

/* What needs somebody stands first, and only the worst of it. */
static void test_attention(void **state _unused_) {
        _cleanup_(model_freep) Model *model = NULL;
        const DockerStatus here = {}, away = { .away = true, .since = 1 };
        StatusFacts facts = { .known = true, .docker = &here, .config_since = 43380000000 };

        assert_int_equal(model_new(&open_policy, &model), 0);
        assert_int_equal(model_put(model, build_on_bridge(1, "80,x")), 1);
        check(model, &facts, "The configuration file is bad since 12:03, 1 port of 1 container exposed, 1 refused");
        facts.docker = &away;
        check(model, &facts, "Docker is away since 00:00, 1 port kept, 1 refused");
        facts.kernel_error = -EPERM;
        facts.kernel_since = 43440000000;
        check(model, &facts, "The kernel refuses changes since 12:04 (Operation not permitted), 1 port kept, 1 refused");
}

/* Before Docker was asked, the kernel says what is exposed. */
static void test_kept_from_before(void **state _unused_) {
        _cleanup_(model_freep) Model *model = NULL;
        Element element = { .kind = ELEMENT_DNAT_RANGE, .family = AF_INET, .ports = { 100, 109 }, .name = "" };
        const StatusFacts facts = { .docker = &(DockerStatus) { .away = true } };
        char status[STATUS_SIZE];

        assert_int_equal(model_new(&open_policy, &model), 0);
        assert_int_equal(model_set_actual(model, &(Elements) { &element, 1, 1 }), 0);
        assert_non_null(strstr(status_format(model, &facts, status), ", 10 ports kept"));
}

/* What Calico's datastore keeps from being allowed is told at the end, that it is away at the beginning. */
static void test_profiles(void **state _unused_) {
        const ProfilesStatus refused = { .used = true, .in_place = 4, .refused = 2 };
        const ProfilesStatus behind = { .used = true, .away = true, .since = 43380000000, .in_place = 4, .pending = 1 };
        const DockerStatus here = {}, away = { .away = true, .since = 43440000000 };
        _cleanup_(model_freep) Model *model = NULL;
        StatusFacts facts = { .known = true, .docker = &here, .profiles = &refused };

        assert_int_equal(model_new(&open_policy, &model), 0);
        check(model, &facts, "0 ports of 0 containers exposed, 2 profile rules refused");
        facts.profiles = &behind;
        check(model, &facts,
              "Calico's datastore is away since 12:03, 0 ports of 0 containers exposed, 1 profile rule pending");
        facts.docker = &away;
        check(model, &facts, "Docker is away since 12:04, 0 ports kept, 1 profile rule pending");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_attention),
                cmocka_unit_test(test_kept_from_before),
                cmocka_unit_test(test_profiles),
        };

        assert_int_equal(setenv("TZ", "UTC0", 1), 0);
        return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
