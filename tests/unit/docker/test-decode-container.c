/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Answers that were made for the test: each key by itself, and nonsense. */

#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/docker/decoded.h"
#include "tests/unit/docker/fixture.h"

#define ID "80a8cc77863143a0a63ee5e1a5aa3c7789803e974cfd03d55781d6385d4c47ea"
#define SKIP 2 /* a case is not for that decoder */

/* A base object, of which one part is replaced. */

typedef struct Part {
        const char *key;
        const char *value; /* NULL: left out */
} Part;

static const Part row_base[] = {
        { "Id", "\"" ID "\"" }, { "Names", "[\"/web\"]" }, { "ImageID", "\"sha256:1\"" }, { "Created", "17" },
        { "Ports", "[]" }, { "Labels", "{\"calico.expose\":\"80\"}" }, { "State", "\"running\"" },
        { "HostConfig", "{\"NetworkMode\":\"default\"}" },
        { "NetworkSettings", "{\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}}" }, {},
};

static const Part inspect_base[] = {
        { "Id", "\"" ID "\"" }, { "Name", "\"/web\"" }, { "Image", "\"sha256:1\"" },
        { "Created", "\"1970-01-01T00:00:17Z\"" }, { "State", "{\"Running\":true}" },
        { "Config", "{\"Labels\":{\"calico.expose\":\"80\"}}" }, { "HostConfig", "{\"NetworkMode\":\"default\"}" },
        { "NetworkSettings", "{\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}}" }, {},
};

/* With that key's value replaced (NULL: key left out). Returns the decoder's result, and the container if it is 1. */
static int decode_with(Decode function, const char *key, const char *value, Container **ret) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        bool found = false;
        int r;

        fputc('{', file);
        for (const Part *part = function == decoded_row ? row_base : inspect_base; part->key; part++) {
                const char *used = strcmp(part->key, key) == 0 ? value : part->value;

                found = found || strcmp(part->key, key) == 0;
                if (used)
                        fprintf(file, "\"%s\":%s,", part->key, used);
        }
        if (!found && value)
                fprintf(file, "\"%s\":%s,", key, value);
        fputs("\"Z\":0}", file);
        fclose(file);
        r = decoded_text(function, text, ret);
        if (r > 0)
                decoded_assert_sane(*ret);
        free(text);
        return r;
}

static int decode_row_with(const char *key, const char *value, Container **ret) {
        return decode_with(decoded_row, key, value, ret);
}

static int decode_inspect_with(const char *key, const char *value, Container **ret) {
        return decode_with(docker_inspect_decode, key, value, ret);
}

/* Every key with every kind of value, and without. */
static void test_wrong_types(void **state) {
        static const char *const values[] = {
                NULL, "null", "true", "false", "0", "-1", "1e999", "0.5", "18446744073709551616",
                "\"\"", "\"x\"", "\"/\"",
                "[]", "[null]", "[0]", "[\"\"]", "[{}]", "[[]]", "{}", "{\"\":null}", "{\"\":{}}", "{\"x\":\"y\"}",
                "{\"Networks\":0}", "{\"Networks\":[]}", "{\"Networks\":null}", "{\"Networks\":{\"x\":0}}",
                "{\"Networks\":{\"x\":null}}", "{\"Running\":1}", "{\"Running\":null}",
                "{\"Labels\":[]}", "{\"Labels\":{\"calico.expose\":null}}", "{\"NetworkMode\":7}",
        };
        Decode decoders[] = { decoded_row, docker_inspect_decode };

        (void) state;
        for (size_t d = 0; d < ELEMENTSOF(decoders); d++)
                for (const Part *part = d == 0 ? row_base : inspect_base; part->key; part++)
                        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                                Container *container = NULL;
                                int r = decode_with(decoders[d], part->key, values[i], &container);

                                assert_true(r == 1 || r == -EBADMSG || (r == 0 && decoders[d] == decoded_row));
                                assert_true(r == 1 || !container);
                                container_free(container);
                        }
}

static void check(Decode function, const char *key, const char *value, int expected) {
        Container *container = NULL;

        assert_int_equal(decode_with(function, key, value, &container), expected);
        container_free(container);
}

