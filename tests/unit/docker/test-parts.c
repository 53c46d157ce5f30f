/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/docker/engine.h"
#include "daemon/docker/timestamp.h"
#include "daemon/http/backoff.h"

static void test_engine(_unused_ void **state) {
        static const struct {
                const char *api, *server;
                int result;
                const char *expected_api, *expected_version;
                bool podman;
        } cases[] = {
                { "1.41", "Docker/20.10.24+dfsg1 (linux)", 0, "1.41", "20.10.24+dfsg1", false },
                { "1.45", "Docker/26.1.5 (linux)", 0, "1.45", "26.1.5", false },
                { "1.52", "Docker/29.0.0 (linux)", 0, "1.51", "29.0.0", false },
                { "1.99999999999999", "Docker/99", 0, "1.51", "99", false },
                { "1.41", "Libpod/4.3.1 (linux)", 0, "1.41", "Podman 4.3.1", true },
                { "1.40.0", "Libpod/2.0.6", 0, "1.40", "Podman 2.0.6", true },
                { "1.41", NULL, 0, "1.41", "unknown", false },
                { "1.41", "nginx", 0, "1.41", "unknown", false },
                { "1.41", "Docker/\x1b[31m", 0, "1.41", "\\x1b[31m", false },
                { "1.41", "Docker/", 0, "1.41", "unknown", false },
                { "1.22", "Docker/1.10", 0, "1.22", "1.10", false },
                { "1.21", "Docker/1.9", -EPROTONOSUPPORT, NULL, NULL, false },
                { "2.0", "Docker/99", -EPROTONOSUPPORT, NULL, NULL, false },
                { "0.41", "Docker/99", -EPROTONOSUPPORT, NULL, NULL, false },
                { NULL, "Docker/99", -EPROTO, NULL, NULL, false },
                { "", "Docker/99", -EPROTO, NULL, NULL, false },
                { "1", "Docker/99", -EPROTO, NULL, NULL, false },
                { "1.", "Docker/99", -EPROTO, NULL, NULL, false },
                { ".41", "Docker/99", -EPROTO, NULL, NULL, false },
                { "1.4x", "Docker/99", -EPROTO, NULL, NULL, false },
                { "-1.41", "Docker/99", -EPROTO, NULL, NULL, false },
                { "v1.41", "Docker/99", -EPROTO, NULL, NULL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Engine engine = {};

                assert_int_equal(engine_identify(cases[i].api, cases[i].server, &engine), cases[i].result);
                if (cases[i].result < 0)
                        continue;
                assert_string_equal(engine.api, cases[i].expected_api);
                assert_string_equal(engine.version, cases[i].expected_version);
                assert_int_equal(engine.is_podman, cases[i].podman);
        }
}

static void test_engine_long_version(_unused_ void **state) {
        char server[1024] = "Libpod/";
        Engine engine;

        memset(server + strlen(server), 'x', sizeof(server) - strlen(server) - 1);
        assert_int_equal(engine_identify("1.41", server, &engine), 0);
        assert_in_range(strlen(engine.version), 32, sizeof(engine.version) - 1);
}

static void test_backoff(_unused_ void **state) {
        static const uint64_t expected[] = { 100, 200, 400, 800, 1600, 2000, 2000, 2000 };
        Backoff backoff = { .minimum = 100, .maximum = 2000 };

        for (unsigned round = 0; round < 2; round++) {
                for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                        /* The spread begins and ends at a fifth. */
                        uint32_t random = round == 0 ? 0 : (uint32_t) (expected[i] / 5 * 2);
                        uint64_t delay = backoff_next(&backoff, random);

                        assert_int_equal(delay, round == 0 ? expected[i] - expected[i] / 5
                                                           : expected[i] + expected[i] / 5);
                }
                backoff_reset(&backoff);
        }
        for (uint32_t random = 0; random < 1000; random++)
                assert_in_range(backoff_next(&backoff, random * 4294967), 80, 2400);
}

static void test_backoff_unspread(_unused_ void **state) {
        Backoff backoff = { .minimum = 1, .maximum = 3 };

        assert_int_equal(backoff_next(&backoff, UINT32_MAX), 1);
        assert_int_equal(backoff_next(&backoff, UINT32_MAX), 2);
        assert_int_equal(backoff_next(&backoff, UINT32_MAX), 3);
}

static void test_timestamp(_unused_ void **state) {
        static const struct {
                const char *text;
                int64_t seconds;
                uint32_t nanoseconds;
        } cases[] = {
                { "1970-01-01T00:00:00Z", 0, 0 },
                { "2026-11-23T15:53:17.660649572Z", 1795449197, 660649572 },
                { "2026-11-23T15:53:17.6Z", 1795449197, 600000000 },
                { "2026-11-23T15:53:17.000000001Z", 1795449197, 1 },
                { "2026-11-23T15:53:17.6606495729999Z", 1795449197, 660649572 },
                { "2026-11-23T17:23:17+01:30", 1795449197, 0 },
                { "2026-11-22T22:53:17.5-17:00", 1795449197, 500000000 },
                { "0001-01-01T00:00:00Z", -62135596800, 0 },
                { "9999-12-31T23:59:60Z", 253402300800, 0 },
                { "2024-02-29T00:00:00Z", 1709164800, 0 },
        };
        static const char *const bad[] = {
                "", "Z", "2026", "2026-11-23", "2026-11-23 15:53:17Z", "2026-11-23T15:53:17", "2026-11-23T15:53:17z",
                "2026-11-23T15:53:17.Z", "2026-11-23T15:53:17,5Z", "2026-13-23T15:53:17Z", "2026-00-23T15:53:17Z",
                "2026-11-00T15:53:17Z", "2026-11-32T15:53:17Z", "2026-11-23T24:53:17Z", "2026-11-23T15:60:17Z",
                "2026-11-23T15:53:61Z", "2026-11-23T15:53:17ZZ", "2026-11-23T15:53:17+0130",
                "2026-11-23T15:53:17+24:00", "2026-11-23T15:53:17+01:60",
                "-026-11-23T15:53:17Z", "2026-11-23T15:53:17.5", "2026-11-23T15:53:17+01:",
                " 2026-11-23T15:53:17Z", "02026-11-23T15:53:17Z",
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Timestamp timestamp;

                assert_int_equal(timestamp_parse(cases[i].text, &timestamp), 0);
                assert_int_equal(timestamp.seconds, cases[i].seconds);
                assert_int_equal(timestamp.nanoseconds, cases[i].nanoseconds);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(timestamp_parse(bad[i], &(Timestamp) {}), -EINVAL);
}

static void test_timestamp_nanoseconds(_unused_ void **state) {
        assert_int_equal(timestamp_to_nanoseconds(&(Timestamp) { 1, 5 }), 1000000005);
        assert_int_equal(timestamp_to_nanoseconds(&(Timestamp) { -1, 5 }), 0);
        assert_int_equal(timestamp_to_nanoseconds(&(Timestamp) { INT64_MAX, 5 }), 0);
        assert_int_equal(timestamp_to_nanoseconds(&(Timestamp) { 9223372036, 999999999 }), 0);
        assert_true(timestamp_to_nanoseconds(&(Timestamp) { 9223372035, 999999999 }) == INT64_C(9223372035999999999));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_engine),    cmocka_unit_test(test_engine_long_version),
                cmocka_unit_test(test_backoff),   cmocka_unit_test(test_backoff_unspread),
                cmocka_unit_test(test_timestamp), cmocka_unit_test(test_timestamp_nanoseconds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
