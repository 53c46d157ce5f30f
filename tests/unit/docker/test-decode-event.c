/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "daemon/http/error.h"
#include "tests/unit/docker/fixture.h"

#define ID "80a8cc77863143a0a63ee5e1a5aa3c7789803e974cfd03d55781d6385d4c47ea"
#define NETWORK "19c801e5258db9c4eb8ab1ee29c1e693398223b9f904ac849227da2d56d28f56"
#define ACTOR(attributes) "\"Actor\":{\"ID\":\"" ID "\",\"Attributes\":{" attributes "}}"
#define EVENT(type, action, actor) "{\"Type\":\"" type "\",\"Action\":\"" action "\"," actor "}"

static int decode(const char *text, DockerEvent *ret, char **ret_network) {
        size_t size = strlen(text);
        char *copy = fixture_copy(text, size);
        int r;

        *ret_network = NULL;
        r = docker_event_decode(copy, size, ret, ret_network);
        free(copy);
        return r;
}

static int decode_only(const char *text) {
        DockerEvent event;
        char *network;
        int r = decode(text, &event, &network);

        free(network);
        return r;
}

static const char *const action_names[_DOCKER_EVENT_MAX] = {
        [DOCKER_EVENT_START] = "start",     [DOCKER_EVENT_DIE] = "die",
        [DOCKER_EVENT_PAUSE] = "pause",     [DOCKER_EVENT_RENAME] = "rename",
        [DOCKER_EVENT_HEALTH] = "health",   [DOCKER_EVENT_DESTROY] = "destroy",
        [DOCKER_EVENT_CONNECT] = "connect", [DOCKER_EVENT_DISCONNECT] = "disconnect",
};

/* One word for each event of the file that is for us: "start 80a8 L", "connect 80a8 19c8". */
static void check_file(const char *name, const char *const *expected) {
        char *text = fixture_read(name, NULL), *rest = text, *line;
        size_t n = 0;

        while ((line = strsep(&rest, "\n"))) {
                char *network, word[256];
                DockerEvent event;
                int r;

                if (!*line)
                        continue;
                r = decode(line, &event, &network);
                assert_true(r == 0 || r == 1);
                if (r == 0)
                        continue;
                snprintf(word, sizeof(word), "%s %.4s%s%.6s%s", action_names[event.action], event.container,
                         *event.network ? " " : "", event.network, event.labelled ? " L" : "");
                assert_true(event.time > INT64_C(1700000000000000000));
                assert_false(event.replayed);
                if (!expected[n])
                        fail_msg("%s: %s is one too many", name, word);
                assert_string_equal(word, expected[n]);
                n++;
                free(network);
        }
        assert_null(expected[n]);
        free(text);
}

static void test_docker_20_10(void **state) {
        (void) state;
        check_file("docker-20.10/events.jsonl", (const char *const[]) {
                "connect 035c 19c801", "start 035c L", "connect 035c 08e4ab", "connect c38b 19c801", "start c38b",
                "connect b787 19c801", "health 035c L", "start b787 L", "connect 3400 19c801", "start 3400 L",
                "die 3400 L", "disconnect 3400 19c801", "connect 3400 19c801", "start 6a16 L", "connect 80a8 19c801",
                "start 3400 L", "die 3400 L", "start 80a8 L", "pause b787 L", "rename b787 L", "pause b787 L",
                "disconnect 035c 08e4ab", "disconnect 035c 08e4ab", "die 80a8 L", "disconnect 80a8 19c801",
                "destroy 80a8 L", "die b787 L", "die c38b", "die 6a16 L", "die 035c L", "destroy 6a16 L",
                "disconnect b787 19c801", "destroy b787 L", "disconnect c38b 19c801", "destroy c38b",
                "disconnect 035c 19c801", "destroy 035c L", NULL,
        });
}

