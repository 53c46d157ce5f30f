/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Each allocation fails once: -ENOMEM and nothing else comes out of the decoders, and the client goes on or leaves the
 * loop with it. What is lost on the way is for the sanitizer and valgrind to find. */

#include "tests/unit/docker/harness.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "tests/unit/docker/failing.h"
#include "tests/unit/docker/fixture.h"

#define MANY 100000 /* more allocations than anything here makes */

void *failing_malloc(size_t size);

static int setup_hooks(_unused_ void **state) {
        cJSON_InitHooks(&(cJSON_Hooks) { .malloc_fn = failing_malloc, .free_fn = free });
        return 0;
}

static void test_containers(_unused_ void **state) {
        size_t size;
        char *text = fixture_read("docker-20.10/inspect-web.json", &size);

        for (unsigned n = 1; n < MANY; n++) {
                Container *container = NULL;
                int r;

                failing_arm(n);
                r = docker_inspect_decode(text, size, &container);
                container_free(container);
                if (!failing_has_failed()) {
                        assert_int_equal(r, 1);
                        assert_true(n > 50);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
                assert_null(container);
        }
        failing_arm(0);
        free(text);
}

static void test_events(_unused_ void **state) {
        static const char text[] = "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"feed\","
                                   "\"Attributes\":{\"container\":\"" ID_A "\"}}}";

        for (unsigned n = 1; n < MANY; n++) {
                char *network = NULL;
                DockerEvent event;
                int r;

                failing_arm(n);
                r = docker_event_decode(text, strlen(text), &event, &network);
                free(network);
                if (!failing_has_failed()) {
                        assert_int_equal(r, 1);
                        assert_true(n > 10);
                        break;
                }
                assert_int_equal(r, -ENOMEM);
                assert_null(network);
        }
        failing_arm(0);
}

/* Runs the loop until there is a line that begins so. False if the loop was left. */
static bool run_until(Harness *harness, const char *const *prefixes) {
        uint64_t deadline = harness_now() + HARNESS_PATIENCE;

        for (;;) {
                for (; harness->seen < harness->n_log; harness->seen++)
                        for (size_t i = 0; prefixes[i]; i++)
                                if (strncmp(harness->log[harness->seen], prefixes[i], strlen(prefixes[i])) == 0) {
                                        harness->seen++;
                                        return true;
                                }
                if (harness_now() > deadline)
                        fail_msg("waited in vain for \"%s\"", prefixes[0]);
                if (sd_event_get_state(harness->event) == SD_EVENT_FINISHED)
                        return false;
                assert_true(sd_event_run(harness->event, 10000) >= 0);
        }
}

static bool connect_client(Harness *harness) {
        static const char *const lines[] = { "connected", NULL };

        return run_until(harness, lines);
}

/* Everything that a client does, once. */
static bool live(Harness *harness) {
        static const char *const events[] = { "connect aaaa", "lost", "disconnected", NULL };
        static const char *const answers[] = { "listed", "list failed", "disconnected", NULL };
        static const char *const inspects[] = { "inspected", "inspect", "disconnected", NULL };
        static const char *const ends[] = { "disconnected", NULL };

        if (!connect_client(harness))
                return false;
        if (fake_engine_has_stream(harness->engine)) {
                fake_engine_send_event(harness->engine,
                                       "{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"feed\","
                                       "\"Attributes\":{\"container\":\"" ID_A "\"}}}");
                if (!run_until(harness, events))
                        return false;
        }
        if (docker_client_is_connected(harness->client) && docker_client_list(harness->client) >= 0 &&
            !run_until(harness, answers))
                return false;
        if (docker_client_inspect(harness->client, ID_A) >= 0 && !run_until(harness, inspects))
                return false;
        if (fake_engine_has_stream(harness->engine)) {
                fake_engine_end_stream(harness->engine, true);
                if (!run_until(harness, ends))
                        return false;
        }
        return connect_client(harness);
}

/* True if the allocation that was to fail was made. */
static bool live_with_failure(unsigned n) {
        void *state = NULL;
        Harness *harness;
        bool failed;

        assert_int_equal(harness_setup(&state), 0);
        harness = state;
        harness->times.backoff_minimum = harness->times.backoff_maximum = 1000;
        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_LIST)->body = "[" ROW(ID_A, "calico.expose") "]";
        failing_arm(n);
        if (harness_try_client(harness) < 0)
                assert_true(failing_has_failed());
        else if (!live(harness)) {
                int code;

                assert_true(failing_has_failed());
                assert_true(sd_event_get_exit_code(harness->event, &code) >= 0);
                assert_int_equal(code, -ENOMEM);
        }
        failed = failing_has_failed();
        failing_arm(0);
        harness_teardown(&state);
        return failed;
}

static void test_client(_unused_ void **state) {
        unsigned n;

        for (n = 1; n < MANY && live_with_failure(n); n++)
                ;
        assert_in_range(n, 100, MANY - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_containers),
                cmocka_unit_test(test_events),
                cmocka_unit_test(test_client),
        };

        return cmocka_run_group_tests(tests, setup_hooks, NULL);
}