/* What a record cannot do without, and what reads as empty. */
static void test_needed(void **state) {
        static const struct {
                const char *key, *value;
                int row, inspect;
        } cases[] = {
                { "Id", NULL, -EBADMSG, -EBADMSG },
                { "Id", "7", -EBADMSG, -EBADMSG },
                { "Id", "\"80A8CC77863143A0A63EE5E1A5AA3C7789803E974CFD03D55781D6385D4C47EA\"", -EBADMSG, -EBADMSG },
                { "Id", "\"80a8cc\"", -EBADMSG, -EBADMSG },
                { "Created", NULL, -EBADMSG, -EBADMSG },
                { "Created", "\"yesterday\"", -EBADMSG, -EBADMSG },
                { "Created", "1.5", 1, -EBADMSG },
                { "State", NULL, -EBADMSG, -EBADMSG },
                { "State", "\"\"", -EBADMSG, -EBADMSG },
                { "State", "\"levitating\"", -EBADMSG, -EBADMSG },
                { "State", "{}", -EBADMSG, -EBADMSG },
                { "State", "{\"Running\":false}", -EBADMSG, 1 },
                { "Labels", NULL, 0, SKIP },
                { "Labels", "null", 0, SKIP },
                { "Labels", "[]", -EBADMSG, SKIP },
                { "Labels", "\"calico.expose=80\"", -EBADMSG, SKIP },
                { "Config", NULL, SKIP, -EBADMSG },
                { "Config", "[]", SKIP, -EBADMSG },
                { "Config", "{}", SKIP, 1 },
                { "Config", "{\"Labels\":null}", SKIP, 1 },
                { "Config", "{\"Labels\":7}", SKIP, -EBADMSG },
                { "Names", NULL, 1, SKIP },
                { "Names", "null", 1, SKIP },
                { "Names", "\"/web\"", -EBADMSG, SKIP },
                { "Names", "[null,7]", 1, SKIP },
                { "Name", NULL, SKIP, 1 },
                { "HostConfig", NULL, 1, 1 },
                { "HostConfig", "\"x\"", -EBADMSG, -EBADMSG },
                { "NetworkSettings", NULL, 1, 1 },
                { "NetworkSettings", "null", 1, 1 },
                { "NetworkSettings", "[]", -EBADMSG, -EBADMSG },
                { "NetworkSettings", "{\"Networks\":[]}", -EBADMSG, -EBADMSG },
                { "NetworkSettings", "{\"Networks\":{\"a\":null}}", 1, 1 },
                { "NetworkSettings", "{\"Networks\":{\"a\":7}}", -EBADMSG, -EBADMSG },
                { "Ports", NULL, 1, SKIP },
                { "Ports", "null", 1, SKIP },
                { "Ports", "{}", -EBADMSG, SKIP },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                if (cases[i].row != SKIP)
                        check(decoded_row, cases[i].key, cases[i].value, cases[i].row);
                if (cases[i].inspect != SKIP)
                        check(docker_inspect_decode, cases[i].key, cases[i].value, cases[i].inspect);
        }
}

static void test_states(void **state) {
        static const struct {
                const char *text;
                ContainerState expected;
        } rows[] = {
                { "\"running\"", CONTAINER_RUNNING },       { "\"paused\"", CONTAINER_PAUSED },
                { "\"restarting\"", CONTAINER_RESTARTING }, { "\"exited\"", CONTAINER_STOPPED },
                { "\"created\"", CONTAINER_STOPPED },       { "\"dead\"", CONTAINER_STOPPED },
                { "\"removing\"", CONTAINER_STOPPED },      { "\"stopping\"", CONTAINER_STOPPED },
        }, inspects[] = {
                { "{\"Running\":true}", CONTAINER_RUNNING },
                { "{\"Running\":true,\"Paused\":true}", CONTAINER_PAUSED },
                { "{\"Running\":true,\"Restarting\":true}", CONTAINER_RESTARTING },
                { "{\"Running\":true,\"Restarting\":true,\"Paused\":true}", CONTAINER_RESTARTING },
                { "{\"Running\":false,\"Dead\":true}", CONTAINER_STOPPED },
        };
        Container *container;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(decode_row_with("State", rows[i].text, &container), 1);
                assert_int_equal(container->state, rows[i].expected);
                container_free(container);
        }
        for (size_t i = 0; i < ELEMENTSOF(inspects); i++) {
                assert_int_equal(decode_inspect_with("State", inspects[i].text, &container), 1);
                assert_int_equal(container->state, inspects[i].expected);
                container_free(container);
        }
}