static const char *const newer[] = {
        "connect a7b0 23037e", "start a7b0 L", "connect a7b0 be6754", "connect 1569 23037e", "start 1569",
        "connect c38e 23037e", "start c38e L", "connect 67da 23037e", "health a7b0 L", "start 67da L",
        "disconnect 67da 23037e", "die 67da L", "connect 67da 23037e", "start b48f L", "start 67da L",
        "connect 4943 23037e", "disconnect 67da 23037e", "start 4943 L", "pause c38e L", "rename c38e L",
        "pause c38e L", "disconnect a7b0 be6754", "disconnect a7b0 be6754", "disconnect 4943 23037e", "die 4943 L",
        "destroy 4943 L", "die b48f L", "destroy b48f L", "disconnect c38e 23037e", "die c38e L", "destroy c38e L",
        "disconnect 1569 23037e", "die 1569", "destroy 1569", "disconnect a7b0 23037e", "die a7b0 L",
        "destroy a7b0 L", NULL,
};

static void test_docker_26(void **state) {
        (void) state;
        check_file("docker-26/events.jsonl", newer);
}

/* Without status, id and from. */
static void test_docker_29(void **state) {
        (void) state;
        check_file("docker-29/events.jsonl", newer);
}

/* Network events have the container as the actor, and no network. */
static void test_podman_4_3(void **state) {
        (void) state;
        check_file("podman-4.3/events.jsonl", (const char *const[]) {
                "start 7535 L", "start 4ebe L", "connect 7535", "start 9093 L", "pause 4ebe L", "disconnect 7535",
                "rename 4ebe L", "die 7535 L", "start 7535 L", "die 4ebe L", "start 4ebe L", "die 9093 L",
                "destroy 9093 L", "die 4ebe L", "die 7535 L", "destroy 4ebe L", "destroy 7535 L", NULL,
        });
}

static void test_actions(void **state) {
        static const struct {
                const char *text;
                int expected; /* an action, or -1 for none */
        } cases[] = {
                { EVENT("container", "start", ACTOR("")), DOCKER_EVENT_START },
                { EVENT("container", "die", ACTOR("")), DOCKER_EVENT_DIE },
                { EVENT("container", "died", ACTOR("")), DOCKER_EVENT_DIE },
                { EVENT("container", "pause", ACTOR("")), DOCKER_EVENT_PAUSE },
                { EVENT("container", "unpause", ACTOR("")), DOCKER_EVENT_PAUSE },
                { EVENT("container", "rename", ACTOR("")), DOCKER_EVENT_RENAME },
                { EVENT("container", "health_status", ACTOR("")), DOCKER_EVENT_HEALTH },
                { EVENT("container", "health_status: unhealthy", ACTOR("")), DOCKER_EVENT_HEALTH },
                { EVENT("container", "destroy", ACTOR("")), DOCKER_EVENT_DESTROY },
                { EVENT("container", "remove", ACTOR("")), DOCKER_EVENT_DESTROY },
                { EVENT("container", "starting", ACTOR("")), -1 },
                { EVENT("container", "exec_start: /bin/true", ACTOR("")), -1 },
                { EVENT("container", "kill", ACTOR("")), -1 },
                { EVENT("container", "", ACTOR("")), -1 },
                { EVENT("container", "connect", ACTOR("")), -1 },
                { EVENT("network", "start", ACTOR("")), -1 },
                { EVENT("network", "destroy", ACTOR("")), -1 },
                { EVENT("image", "delete", "\"Actor\":{\"ID\":\"sha256:1\"}"), -1 },
                { EVENT("volume", "mount", "\"Actor\":null"), -1 },
                { EVENT("daemon", "reload", "\"x\":1"), -1 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                DockerEvent event;
                char *network;
                int r = decode(cases[i].text, &event, &network);

                assert_int_equal(r, cases[i].expected >= 0);
                if (r > 0) {
                        assert_int_equal(event.action, cases[i].expected);
                        assert_string_equal(event.container, ID);
                        assert_string_equal(event.network, "");
                        assert_int_equal(event.time, 0);
                        assert_null(network);
                }
        }
}

static void test_labelled(void **state) {
        static const struct {
                const char *text;
                bool expected;
        } cases[] = {
                { EVENT("container", "die", ACTOR("\"calico.expose\":\"80\"")), true },
                { EVENT("container", "die", ACTOR("\"a\":\"b\",\"Calico.Expose.From\":\"80\"")), true },
                { EVENT("container", "die", ACTOR("\"name\":\"calico.expose\"")), false },
                { EVENT("container", "die", ACTOR("\"xcalico.expose\":\"80\",\"calico.expos\":\"\"")), false },
                { EVENT("container", "die", ACTOR("\"calico.expose\":7")), true },
                { EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "\",\"Attributes\":null}"), false },
                { EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "\"}"), false },
                /* A label may be named like one of Docker's own keys. */
                { EVENT("container", "die", ACTOR("\"container\":\"x\",\"exitCode\":{}")), false },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                DockerEvent event;
                char *network;

                assert_int_equal(decode(cases[i].text, &event, &network), 1);
                assert_int_equal(event.labelled, cases[i].expected);
        }
}

