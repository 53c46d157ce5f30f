/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Finding the engine, losing it, finding it again. */

#include "tests/unit/docker/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SECONDS UINT64_C(1000000)

static void test_connects(void **state) {
        Harness *harness = *state;
        const char *path;
        long since = 0;

        harness_start_engine(harness);
        harness_start_client(harness);
        assert_false(docker_client_is_connected(harness->client));
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_true(docker_client_is_connected(harness->client));
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_PING), 1);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_EVENTS), 1);
        path = fake_engine_path(harness->engine, ROUTE_EVENTS);
        assert_int_equal(sscanf(path, "/v1.41/events?since=%ld&", &since), 1);
        assert_in_range(since, time(NULL) - 30, time(NULL) - 5);
        assert_string_equal(strstr(path, "&filters="),
                            "&filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%2C%22event%22%3A%5B"
                            "%22start%22%2C%22die%22%2C%22pause%22%2C%22unpause%22%2C%22rename%22%2C"
                            "%22health_status%22%2C%22destroy%22%2C%22connect%22%2C%22disconnect%22%5D%7D");
        harness_expect_silence(harness, 50000);
}

static void test_clamps_version(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_PING)->headers = "API-VERSION: 1.60\r\n"
                                                                   "server: Docker/31.0 (linux)\r\n";
        harness_start_client(harness);
        harness_expect(harness, "connected 31.0 1.51");
        assert_ptr_equal(strstr(fake_engine_path(harness->engine, ROUTE_EVENTS), "/v1.51/events?"),
                         fake_engine_path(harness->engine, ROUTE_EVENTS));
}

static void test_podman(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_PING)->headers = "Api-Version: 1.41\r\n"
                                                                   "Server: Libpod/4.3.1 (linux)\r\n";
        harness_start_client(harness);
        harness_expect(harness, "connected Podman 4.3.1 1.41");
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_EVENTS), 1);
        assert_null(strstr(fake_engine_path(harness->engine, ROUTE_EVENTS), "filters"));
        assert_int_equal(docker_client_list(harness->client), 0);
        harness_expect(harness, "listed 0");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_LIST),
                            "/v1.41/containers/json?filters=%7B%22status%22%3A%5B%22running%22%2C%22paused%22%5D%7D");
}

static void test_no_engine(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_PING)->headers = NULL;
        harness_start_client(harness);
        harness_expect(harness, "disconnected: what answers is no container engine: it names no API version");
        fake_engine_answer(harness->engine, ROUTE_PING)->headers = "Api-Version: 1.12\r\n";
        harness_expect(harness, "disconnected: the engine's API version is not supported");
        fake_engine_answer(harness->engine, ROUTE_PING)->headers = "Api-Version: 1.41\r\n";
        harness_expect(harness, "connected unknown 1.41");
}

static void test_ping_fails(void **state) {
        Harness *harness = *state;
        FakeAnswer *ping;

        harness_start_engine(harness);
        ping = fake_engine_answer(harness->engine, ROUTE_PING);
        ping->status = 500;
        ping->body = "{\"message\":\"out\\nof order\"}";
        harness_start_client(harness);
        harness_expect(harness, "disconnected: answered with status 500: out\\x0aof order");
        /* Only told again when the reason changes. */
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= 5);
        ping->status = 0;
        harness_expect(harness, "disconnected: the connection ended before the answer did");
        ping->status = 302;
        ping->headers = "Location: http://localhost/v1.41/containers/json\r\n";
        ping->body = "";
        harness_expect(harness, "disconnected: answered with status 302: ");
        ping->status = 200;
        ping->headers = "Api-Version: 1.41\r\n";
        harness_expect(harness, "connected unknown 1.41");
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_LIST), 0);
}

/* Whatever else listens there. */
static void test_no_http(void **state) {
        static const char *const answers[] = {
                "SSH-2.0-OpenSSH_9.2\r\n",
                "OK",
                "HTTP/1.1 200 OK",
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\n",
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: 5\r\n\r\nOK",
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Length: -7\r\n\r\n",
                "HTTP/9.9 999 \r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                "\r\n\r\n\r\n",
        };
        Harness *harness = *state;
        FakeAnswer *ping;

        harness_start_engine(harness);
        ping = fake_engine_answer(harness->engine, ROUTE_PING);
        ping->raw = answers[0];
        harness_start_client(harness);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                unsigned n = fake_engine_requests(harness->engine, ROUTE_PING);

                ping->raw = answers[i];
                harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= n + 3);
                assert_false(docker_client_is_connected(harness->client));
        }
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_EVENTS), 0);
        ping->raw = NULL;
        harness_wait(harness, docker_client_is_connected(harness->client));
}