static void test_health(void **state) {
        static const struct {
                const char *health;
                ContainerHealth row, inspect;
        } cases[] = {
                { NULL, HEALTH_UNKNOWN, HEALTH_NONE },
                { "null", HEALTH_UNKNOWN, HEALTH_NONE },
                { "{\"Status\":\"healthy\"}", HEALTH_HEALTHY, HEALTH_HEALTHY },
                { "{\"Status\":\"unhealthy\"}", HEALTH_UNHEALTHY, HEALTH_UNHEALTHY },
                { "{\"Status\":\"starting\"}", HEALTH_STARTING, HEALTH_STARTING },
                { "{\"Status\":\"none\"}", HEALTH_NONE, HEALTH_NONE },
                { "{\"Status\":\"\"}", HEALTH_NONE, HEALTH_NONE },
                { "{\"Status\":7}", HEALTH_UNKNOWN, HEALTH_UNKNOWN },
                { "{\"Status\":\"HEALTHY\"}", HEALTH_UNKNOWN, HEALTH_UNKNOWN },
                { "{}", HEALTH_UNKNOWN, HEALTH_UNKNOWN },
                { "\"healthy\"", HEALTH_UNKNOWN, HEALTH_UNKNOWN },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Container *container;
                char text[256];

                assert_int_equal(decode_row_with("Health", cases[i].health, &container), 1);
                assert_int_equal(container->health, cases[i].row);
                container_free(container);
                snprintf(text, sizeof(text), "{\"Running\":true%s%s}", cases[i].health ? ",\"Health\":" : "",
                         cases[i].health ? cases[i].health : "");
                assert_int_equal(decode_inspect_with("State", text, &container), 1);
                assert_int_equal(container->health, cases[i].inspect);
                container_free(container);
        }
}

/* Where a row has no Health. */
static void test_health_in_status(void **state) {
        static const struct {
                const char *status;
                ContainerHealth health;
        } cases[] = {
                { "\"Up 9 seconds (healthy)\"", HEALTH_HEALTHY },
                { "\"Up 2 days (unhealthy)\"", HEALTH_UNHEALTHY },
                { "\"Up Less than a second (health: starting)\"", HEALTH_STARTING },
                { "\"Up 9 seconds\"", HEALTH_UNKNOWN },
                { "\"Up 9 seconds (Paused)\"", HEALTH_UNKNOWN },
                { "\"(healthy) for a long time\"", HEALTH_UNKNOWN },
                { "\"healthy)\"", HEALTH_UNKNOWN },
                { "\"\"", HEALTH_UNKNOWN },
                { "7", HEALTH_UNKNOWN },
                { "null", HEALTH_UNKNOWN },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Container *container;

                assert_int_equal(decode_row_with("Status", cases[i].status, &container), 1);
                assert_int_equal(container->health, cases[i].health);
                container_free(container);
        }
}

static void test_names(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "[\"/web\"]", "web" },          { "[\"/old/alias\",\"/web\"]", "web" },
                { "[\"/web\",\"/a/b\"]", "web" }, { "[\"web\"]", "web" },
                { "[\"/a/b\"]", "" },             { "[\"\",\"/x\"]", "x" },
                { "[]", "" },                     { "[\"/\\u0000\"]", "\xef\xbf\xbd" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Container *container;

                assert_int_equal(decode_row_with("Names", cases[i].text, &container), 1);
                assert_string_equal(container->name, cases[i].expected);
                container_free(container);
        }
}

static void test_label_keys(void **state) {
        Container *container;

        (void) state;
        assert_int_equal(decode_row_with("Labels",
                                         "{\"z\":\"1\",\"calico.expose.when\":\"healthy\",\"calico.expos\":\"2\","
                                         "\"CALICO.EXPOSE.From\":\"\",\"calico.exposer\":\"3\","
                                         "\"calico.expose\":\"80\",\"xcalico.expose\":\"4\",\"\":\"5\"}",
                                         &container), 1);
        assert_int_equal(container->n_labels, 4);
        assert_string_equal(container->labels[0].key, "CALICO.EXPOSE.From");
        assert_string_equal(container->labels[0].value, "");
        assert_string_equal(container->labels[1].key, "calico.expose");
        assert_string_equal(container->labels[1].value, "80");
        assert_false(container->labels[1].cut);
        assert_false(container->labels[1].from_image);
        assert_string_equal(container->labels[2].key, "calico.expose.when");
        assert_string_equal(container->labels[3].key, "calico.exposer");
        assert_false(container->truncated);
        container_free(container);
}

