/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What comes on the stream, and how. */

#include "tests/unit/docker/harness.h"

#include <stdio.h>
#include <string.h>

#include "daemon/docker/splitter.h"

#define NETWORK_EVENT(action, id)                                                                    \
        "{\"Type\":\"network\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"feed\",\"Attributes\":" \
        "{\"container\":\"" id "\",\"name\":\"front\",\"type\":\"bridge\"}}}"

static void test_order(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        fake_engine_send_event(harness->engine, EVENT("start", ID_A));
        fake_engine_send_event(harness->engine, NETWORK_EVENT("connect", ID_A));
        fake_engine_send_event(harness->engine, "{\"Type\":\"image\",\"Action\":\"pull\",\"Actor\":{\"ID\":\"x\"}}");
        fake_engine_send_event(harness->engine, "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID_B
                                                "\",\"Attributes\":{\"calico.expose\":\"80\"}}}");
        fake_engine_send_event(harness->engine, NETWORK_EVENT("disconnect", ID_B));
        harness_expect(harness, "start aaaa");
        harness_expect(harness, "connect aaaa feed");
        harness_expect(harness, "die bbbb labelled");
        harness_expect(harness, "disconnect bbbb feed");
}

/* Chunks that have nothing to do with lines: each pair of cuts would be many; each single cut, and single bytes. */
static void test_chunks(void **state) {
        static const char lines[] = EVENT("die", ID_A) "\n" EVENT("start", ID_B) "\n";
        Harness *harness = *state;

        harness_connect(harness);
        for (size_t cut = 1; cut < strlen(lines); cut++) {
                fake_engine_send(harness->engine, lines, cut);
                if (cut % 3 == 0)
                        harness_step(harness);
                fake_engine_send(harness->engine, lines + cut, strlen(lines) - cut);
                harness_expect(harness, "die aaaa");
                harness_expect(harness, "start bbbb");
        }
        fake_engine_set_piece(harness->engine, 1);
        for (size_t i = 0; i < strlen(lines); i++)
                fake_engine_send(harness->engine, lines + i, 1);
        harness_expect(harness, "die aaaa");
        harness_expect(harness, "start bbbb");
}

/* One that comes with the header itself. */
static void test_first_at_once(void **state) {
        Harness *harness = *state;

        harness_start_engine(harness);
        fake_engine_answer(harness->engine, ROUTE_EVENTS)->body = EVENT("die", ID_A) "\n";
        harness_start_client(harness);
        harness_expect(harness, "connected 20.10.24 1.41");
        harness_expect(harness, "die aaaa");
}

static void test_ends_in_line(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        fake_engine_send(harness->engine, EVENT("die", ID_A) "\n" EVENT("die", ID_B),
                         strlen(EVENT("die", ID_A) "\n" EVENT("die", ID_B)));
        fake_engine_end_stream(harness->engine, false);
        harness_expect(harness, "die aaaa");
        harness_expect(harness, "disconnected: the event stream ended");
        harness_expect(harness, "connected 20.10.24 1.41");
        /* Nothing of it is left for the next one. */
        fake_engine_send_event(harness->engine, EVENT("start", ID_C));
        harness_expect(harness, "start cccc");
}

static void test_unreadable(void **state) {
        static const char *const lines[] = { "garbage", "{\"Type\":\"container\"", "[]", "{\"Type\":7}", "\x01\xff" };
        Harness *harness = *state;

        harness_connect(harness);
        for (size_t i = 0; i < ELEMENTSOF(lines); i++) {
                fake_engine_send_event(harness->engine, lines[i]);
                harness_expect(harness, "lost: an event cannot be read");
                fake_engine_send_event(harness->engine, EVENT("die", ID_A));
                harness_expect(harness, "die aaaa");
        }
        assert_true(docker_client_is_connected(harness->client));
}

/* Nothing but garbage is one complaint a burst, not one a line. */
static void test_much_garbage(void **state) {
        char *garbage = malloc(200001);
        Harness *harness = *state;

        for (size_t i = 0; i < 100000; i++)
                memcpy(garbage + 2 * i, "x\n", 3);
        harness_connect(harness);
        fake_engine_send(harness->engine, garbage, 200000);
        fake_engine_send_event(harness->engine, EVENT("die", ID_A));
        harness_wait(harness, strcmp(harness->log[harness->n_log - 1], "die aaaa") == 0);
        assert_in_range(harness->n_log, 3, 1000);
        free(garbage);
}

static void send_filled(Harness *harness, const char *before, size_t size, const char *after) {
        char *text = malloc(strlen(before) + size + strlen(after));

        memcpy(text, before, strlen(before));
        memset(text + strlen(before), 'x', size);
        memcpy(text + strlen(before) + size, after, strlen(after));
        fake_engine_send(harness->engine, text, strlen(before) + size + strlen(after));
        free(text);
}