/* A filter, or the version that the engine named, is refused: asked otherwise, in the same attempt. */
static void test_refused_filter(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->only_unless = "filters=";
        harness_start_client(harness);
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_EVENTS), 2);
        assert_non_null(strstr(fake_engine_path(harness->engine, ROUTE_EVENTS), "/v1.41/events?since="));
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_PING), 1);
}

static void test_refused_version(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->only_unless = "/v1.41";
        harness_start_client(harness);
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_ptr_equal(strstr(fake_engine_path(harness->engine, ROUTE_EVENTS), "/events?"),
                         fake_engine_path(harness->engine, ROUTE_EVENTS));
        assert_non_null(strstr(fake_engine_path(harness->engine, ROUTE_EVENTS), "filters="));
        docker_client_list(harness->client);
        harness_expect(harness, "listed 0");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_LIST), "/containers/json");
}

static void test_all_refused(void **state) {
        Harness *harness = *state;
        FakeAnswer *events;

        harness_start_engine(harness);
        events = fake_engine_answer(harness->engine, ROUTE_EVENTS);
        events->only_if = "nothing";
        harness_start_client(harness);
        harness_expect(harness, "disconnected: answered with status 400: refused by the test");
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_EVENTS), 4);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_EVENTS) >= 12);
        assert_true(fake_engine_requests(harness->engine, ROUTE_PING) >= 3);
        /* Each attempt begins with the best. */
        events->only_if = "filters=";
        harness_expect(harness, "connected 20.10.24 1.41");
}

static void test_hangs(void **state) {
        Harness *harness = *state;

        harness->times.ping = harness->times.subscribe = 50000;
        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_PING)->hang = true;
        harness_start_client(harness);
        harness_expect(harness, "disconnected: no answer in time");
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->hang = true;
        fake_engine_answer(harness->engine, ROUTE_PING)->hang = false;
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_EVENTS) >= 3);
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->hang = false;
        harness_expect(harness, "connected 20.10.24 1.41");
}

/* Stopped, it accepts connections and answers none: the probe finds out, and only if it fails twice. */
static void test_probe(void **state) {
        Harness *harness = *state;
        FakeAnswer *ping;

        harness->times.probe_interval = 50000;
        harness->times.ping = 300000; /* an engine that lives answers in time, under valgrind on a busy machine, too */
        harness_connect(harness);
        ping = fake_engine_answer(harness->engine, ROUTE_PING);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= 4);
        /* Once is nothing, neither is an error: it is a sign of life. */
        ping->hang = true;
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_PING) == 1);
        ping->hang = false;
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= 8);
        ping->status = 500;
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= 12);
        assert_int_equal(harness->seen, harness->n_log);
        ping->status = 200;
        ping->hang = true;
        harness_expect(harness, "disconnected: the engine does not answer: no answer in time");
        assert_false(docker_client_is_connected(harness->client));
        ping->hang = false;
        harness_wait(harness, docker_client_is_connected(harness->client));
}

/* The stream of an engine that goes without a word, its socket with it. */
static void test_probe_refused(void **state) {
        Harness *harness = *state;

        harness->times.probe_interval = 50000;
        harness_connect(harness);
        assert_int_equal(unlink(harness->socket), 0);
        harness_expect_prefix(harness, "disconnected: the engine does not answer: cannot connect to /tmp/docker-test-");
}

static void test_stream_ends(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        for (unsigned round = 0; round < 4; round++) {
                fake_engine_end_stream(harness->engine, round % 2);
                harness_expect(harness, "disconnected: the event stream ended");
                assert_in_range(harness->retry, 8000, 48000);
                harness_expect(harness, "connected 20.10.24 1.41");
        }
}

static void test_killed_and_started(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        fake_engine_answer(harness->engine, ROUTE_LIST)->hang = true;
        fake_engine_answer(harness->engine, ROUTE_INSPECT)->hang = true;
        assert_int_equal(docker_client_list(harness->client), 0);
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        assert_int_equal(docker_client_inspect(harness->client, ID_B), 0);
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_INSPECT) == 2);
        fake_engine_answer(harness->engine, ROUTE_LIST)->hang = false;
        fake_engine_answer(harness->engine, ROUTE_INSPECT)->hang = false;
        fake_engine_send_event(harness->engine, EVENT("die", ID_C));
        harness_expect(harness, "die cccc");
        /* The stream's end first, or that of another connection: the reason is one and the same. */
        fake_engine_end_stream(harness->engine, false);
        harness_expect(harness, "disconnected: the event stream ended");
        harness_expect(harness, "inspect aaaa failed: the event stream ended");
        harness_expect(harness, "inspect bbbb failed: the event stream ended");
        harness_expect(harness, "list failed: the event stream ended");
        fake_engine_kill(harness->engine);
        harness_expect_prefix(harness, "disconnected: cannot connect to ");
        assert_non_null(strstr(harness->log[harness->n_log - 1], "docker.sock: Connection refused"));
        assert_int_equal(docker_client_list(harness->client), 0);
        fake_engine_start(harness->engine);
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        harness_expect(harness, "inspected aaaa");
}