/* A NUL never ends a value early; what only looks like one stays. */
static void test_label_nul(void **state) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "80\\u00009", "80\xef\xbf\xbd" "9" },
                { "\\u000080", "\xef\xbf\xbd" "80" },
                { "80\\u0000\\u0000", "80\xef\xbf\xbd\xef\xbf\xbd" },
                { "80\\\\u00009", "80\\u00009" },
                { "80\\\\\\u00009", "80\\\xef\xbf\xbd" "9" },
                { "80\\\\\\\\u00009", "80\\\\u00009" },
                { "\\u00e9\\u0001", "\xc3\xa9\x01" },
                { "\\ud83d\\ude00", "\xf0\x9f\x98\x80" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Container *container;
                char text[128];

                snprintf(text, sizeof(text), "{\"calico.expose\":\"%s\"}", cases[i].text);
                assert_int_equal(decode_row_with("Labels", text, &container), 1);
                assert_string_equal(container->labels[0].value, cases[i].expected);
                container_free(container);
                snprintf(text, sizeof(text), "{\"calico.expose%s\":\"80\"}", cases[i].text);
                assert_int_equal(decode_row_with("Labels", text, &container), 1);
                assert_string_equal(container->labels[0].key + strlen("calico.expose"), cases[i].expected);
                container_free(container);
        }
}

static char *repeat(const char *before, char c, size_t n, const char *after) {
        size_t start = strlen(before), end = strlen(after);
        char *text = malloc(start + n + end + 1);

        memcpy(text, before, start);
        memset(text + start, c, n);
        memcpy(text + start + n, after, end + 1);
        return text;
}

static void check_label_size(size_t size, bool truncated) {
        char *text = repeat("{\"calico.expose\":\"", '8', size, "\"}");
        Container *container;

        assert_int_equal(decode_row_with("Labels", text, &container), 1);
        assert_int_equal(container->n_labels, 1);
        assert_int_equal(container->labels[0].cut, truncated);
        assert_int_equal(strlen(container->labels[0].value), MIN(size, (size_t) CONTAINER_LABEL_SIZE_MAX));
        assert_int_equal(container->truncated, truncated);
        container_free(container);
        free(text);
}

static void test_label_limits(void **state) {
        Container *container;
        char *text;

        (void) state;
        check_label_size(CONTAINER_LABEL_SIZE_MAX, false);
        check_label_size(CONTAINER_LABEL_SIZE_MAX + 1, true);
        check_label_size((size_t) 8 * 1024 * 1024, true);

        text = repeat("{\"calico.expose", 'x', CONTAINER_LABEL_SIZE_MAX, "\":\"80\",\"calico.expose\":\"81\"}");
        assert_int_equal(decode_row_with("Labels", text, &container), 1);
        assert_int_equal(container->n_labels, 1);
        assert_string_equal(container->labels[0].value, "81");
        assert_true(container->truncated);
        container_free(container);
        free(text);

        assert_int_equal(decode_row_with("Labels", "{\"calico.expose\":80}", &container), 0);
        assert_int_equal(decode_row_with("Labels", "{\"calico.expose\":80,\"calico.expose.x\":\"\"}", &container), 1);
        assert_int_equal(container->n_labels, 1);
        assert_string_equal(container->labels[0].key, "calico.expose.x");
        assert_true(container->truncated);
        container_free(container);
}

/* n members "prefixN": value. */
static char *members(const char *prefix, unsigned n, const char *value) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        fputc('{', file);
        for (unsigned i = 0; i < n; i++)
                fprintf(file, "%s\"%s%u\":%s", i > 0 ? "," : "", prefix, i, value);
        fputc('}', file);
        fclose(file);
        return text;
}

