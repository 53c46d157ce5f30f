/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/heartbeat.h"
#include "daemon/timer.h"
#include "tests/cmocka.h"

#define LIMIT_USEC (60 * USEC_PER_MSEC)
#define PATIENCE_USEC (10 * USEC_PER_SEC)

/* Plays systemd, and a daemon that has work. */
typedef struct Fixture {
        sd_event *event;
        int socket;
        bool progress;
        Heartbeat *heartbeat;
        sd_event_source *work;
} Fixture;

static bool is_progressing(void *userdata) {
        return ((Fixture *) userdata)->progress;
}

static int on_work(sd_event_source *source _unused_, void *userdata _unused_) {
        return 0;
}

static int setup(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(address);
        Fixture *fixture = calloc(1, sizeof(*fixture));
        char number[32];

        *state = fixture;
        fixture->progress = true;
        fixture->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        /* The kernel gives it an abstract name. */
        assert_int_equal(bind(fixture->socket, (struct sockaddr *) &address, sizeof(sa_family_t)), 0);
        assert_int_equal(getsockname(fixture->socket, (struct sockaddr *) &address, &size), 0);
        address.sun_path[0] = '@';
        address.sun_path[size - offsetof(struct sockaddr_un, sun_path)] = '\0';
        setenv("NOTIFY_SOCKET", address.sun_path, true);
        snprintf(number, sizeof(number), "%llu", (unsigned long long) LIMIT_USEC);
        setenv("WATCHDOG_USEC", number, true);
        assert_true(sd_event_new(&fixture->event) >= 0);
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        heartbeat_free(fixture->heartbeat);
        sd_event_source_disable_unref(fixture->work);
        sd_event_unref(fixture->event);
        close(fixture->socket);
        free(fixture);
        return 0;
}

static void start(Fixture *fixture) {
        assert_int_equal(heartbeat_new(fixture->event, is_progressing, fixture, &fixture->heartbeat), 0);
}

/* Work that is always due, as of a descriptor that is readable for ever. */
static void spin(Fixture *fixture, int64_t priority) {
        assert_true(sd_event_add_defer(fixture->event, &fixture->work, on_work, NULL) >= 0);
        assert_true(sd_event_source_set_priority(fixture->work, priority) >= 0);
        assert_true(sd_event_source_set_enabled(fixture->work, SD_EVENT_ON) >= 0);
}

/* Runs the loop until a beat, or for so long. */
static bool beats_within(Fixture *fixture, uint64_t usec) {
        char message[64] = "";
        uint64_t begin, now;

        assert_true(sd_event_now(fixture->event, CLOCK_MONOTONIC, &begin) >= 0);
        for (now = begin; now - begin < usec; assert_true(sd_event_now(fixture->event, CLOCK_MONOTONIC, &now) >= 0)) {
                assert_true(sd_event_run(fixture->event, LIMIT_USEC) >= 0);
                if (recv(fixture->socket, message, sizeof(message) - 1, 0) > 0)
                        return strcmp(message, "WATCHDOG=1") == 0;
        }
        return false;
}

static void test_an_idle_loop_beats(void **state) {
        Fixture *fixture = *state;

        start(fixture);
        for (int i = 0; i < 3; i++)
                assert_true(beats_within(fixture, PATIENCE_USEC));
}

static void test_a_loop_that_spins_does_not(void **state) {
        Fixture *fixture = *state;

        start(fixture);
        spin(fixture, SD_EVENT_PRIORITY_NORMAL);
        assert_false(beats_within(fixture, 3 * LIMIT_USEC));
        fixture->work = sd_event_source_disable_unref(fixture->work);
        assert_true(beats_within(fixture, PATIENCE_USEC));
}

/* The manager's pass has that priority. */
static void test_a_pass_that_never_ends_does_not(void **state) {
        Fixture *fixture = *state;

        start(fixture);
        spin(fixture, SD_EVENT_PRIORITY_IDLE);
        assert_false(beats_within(fixture, 3 * LIMIT_USEC));
}

static void test_work_that_is_overdue_does_not(void **state) {
        Fixture *fixture = *state;

        fixture->progress = false;
        start(fixture);
        assert_false(beats_within(fixture, 3 * LIMIT_USEC));
        fixture->progress = true;
        assert_true(beats_within(fixture, PATIENCE_USEC));
}

static void test_nobody_watches(void **state) {
        Fixture *fixture = *state;

        unsetenv("WATCHDOG_USEC");
        start(fixture);
        assert_false(beats_within(fixture, 3 * LIMIT_USEC));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_an_idle_loop_beats, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_loop_that_spins_does_not, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_pass_that_never_ends_does_not, setup, teardown),
                cmocka_unit_test_setup_teardown(test_work_that_is_overdue_does_not, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nobody_watches, setup, teardown),
        };

        return cmocka_run_group_tests_name("heartbeat", tests, NULL, NULL);
}
