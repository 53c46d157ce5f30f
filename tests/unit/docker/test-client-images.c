/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Images: like containers (tests/unit/docker/test-client-requests.c), and among them. */

#include "tests/unit/docker/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/docker/splitter.h"

static FakeAnswer *image_answer(Harness *harness) {
        return fake_engine_answer(harness->engine, ROUTE_IMAGE);
}

static void expect_image(Harness *harness, const char *line) {
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        harness_expect(harness, line);
}

static void test_image(void **state) {
        Harness *harness = *state;

        harness->times.inspect = 100000;
        harness_connect(harness);
        expect_image(harness, "image sha256:aaaa calico.expose=80");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_IMAGE), "/v1.41/images/" IMAGE_A "/json");
        image_answer(harness)->body = "{\"Id\":\"sha256:1\",\"Config\":{\"Labels\":{\"x\":\"1\","
                                      "\"calico.expose.when\":\"2\",\"calico.expose\":\"3\"}}}";
        expect_image(harness, "image sha256:aaaa calico.expose=3 calico.expose.when=2");
        image_answer(harness)->body = "{\"Id\":\"sha256:1\",\"Config\":null}";
        image_answer(harness)->chunked = true;
        expect_image(harness, "image sha256:aaaa");
        image_answer(harness)->cut = true;
        expect_image(harness, "image sha256:aaaa failed: the connection ended before the answer did");
        image_answer(harness)->cut = false;
        image_answer(harness)->hang = true;
        expect_image(harness, "image sha256:aaaa failed: no answer in time");
        image_answer(harness)->hang = false;
        expect_image(harness, "image sha256:aaaa");
        /* As Podman writes it, where an image and a container may even have the same ID. */
        assert_int_equal(docker_client_inspect_image(harness->client, ID_A), 0);
        harness_expect(harness, "image aaaaaaaaaaa");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_IMAGE), "/v1.41/images/" ID_A "/json");
}

static void test_image_errors(void **state) {
        static const char *const bodies[] = {
                "", "{}", "[]", "{\"message\":\"x\"}", "{\"Id\":\"x\",\"Config\":[]}", "<html>",
        };
        Harness *harness = *state;

        harness_connect(harness);
        image_answer(harness)->status = 404;
        image_answer(harness)->body = "{\"message\":\"No such image: " IMAGE_A "\"}\n";
        expect_image(harness, "image sha256:aaaa gone: answered with status 404: No such image: " IMAGE_A);
        image_answer(harness)->status = 500;
        expect_image(harness, "image sha256:aaaa failed: answered with status 500: No such image: " IMAGE_A);
        image_answer(harness)->status = 200;
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                image_answer(harness)->body = bodies[i];
                expect_image(harness, "image sha256:aaaa failed: the answer is no description of it");
        }
        image_answer(harness)->status = 0;
        expect_image(harness, "image sha256:aaaa failed: the connection ended before the answer did");
        assert_true(docker_client_is_connected(harness->client));
}

static void test_image_huge(void **state) {
        char *body = malloc(OBJECT_SIZE_MAX + 2);
        Harness *harness = *state;

        memset(body, ' ', OBJECT_SIZE_MAX + 1);
        body[OBJECT_SIZE_MAX + 1] = '\0';
        harness_connect(harness);
        image_answer(harness)->body = body;
        expect_image(harness, "image sha256:aaaa failed: Message too long");
        free(body);
}

static void test_image_refused(void **state) {
        char longest[DOCKER_IMAGE_ID_SIZE_MAX + 2];
        Harness *harness = *state;

        memset(longest, 'f', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        harness_start_client(harness);
        assert_int_equal(docker_client_inspect_image(harness->client, ""), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "../_ping"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "a/b"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "a?b"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "a%2fb"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "SHA256:00"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, "a b"), -EINVAL);
        assert_int_equal(docker_client_inspect_image(harness->client, longest), -EINVAL);
        longest[DOCKER_IMAGE_ID_SIZE_MAX] = '\0';
        assert_int_equal(docker_client_inspect_image(harness->client, longest), 0);
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        assert_int_equal(harness->n_log, 0); /* from the loop only */
        harness_expect(harness, "image fffffffffff failed: not connected");
        harness_expect(harness, "image sha256:aaaa failed: not connected");
        harness_start_engine(harness);
        harness_wait(harness, docker_client_is_connected(harness->client));
        assert_int_equal(docker_client_inspect_image(harness->client, longest), 0);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_IMAGE) == 1);
        assert_non_null(strstr(fake_engine_path(harness->engine, ROUTE_IMAGE), longest));
}

