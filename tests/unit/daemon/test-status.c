/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/status.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static void check(Model *model, bool known, bool away, const char *expected) {
        const DockerStatus docker = { .away = away, .since = 1000000 };
        char status[STATUS_SIZE];
        Plan plan;

        assert_int_equal(model_decide(model, &plan), 0);
        plan_done(&plan);
        model_commit(model);
        (void) status_format(model, known, &docker, &(ProfilesStatus) {}, status);
        if (away) { /* the time depends on the zone */
                assert_non_null(strstr(status, "Docker is away since "));
                assert_non_null(strstr(status, expected));
        } else
                assert_string_equal(status, expected);
}

static void test_status(void **state _unused_) {
        _cleanup_(model_freep) Model *model = NULL;

        assert_int_equal(model_new(&open_policy, &model), 0);
        check(model, false, false, "Asking Docker");
        check(model, true, false, "0 ports of 0 containers exposed");
        check(model, true, true, ", 0 ports kept");
        assert_int_equal(model_put(model, build_on_bridge(1, "80")), 1);
        check(model, true, false, "1 port of 1 container exposed");
        assert_int_equal(model_put(model, build_on_bridge(2, "81,82,80,x")), 1);
        check(model, true, false, "3 ports of 2 containers exposed, 1 conflict, 1 refused");
        assert_int_equal(model_put(model, build_container(3, "100-109")), 1);
        check(model, true, false, "3 ports of 2 containers exposed, 1 conflict, 1 waiting, 1 refused");
        check(model, true, true, ", 3 ports kept, 1 conflict");
}

/* Before Docker was asked, the kernel says what is exposed. */
static void test_kept_from_before(void **state _unused_) {
        _cleanup_(model_freep) Model *model = NULL;
        Element element = { .kind = ELEMENT_DNAT_RANGE, .family = AF_INET, .ports = { 100, 109 }, .name = "" };
        const DockerStatus docker = { .away = true };
        char status[STATUS_SIZE];

        assert_int_equal(model_new(&open_policy, &model), 0);
        assert_int_equal(model_set_actual(model, &(Elements) { &element, 1, 1 }), 0);
        assert_non_null(strstr(status_format(model, false, &docker, &(ProfilesStatus) {}, status), ", 10 ports kept"));
}

/* Calico's datastore has its say at the end. */
static void test_profiles(void **state _unused_) {
        const ProfilesStatus behind = { .used = true, .away = true, .since = 1000000, .in_place = 4, .pending = 1 };
        const ProfilesStatus refused = { .used = true, .in_place = 4, .refused = 2 };
        _cleanup_(model_freep) Model *model = NULL;
        const DockerStatus docker = {};
        char status[STATUS_SIZE];

        assert_int_equal(model_new(&open_policy, &model), 0);
        assert_string_equal(status_format(model, true, &docker, &refused, status),
                            "0 ports of 0 containers exposed, 2 profile rules refused");
        assert_non_null(strstr(status_format(model, true, &docker, &behind, status),
                               "exposed, 1 profile rule pending, Calico's datastore is away since "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_kept_from_before),
                cmocka_unit_test(test_profiles),
        };

        return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