static void test_networks(void **state) {
        DockerEvent event;
        char *network;

        (void) state;
        assert_int_equal(decode("{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NETWORK "\","
                                "\"Attributes\":{\"container\":\"" ID "\",\"name\":\"calico.expose\"}}}",
                                &event, &network), 1);
        assert_int_equal(event.action, DOCKER_EVENT_CONNECT);
        assert_string_equal(event.container, ID);
        assert_string_equal(event.network, NETWORK);
        assert_false(event.labelled);
        assert_ptr_equal(event.network, network);
        free(network);

        /* Podman: the actor is the container. */
        assert_int_equal(decode("{\"Type\":\"network\",\"Action\":\"disconnect\",\"Actor\":{\"ID\":\"" ID "\","
                                "\"Attributes\":{\"network\":\"front\",\"calico.expose\":\"80\"}}}",
                                &event, &network), 1);
        assert_int_equal(event.action, DOCKER_EVENT_DISCONNECT);
        assert_string_equal(event.container, ID);
        assert_string_equal(event.network, "front");
        assert_false(event.labelled);
        free(network);

        /* A service's endpoint is no container. */
        assert_int_equal(decode_only("{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"" NETWORK "\","
                                     "\"Attributes\":{\"container\":\"ingress-sbox\"}}}"), 0);
        assert_int_equal(decode_only("{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{\"ID\":\"front\"}}"), 0);
        assert_int_equal(decode_only("{\"Type\":\"network\",\"Action\":\"connect\",\"Actor\":{}}"), -EBADMSG);
        assert_int_equal(decode_only("{\"Type\":\"network\",\"Action\":\"connect\"}"), -EBADMSG);
}

static void test_time(void **state) {
        static const struct {
                const char *text;
                int64_t expected, tolerance;
        } cases[] = {
                { "\"time\":1795449197,\"timeNano\":1795449197559714364", INT64_C(1795449197559714364), 128 },
                { "\"timeNano\":1795449197559714364", INT64_C(1795449197559714364), 128 },
                { "\"time\":1795449197", INT64_C(1795449197000000000), 0 },
                { "\"time\":\"1795449197\"", 0, 0 },
                { "\"time\":-5,\"timeNano\":-5", 0, 0 },
                { "\"time\":1e300,\"timeNano\":1e300", 0, 0 },
                { "\"time\":99999999999999,\"timeNano\":null", 0, 0 },
                { "\"time\":1,\"timeNano\":9223372036854775808", INT64_C(1000000000), 0 },
                { "\"time\":1.5", INT64_C(1000000000), 0 },
        };

        (void) state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                DockerEvent event;
                char *network, text[512];

                snprintf(text, sizeof(text), "{\"Type\":\"container\",\"Action\":\"die\"," ACTOR("") ",%s}",
                         cases[i].text);
                assert_int_equal(decode(text, &event, &network), 1);
                assert_in_range(event.time, cases[i].expected - cases[i].tolerance,
                                cases[i].expected + cases[i].tolerance);
        }
}

