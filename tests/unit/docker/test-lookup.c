/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Questions of those who wait for the answer. */

#include "daemon/docker/lookup.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/docker/harness.h"

#define NAMED(id, name) "{\"Id\":\"" id "\",\"Names\":[\"/" name "\"],\"State\":\"exited\",\"Labels\":{}}"
#define ID_AB "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char list[] = "[" NAMED(ID_A, "web") "," NAMED(ID_AB, "bbbb") "," NAMED(ID_B, "database")
        ",{\"Id\":\"" ID_C "\",\"Names\":[\"/web/alias\",\"/linked\"]},{\"Id\":1},{\"Id\":\"x\"}]";

static Harness *start(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_LIST)->body = list;
        return harness;
}

static void assert_found(Harness *harness, const char *wanted, const char *id) {
        Container *container = NULL;
        char *nearest;

        assert_int_equal(docker_look_up(harness->event, harness->socket, wanted, &container, &nearest), 0);
        assert_string_equal(container->id, id);
        assert_null(nearest);
        container_free(container);
}

static void assert_not_found(Harness *harness, const char *wanted, int error, const char *expected) {
        Container *container = NULL;
        char *nearest;

        assert_int_equal(docker_look_up(harness->event, harness->socket, wanted, &container, &nearest), error);
        assert_string_equal(nearest ?: "", expected);
        assert_null(container);
        free(nearest);
}

static void test_by_name_and_id(void **state) {
        Harness *harness = start(state);

        assert_found(harness, "web", ID_A);
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_LIST), "/containers/json?all=1");
        assert_found(harness, "database", ID_B);
        assert_found(harness, "linked", ID_C);
        assert_found(harness, "aa", ID_A);
        assert_found(harness, "ab", ID_AB);
        assert_found(harness, ID_B, ID_B);
        assert_found(harness, "bbbb", ID_AB); /* a name counts more than the beginning of an ID */
}

static void test_not_found(void **state) {
        Harness *harness = start(state);

        assert_not_found(harness, "wbe", -ENOENT, "web");
        assert_not_found(harness, "dtabase", -ENOENT, "database");
        assert_not_found(harness, "nothing-of-the-kind", -ENOENT, "");
        assert_not_found(harness, "alias", -ENOENT, "");
        assert_not_found(harness, "../info", -ENOENT, "");
        assert_not_found(harness, "", -ENOENT, "");
        assert_not_found(harness, "a", -ENOTUNIQ, "");
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_INSPECT), 0);
}

static void test_errors(void **state) {
        Harness *harness = start(state);
        FakeAnswer *answer = fake_engine_answer(harness->engine, ROUTE_INSPECT);

        answer->status = 404;
        answer->body = "{}";
        assert_not_found(harness, "web", -EREMOTEIO, "");
        answer->status = 200;
        assert_not_found(harness, "web", -EBADMSG, "");
        fake_engine_answer(harness->engine, ROUTE_LIST)->body = "{}";
        assert_not_found(harness, "web", -EBADMSG, "");
        fake_engine_kill(harness->engine);
        assert_not_found(harness, "web", -ECONNREFUSED, "");
}

static void test_image(void **state) {
        Harness *harness = start(state);
        DockerImage image;

        assert_int_equal(docker_look_up_image(harness->event, harness->socket, IMAGE_A, &image), 0);
        assert_int_equal(image.n_labels, 1);
        assert_string_equal(image.labels[0].key, "calico.expose");
        docker_image_done(&image);
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_IMAGE), "/images/" IMAGE_A "/json");
        assert_int_equal(docker_look_up_image(harness->event, harness->socket, "../x", &image), -EINVAL);
        fake_engine_answer(harness->engine, ROUTE_IMAGE)->status = 404;
        assert_int_equal(docker_look_up_image(harness->event, harness->socket, IMAGE_A, &image), -EREMOTEIO);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_by_name_and_id, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_not_found, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_errors, harness_setup, harness_teardown),
                cmocka_unit_test_setup_teardown(test_image, harness_setup, harness_teardown),
        };

        return cmocka_run_group_tests_name("docker-lookup", tests, NULL, NULL);
}