static void test_counts(void **state) {
        (void) state;
        for (unsigned over = 0; over < 2; over++) {
                char *labels = members("calico.expose.", CONTAINER_LABELS_MAX + over, "\"x\"");
                char *networks = members("net", CONTAINER_NETWORKS_MAX + over, "{}"), *settings;
                Container *container;

                assert_int_equal(decode_row_with("Labels", labels, &container), 1);
                assert_int_equal(container->n_labels, CONTAINER_LABELS_MAX);
                assert_int_equal(container->truncated, over);
                container_free(container);

                assert_true(asprintf(&settings, "{\"Networks\":%s}", networks) > 0);
                assert_int_equal(decode_row_with("NetworkSettings", settings, &container), 1);
                assert_int_equal(container->n_networks, CONTAINER_NETWORKS_MAX);
                assert_int_equal(container->truncated, over);
                container_free(container);
                free(settings);
                free(networks);
                free(labels);
        }
}

/* Of too many, the first by key stay, in whatever order they come; of doubled ones the first. */
static void test_labels_that_stay(void **state) {
        char *labels = members("calico.expose.m", CONTAINER_LABELS_MAX, "\"x\""), *text;
        Container *container;

        (void) state;
        for (unsigned before = 0; before < 2; before++) {
                static const char more[] = "\"calico.expose.z\":\"2\",\"calico.expose.a\":\"1\"";

                assert_true(asprintf(&text, "{%s%s%.*s%s%s}", before ? more : "", before ? "," : "",
                                     (int) strlen(labels) - 2, labels + 1, before ? "" : ",",
                                     before ? "" : more) > 0);
                assert_int_equal(decode_row_with("Labels", text, &container), 1);
                assert_int_equal(container->n_labels, CONTAINER_LABELS_MAX);
                assert_string_equal(container->labels[0].key, "calico.expose.a");
                assert_string_equal(container->labels[CONTAINER_LABELS_MAX - 1].key, "calico.expose.m8");
                assert_true(container->truncated);
                container_free(container);
                free(text);
        }
        free(labels);
        assert_int_equal(decode_row_with("Labels", "{\"calico.expose\":\"1\",\"calico.expose\":\"2\"}", &container), 1);
        assert_int_equal(container->n_labels, 1);
        assert_string_equal(container->labels[0].value, "1");
        assert_false(container->truncated);
        container_free(container);
}