static void test_unreadable(void **state) {
        static const char *const texts[] = {
                "", " ", "{", "}", "null", "[]", "7", "\"x\"", "true", "{}", "x",
                EVENT("container", "die", ACTOR("")) "x",
                EVENT("container", "die", ACTOR("")) EVENT("container", "die", ACTOR("")),
                EVENT("container", "die", ACTOR("")) ",",
                EVENT("container", "die", "\"Actor\":[]"),
                EVENT("container", "die", "\"Actor\":\"x\""),
                EVENT("container", "die", "\"Actor\":null"),
                EVENT("container", "die", "\"Actor\":{}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":7}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"\"}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"../../etc/passwd\"}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "0\"}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "\\u0000\"}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "\",\"Attributes\":[]}"),
                EVENT("container", "die", "\"Actor\":{\"ID\":\"" ID "\",\"Attributes\":\"calico.expose\"}"),
                "{\"Type\":7,\"Action\":\"die\"," ACTOR("") "}",
                "{\"Type\":\"container\",\"Action\":null," ACTOR("") "}",
                "{\"Type\":\"container\"," ACTOR("") "}",
                "{\"type\":\"container\",\"action\":\"die\"," ACTOR("") "}",
                "{\"Type\":\"container\",\"Action\":\"die\"," ACTOR("\"x\":\"\\ud800\"") "}",
                "{\"Type\":\"container\",\"Action\":\"die\"," ACTOR("\"x\":\"\\u12\"") "}",
                "{\"Type\":\"container\",\"Action\":\"die\"," ACTOR("\"x\":\"") "}",
        };

        (void) state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                assert_int_equal(decode_only(texts[i]), -EBADMSG);
}

static void test_raw_nul(void **state) {
        static const char text[] = "{\"Type\":\"container\",\"Action\":\"die\"," ACTOR("") "}\0{}";
        DockerEvent event;
        char *network;

        (void) state;
        assert_int_equal(docker_event_decode(text, sizeof(text) - 1, &event, &network), -EBADMSG);
}

static void test_deep(void **state) {
        char text[100000];

        (void) state;
        memset(text, '[', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(decode_only(text), -EBADMSG);
}

/* Each byte of a real line changed to others, and each cut: whatever it says then, it is harmless. */
static void test_mutations(void **state) {
        static const char bytes[] = "\"\\{}[]:,0z\xff";
        const char *line = "{\"status\":\"die\",\"id\":\"" ID "\",\"Type\":\"network\",\"Action\":\"connect\","
                           "\"Actor\":{\"ID\":\"" NETWORK "\",\"Attributes\":{\"container\":\"" ID "\","
                           "\"n\":\"\\u0000\\u00e9\"}},"
                           "\"time\":1795449197,\"timeNano\":1795449197559714364}";
        char copy[1024];
        int r;

        (void) state;
        for (size_t i = 0; i < strlen(line); i++) {
                for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
                        strcpy(copy, line);
                        copy[i] = bytes[k];
                        r = decode_only(copy);
                        assert_true(r == -EBADMSG || r == 0 || r == 1);
                }
                strcpy(copy, line);
                copy[i] = '\0';
                assert_int_equal(decode_only(copy), -EBADMSG);
        }
}

static void test_error(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "{\"message\":\"No such container: x\"}\n", "No such container: x" },
                { "{\"cause\":\"a\",\"message\":\"b\",\"response\":500}", "b" },
                { "404 page not found\n", "404 page not found" },
                { "{\"message\":\"two\\nlines\\u001b[31m\\u0000\"}", "two\\x0alines\\x1b[31m\xef\xbf\xbd" },
                { "{\"message\":7}", "{\"message\":7}" },
                { "{\"message\":\"cut", "{\"message\":\"cut" },
                { "", "" },
                { "\r\n", "" },
                { "{\"message\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
                  "012345678901234567890123456789012345678901234567890123456..." },
        };
        char buffer[61];

        (void) state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                http_error_decode(cases[i].text, strlen(cases[i].text), buffer, sizeof(buffer));
                assert_string_equal(buffer, cases[i].expected);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_docker_20_10), cmocka_unit_test(test_docker_26),
                cmocka_unit_test(test_docker_29),    cmocka_unit_test(test_podman_4_3),
                cmocka_unit_test(test_actions),
                cmocka_unit_test(test_labelled),     cmocka_unit_test(test_networks),
                cmocka_unit_test(test_time),         cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_raw_nul),      cmocka_unit_test(test_deep),
                cmocka_unit_test(test_mutations),    cmocka_unit_test(test_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