/* Asked for again while it is under way: one request is enough. A container of the same name is another thing. */
static void test_image_again(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        image_answer(harness)->hang = true;
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(docker_client_inspect_image(harness->client, ID_A), 0);
                harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_IMAGE) == 1);
        }
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        harness_expect(harness, "inspected aaaa");
        assert_int_equal(fake_engine_hanging(harness->engine, ROUTE_IMAGE), 1);
        fake_engine_release(harness->engine, ROUTE_IMAGE);
        harness_expect(harness, "image aaaaaaaaaaa calico.expose=80");
        harness_expect_silence(harness, 30000);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_IMAGE), 1);
}

/* The limit is for both together, and the order that of asking. */
static void test_image_among_containers(void **state) {
        char id[CONTAINER_ID_SIZE + 1];
        Harness *harness = *state;

        harness_connect(harness);
        image_answer(harness)->hang = true;
        fake_engine_answer(harness->engine, ROUTE_INSPECT)->hang = true;
        memset(id, '0', CONTAINER_ID_SIZE);
        id[CONTAINER_ID_SIZE] = '\0';
        for (unsigned i = 0; i < DOCKER_INSPECTS_MAX; i++) {
                id[0] = (char) ('0' + i);
                assert_int_equal(i % 2 ? docker_client_inspect(harness->client, id)
                                       : docker_client_inspect_image(harness->client, id), 0);
        }
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        assert_int_equal(docker_client_inspect(harness->client, ID_B), 0);
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_IMAGE) == DOCKER_INSPECTS_MAX / 2 &&
                              fake_engine_hanging(harness->engine, ROUTE_INSPECT) == DOCKER_INSPECTS_MAX / 2);
        for (unsigned i = 0; i < 50; i++)
                harness_step(harness);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_IMAGE), DOCKER_INSPECTS_MAX / 2);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_INSPECT), DOCKER_INSPECTS_MAX / 2);
        fake_engine_release(harness->engine, ROUTE_INSPECT);
        harness_expect(harness, "inspected 1000");
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_IMAGE) == DOCKER_INSPECTS_MAX / 2 + 1);
        assert_non_null(strstr(fake_engine_path(harness->engine, ROUTE_IMAGE), IMAGE_A));
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_INSPECT), DOCKER_INSPECTS_MAX / 2);
        /* With the connection all fail, those in the queue too. */
        harness->seen = harness->n_log;
        fake_engine_kill(harness->engine);
        harness_expect_prefix(harness, "disconnected: ");
        harness_wait(harness, harness->n_log >= harness->seen + DOCKER_INSPECTS_MAX + 1);
        for (size_t i = harness->seen; i < harness->seen + DOCKER_INSPECTS_MAX + 1; i++)
                assert_non_null(strstr(harness->log[i], " failed: "));
}

/* A client that has no use for images. */
static void test_image_unhandled(void **state) {
        Harness *harness = *state;

        harness->without_image = true;
        harness_start_client(harness);
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        harness_start_engine(harness);
        harness_wait(harness, docker_client_is_connected(harness->client));
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        assert_int_equal(docker_client_inspect(harness->client, ID_B), 0);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_IMAGE) == 1);
        harness_wait(harness, strcmp(harness->log[harness->n_log - 1], "inspected bbbb") == 0);
        harness->seen = harness->n_log;
        harness_expect_silence(harness, 150000);
}

static void free_client(Harness *harness, const char *line) {
        if (strncmp(line, "image ", 6) == 0)
                harness->client = docker_client_free(harness->client);
}

static void test_freed_in_handler(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        harness->hook = free_client;
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_A), 0);
        assert_int_equal(docker_client_inspect_image(harness->client, IMAGE_B), 0);
        harness_expect(harness, "image sha256:aaaa calico.expose=80");
        harness_expect_silence(harness, 20000);
}

int main(void) {
#define test(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
        const struct CMUnitTest tests[] = {
                test(test_image),       test(test_image_errors),           test(test_image_huge),
                test(test_image_refused), test(test_image_again),          test(test_image_among_containers),
                test(test_image_unhandled), test(test_freed_in_handler),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