/* No attempt by the clock for an hour: only the directory can tell. */
static void wait_long(Harness *harness) {
        harness->times.backoff_minimum = harness->times.backoff_maximum = 3600UL * SECONDS;
}

static void test_socket_appears(void **state) {
        Harness *harness = *state;
        uint64_t started;

        wait_long(harness);
        harness_start_client(harness);
        harness_expect_prefix(harness, "disconnected: cannot connect to ");
        assert_non_null(strstr(harness->log[0], ": No such file or directory"));
        assert_in_range(harness->retry, 2880UL * SECONDS, 4320UL * SECONDS);
        started = harness_now();
        harness_start_engine(harness);
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_in_range(harness_now() - started, 0, 2 * SECONDS);
}

static void test_directory_appears(void **state) {
        Harness *harness = *state;
        char above[128], directory[256];

        wait_long(harness);
        snprintf(above, sizeof(above), "%s/a", harness->directory);
        snprintf(directory, sizeof(directory), "%s/b", above);
        snprintf(harness->socket, sizeof(harness->socket), "%.64s/a/b/docker.sock", harness->directory);
        harness_start_client(harness);
        harness_expect_prefix(harness, "disconnected: cannot connect to ");
        for (unsigned round = 0; round < 2; round++) {
                assert_int_equal(mkdir(above, 0700), 0);
                harness_step(harness);
                assert_int_equal(mkdir(directory, 0700), 0);
                harness_step(harness);
                if (round == 0) {
                        assert_int_equal(rmdir(directory), 0);
                        assert_int_equal(rmdir(above), 0);
                        harness_step(harness);
                        harness_step(harness);
                }
        }
        harness_start_engine(harness);
        harness_expect(harness, "connected 20.10.24 1.41");
        harness->engine = fake_engine_free(harness->engine);
        assert_int_equal(rmdir(directory), 0);
        assert_int_equal(rmdir(above), 0);
}

/* Bound, but not yet listening, or not yet for us: as soon as its mode is set. */
static void test_socket_refuses_first(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_kill(harness->engine);
        assert_int_equal(unlink(harness->socket), 0);
        wait_long(harness);
        harness_start_client(harness);
        harness_expect_prefix(harness, "disconnected: cannot connect to ");
        fake_engine_bind(harness->engine);
        harness_expect_prefix(harness, "disconnected: cannot connect to ");
        assert_non_null(strstr(harness->log[1], ": Connection refused"));
        fake_engine_listen(harness->engine);
        assert_int_equal(chmod(harness->socket, 0660), 0);
        harness_expect(harness, "connected 20.10.24 1.41");
}

/* Whatever happens to the file, attempts keep their distance. */
static void test_gap(void **state) {
        Harness *harness = *state;
        uint64_t started = harness_now();
        FakeAnswer *ping;
        unsigned n;

        wait_long(harness);
        harness->times.gap = 100000;
        harness_start_engine(harness);
        ping = fake_engine_answer(harness->engine, ROUTE_PING);
        ping->status = 503;
        harness_start_client(harness);
        harness_expect(harness, "disconnected: answered with status 503: OK");
        while (harness_now() - started < 1 * SECONDS) {
                assert_int_equal(chmod(harness->socket, 0660), 0);
                harness_step(harness);
        }
        n = fake_engine_requests(harness->engine, ROUTE_PING);
        assert_in_range(n, 2, (harness_now() - started) / harness->times.gap + 2);
}

/* An engine that takes each connection and drops it: the delay grows. */
static void test_backoff(void **state) {
        Harness *harness = *state;
        uint64_t started;

        harness->times.backoff_maximum = 160000;
        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->body = "";
        harness_start_client(harness);
        for (unsigned round = 0; round < 6; round++) {
                uint64_t delay = MIN(10000U << round, 160000U);

                harness_expect(harness, "connected 20.10.24 1.41");
                fake_engine_end_stream(harness->engine, true);
                harness_expect(harness, "disconnected: the event stream ended");
                assert_in_range(harness->retry, delay * 4 / 5, delay * 6 / 5);
        }
        started = harness_now();
        harness_expect(harness, "connected 20.10.24 1.41");
        assert_in_range(harness_now() - started, 120000, 20 * SECONDS);
}