#define LABELLED "{\"Type\":\"container\",\"Action\":\"start\",\"Actor\":{\"ID\":\"" ID_A \
                 "\",\"Attributes\":{\"calico.expose\":\""

/* A label of 8 MiB, as Docker takes it: the event is skipped, and no reason to reconnect. */
static void test_huge_label(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        for (unsigned round = 0; round < 3; round++) {
                send_filled(harness, LABELLED, (size_t) 8 * 1024 * 1024, "\"}}}\n");
                fake_engine_send_event(harness->engine, EVENT("die", ID_A));
                harness_expect(harness, "lost: an event is too long");
                harness_expect(harness, "die aaaa");
        }
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_PING), 1);
        /* One that just fits. */
        send_filled(harness, LABELLED, LINE_SIZE_MAX - 1000, "\"}}}\n");
        harness_expect(harness, "start aaaa labelled");
}

/* It never ends: told while it goes on. */
static void test_endless_line(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        send_filled(harness, LABELLED, 2 * LINE_SIZE_MAX, "");
        harness_expect(harness, "lost: an event is too long");
        for (unsigned i = 0; i < 16; i++) {
                send_filled(harness, "", LINE_SIZE_MAX, "");
                harness_step(harness);
        }
        fake_engine_send(harness->engine, "\n", 1);
        fake_engine_send_event(harness->engine, EVENT("die", ID_A));
        harness_expect(harness, "die aaaa");
        assert_true(docker_client_is_connected(harness->client));
}

/* The frame of a chunk is broken: that is no stream any more. */
static void test_broken_frame(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        fake_engine_send_event(harness->engine, EVENT("die", ID_A));
        harness_expect(harness, "die aaaa");
        fake_engine_send_raw(harness->engine, "zz\r\n", 4);
        harness_expect_prefix(harness, "disconnected: ");
        harness_expect(harness, "connected 20.10.24 1.41");
}

static void test_replayed(void **state) {
        struct timespec now;
        Harness *harness = *state;
        char text[512];

        harness_connect(harness);
        clock_gettime(CLOCK_REALTIME, &now);
        for (int offset = -3; offset <= 3; offset += 6) {
                snprintf(text, sizeof(text),
                         "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID_A "\"},\"time\":%ld,"
                         "\"timeNano\":%ld%09ld}",
                         now.tv_sec + offset, now.tv_sec + offset, now.tv_nsec);
                fake_engine_send_event(harness->engine, text);
                harness_expect(harness, offset < 0 ? "die aaaa replayed" : "die aaaa");
        }
        /* Without a time it is not known to be old. */
        fake_engine_send_event(harness->engine, EVENT("die", ID_A));
        harness_expect(harness, "die aaaa");
}

/* The clock is set back: what happens now looks old, but is none of the replayed. */
static void test_not_replayed_for_ever(void **state) {
        Harness *harness = *state;

        harness->times.replay = 0;
        harness_connect(harness);
        fake_engine_send_event(harness->engine, "{\"Type\":\"container\",\"Action\":\"die\",\"Actor\":{\"ID\":\"" ID_A
                                                "\"},\"time\":1000000000}");
        harness_expect(harness, "die aaaa");
}

/* Many at once are told in few rounds of the loop: a burst can make one batch. */
static void test_burst(void **state) {
        enum { EVENTS = 2000 };
        const size_t size = strlen(EVENT("die", ID_A) "\n");
        char *text = malloc(EVENTS * size + 1);
        Harness *harness = *state;
        uint64_t first, last;

        for (size_t i = 0; i < EVENTS; i++)
                memcpy(text + i * size, EVENT("die", ID_A) "\n", size + 1);
        harness_connect(harness);
        fake_engine_send(harness->engine, text, EVENTS * size);
        assert_true(sd_event_get_iteration(harness->event, &first) >= 0);
        for (size_t i = 0; i < EVENTS; i++)
                harness_expect(harness, "die aaaa");
        assert_true(sd_event_get_iteration(harness->event, &last) >= 0);
        assert_in_range(last - first, 1, EVENTS / 4);
        free(text);
}

int main(void) {
#define test(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
        const struct CMUnitTest tests[] = {
                test(test_order),         test(test_chunks),       test(test_first_at_once),
                test(test_ends_in_line),  test(test_unreadable),   test(test_much_garbage),
                test(test_huge_label),    test(test_endless_line), test(test_broken_frame),
                test(test_replayed),      test(test_not_replayed_for_ever), test(test_burst),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