static void test_addresses(void **state) {
        static const struct {
                const char *text, *ipv4, *ipv6;
        } cases[] = {
                { "\"IPAddress\":\"10.0.0.1\",\"GlobalIPv6Address\":\"2001:db8::1\"", "10.0.0.1", "2001:db8::1" },
                { "\"IPAddress\":\"\",\"GlobalIPv6Address\":\"\"", "-", "-" },
                { "\"IPAddress\":null,\"GlobalIPv6Address\":7", "-", "-" },
                { "\"IPAddress\":\"0.0.0.0\",\"GlobalIPv6Address\":\"::\"", "-", "-" },
                { "\"IPAddress\":\"2001:db8::1\",\"GlobalIPv6Address\":\"10.0.0.1\"", "-", "-" },
                { "\"IPAddress\":\"10.0.0.1/32\",\"GlobalIPv6Address\":\"::ffff:10.0.0.1\"", "-", "-" },
                { "\"IPAddress\":\"10.0.0.256\",\"GlobalIPv6Address\":\"fe80::1%eth0\"", "-", "-" },
                { "\"IPAddress\":\"invalid IP\",\"GlobalIPv6Address\":\"[::1]\"", "-", "-" },
                { "\"IPAddress\":\"10.0.0.1\\u0000\"", "-", "-" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[256], a[ADDRESS_TEXT_SIZE];
                Container *container;

                snprintf(text, sizeof(text), "{\"Networks\":{\"n\":{%s}}}", cases[i].text);
                assert_int_equal(decode_row_with("NetworkSettings", text, &container), 1);
                assert_string_equal(address_format(&container->networks[0].ipv4, a), cases[i].ipv4);
                assert_string_equal(address_format(&container->networks[0].ipv6, a), cases[i].ipv6);
                container_free(container);
        }
}

static void test_mac(void **state) {
        static const struct {
                const char *text;
                uint8_t expected[MAC_SIZE];
        } cases[] = {
                { "02:42:ac:11:00:FF", { 0x02, 0x42, 0xac, 0x11, 0x00, 0xff } },
                { "", {} },
                { "02:42:ac:11:00", {} },
                { "02:42:ac:11:00:0", {} },
                { "02:42:ac:11:00:001", {} },
                { "02-42-ac-11-00-01", {} },
                { "02:42:ac:11:00:gg", {} },
                { " 2:42:ac:11:00:01", {} },
                { "-2:42:ac:11:00:01", {} },
                { "0x:42:ac:11:00:01", {} },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Container *container;
                char text[256];

                snprintf(text, sizeof(text), "{\"Networks\":{\"n\":{\"MacAddress\":\"%s\"}}}", cases[i].text);
                assert_int_equal(decode_row_with("NetworkSettings", text, &container), 1);
                assert_memory_equal(container->networks[0].mac, cases[i].expected, MAC_SIZE);
                container_free(container);
        }
}

static void test_created(void **state) {
        static const struct {
                const char *text;
                int64_t expected;
        } rows[] = { { "17", 17 }, { "-62135596800", -62135596800 }, { "1795449197", 1795449197 }, { "1e300", 0 } },
          inspects[] = {
                { "\"2026-11-23T15:53:17.660649572Z\"", 1795449197 },
                { "\"2026-11-23T17:53:17.6+02:00\"", 1795449197 },
                { "\"0001-01-01T00:00:00Z\"", -62135596800 },
        };
        Container *container;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                assert_int_equal(decode_row_with("Created", rows[i].text, &container), 1);
                assert_int_equal(container->created, rows[i].expected);
                container_free(container);
        }
        for (size_t i = 0; i < ELEMENTSOF(inspects); i++) {
                assert_int_equal(decode_inspect_with("Created", inspects[i].text, &container), 1);
                assert_int_equal(container->created, inspects[i].expected);
                container_free(container);
        }
        assert_int_equal(decode_inspect_with("State", "{\"Running\":false,\"StartedAt\":\"0001-01-01T00:00:00Z\"}",
                                             &container), 1);
        assert_int_equal(container->started, 0);
        container_free(container);
}

/* Each byte of a real answer changed, and each cut. */
static void check_mutations(Decode function, const char *text) {
        static const char bytes[] = "\"\\{}[]:,0\xff";
        char *copy = strdup(text);

        for (size_t i = 0; i < strlen(text); i += 3) {
                for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
                        Container *container = NULL;
                        int r;

                        copy[i] = bytes[k];
                        r = function(copy, strlen(text), &container);
                        assert_true(r == 1 || r == -EBADMSG || (r == 0 && function == decoded_row));
                        container_free(container);
                }
                copy[i] = text[i];
        }
        for (size_t i = 0; i < strlen(text); i += 7) {
                Container *container = NULL;

                copy[i] = '\0';
                assert_int_equal(decoded_text(function, copy, &container), -EBADMSG);
                copy[i] = text[i];
        }
        free(copy);
}

static void test_mutations(void **state) {
        char *inspect = fixture_read("docker-29/inspect-side.json", NULL);

        (void) state;
        inspect[strcspn(inspect, "\n")] = '\0';
        check_mutations(docker_inspect_decode, inspect);
        check_mutations(decoded_row,
                        "{\"Id\":\"" ID "\",\"Names\":[\"/web\"],\"ImageID\":\"sha256:1\",\"Created\":17,\"Ports\":"
                        "[{\"IP\":\"0.0.0.0\",\"PrivatePort\":80,\"PublicPort\":8080,\"Type\":\"tcp\"}],\"Labels\":"
                        "{\"calico.expose\":\"80\\u0000\"},\"State\":\"running\","
                        "\"HostConfig\":{\"NetworkMode\":\"x\"},"
                        "\"NetworkSettings\":{\"Networks\":{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}}}");
        free(inspect);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrong_types),
                cmocka_unit_test(test_needed),
                cmocka_unit_test(test_states),
                cmocka_unit_test(test_health),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_health_in_status),
                cmocka_unit_test(test_label_keys),
                cmocka_unit_test(test_label_nul),
                cmocka_unit_test(test_label_limits),
                cmocka_unit_test(test_counts),
                cmocka_unit_test(test_labels_that_stay),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_mac),
                cmocka_unit_test(test_created),
                cmocka_unit_test(test_mutations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