static void test_backoff_resets(void **state) {
        Harness *harness = *state;

        harness->times.backoff_maximum = 80000;
        harness_start_client(harness);
        harness_expect_prefix(harness, "disconnected: cannot connect");
        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_PING)->status = 503;
        harness_expect(harness, "disconnected: answered with status 503: OK");
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_PING) >= 6);
        fake_engine_answer(harness->engine, ROUTE_PING)->status = 200;
        harness->times.stable = 0;
        docker_client_set_times(harness->client, &harness->times);
        harness_expect(harness, "connected 20.10.24 1.41");
        fake_engine_end_stream(harness->engine, true);
        harness_expect(harness, "disconnected: the event stream ended");
        assert_in_range(harness->retry, 8000, 12000);
}

static void test_new_fails(void **state) {
        static const DockerHandlers handlers;
        Harness *harness = *state;
        DockerClient *client = NULL;
        char path[256];

        memset(path, 'x', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        assert_int_equal(docker_client_new(harness->event, path, &handlers, NULL, &client), -ENAMETOOLONG);
        assert_null(client);
        assert_null(docker_client_free(NULL));
}

/* Freed at any moment, inside the handlers too: no further word, and nothing left. */
static void free_client(Harness *harness, const char *line) {
        (void) line;
        harness->client = docker_client_free(harness->client);
}

static void test_freed_in_handler(void **state) {
        Harness *harness = *state;

        /* In connected(). */
        harness->hook = free_client;
        harness_connect(harness);
        harness_expect_silence(harness, 20000);
        /* In event(), with more of them in the same burst. */
        harness->hook = NULL;
        harness_start_client(harness);
        harness_expect_prefix(harness, "connected ");
        harness->hook = free_client;
        fake_engine_send(harness->engine, EVENT("die", ID_A) "\n" EVENT("die", ID_B) "\n",
                         strlen(EVENT("die", ID_A) "\n" EVENT("die", ID_B) "\n"));
        harness_expect(harness, "die aaaa");
        harness_expect_silence(harness, 20000);
        /* In listed(), with an inspect under way; in inspected(), with a list under way. */
        for (unsigned round = 0; round < 2; round++) {
                harness->hook = NULL;
                harness_start_client(harness);
                harness_expect_prefix(harness, "connected ");
                harness->hook = free_client;
                fake_engine_answer(harness->engine, ROUTE_INSPECT)->hang = round == 0;
                fake_engine_answer(harness->engine, ROUTE_LIST)->hang = round == 1;
                assert_int_equal(docker_client_list(harness->client), 0);
                assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
                harness_expect(harness, round == 0 ? "listed 0" : "inspected aaaa");
                harness_expect_silence(harness, 20000);
        }
        /* In disconnected(). */
        harness->hook = NULL;
        harness_start_client(harness);
        harness_expect_prefix(harness, "connected ");
        harness->hook = free_client;
        fake_engine_end_stream(harness->engine, true);
        harness_expect(harness, "disconnected: the event stream ended");
        harness_expect_silence(harness, 50000);
        assert_null(harness->client);
}

/* After each number of rounds of the loop, with all kinds of requests under way. */
static void test_freed_any_time(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_set_piece(harness->engine, 7);
        for (unsigned rounds = 0; rounds < 200; rounds++) {
                harness_start_client(harness);
                for (unsigned i = 0; i < rounds; i++) {
                        if (docker_client_is_connected(harness->client)) {
                                docker_client_list(harness->client);
                                docker_client_inspect(harness->client, ID_A);
                                if (i % 8 == 0 && fake_engine_has_stream(harness->engine))
                                        fake_engine_send_event(harness->engine, EVENT("die", ID_A));
                        }
                        assert_true(sd_event_run(harness->event, 0) >= 0);
                }
                harness->client = docker_client_free(harness->client);
                harness_step(harness);
        }
}

int main(void) {
#define test(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
        const struct CMUnitTest tests[] = {
                test(test_connects),           test(test_clamps_version),       test(test_podman),
                test(test_no_engine),          test(test_ping_fails),           test(test_no_http),
                test(test_refused_filter),     test(test_refused_version),      test(test_all_refused),
                test(test_hangs),              test(test_probe),                test(test_probe_refused),
                test(test_stream_ends),        test(test_killed_and_started),   test(test_socket_appears),
                test(test_directory_appears),  test(test_socket_refuses_first), test(test_gap),
                test(test_backoff),            test(test_backoff_resets),       test(test_new_fails),
                test(test_freed_in_handler),   test(test_freed_any_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
