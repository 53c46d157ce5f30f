/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What Docker published for the containers of a list. */

#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "daemon/docker/splitter.h"
#include "tests/unit/docker/fixture.h"

#define ID "80a8cc77863143a0a63ee5e1a5aa3c7789803e974cfd03d55781d6385d4c47ea"

static char *describe(const DockerPorts *ports) {
        char a[ADDRESS_TEXT_SIZE], *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        for (size_t i = 0; i < ports->n_items; i++) {
                const HostPort *port = &ports->items[i].host;

                assert_true(port->docker);
                assert_int_equal(strlen(ports->items[i].container), CONTAINER_ID_SIZE);
                assert_false(ports->items[i].stopped);
                fprintf(file, "%s %u %s %s %s\n", protocol_to_string(port->protocol), port->port,
                        port->family == AF_INET ? "IPv4" : port->family == AF_INET6 ? "IPv6" : "both",
                        address_format(&port->address, a), port->user);
        }
        fclose(file);
        return text;
}

static void check(const DockerPorts *ports, const char *expected) {
        char *text = describe(ports);

        assert_string_equal(text, expected);
        free(text);
}

/* Adds those of one row; without a label, but for the state and the name. */
static int decode_row(const char *name, const char *state, const char *list, DockerPorts *ports) {
        Container *container = NULL;
        char *text;
        int r;

        assert_true(asprintf(&text, "{\"Id\":\"" ID "\",\"Names\":[\"/%s\"],\"State\":\"%s\",\"Ports\":%s}", name,
                             state, list) > 0);
        r = docker_row_decode(text, strlen(text), ports, &container);
        assert_null(container);
        free(text);
        return r;
}

static int on_row(void *userdata, const char *text, size_t size) {
        Container *container = NULL;
        int r = docker_row_decode(text, size, userdata, &container);

        assert_in_range(r, 0, 1);
        assert_int_equal(!!container, r);
        container_free(container);
        return 0;
}

static void check_list(const char *name, const char *expected) {
        _cleanup_(array_splitter_done) ArraySplitter splitter = {};
        DockerPorts ports = {};
        size_t size;
        char *text = fixture_read(name, &size);

        assert_int_equal(array_splitter_feed(&splitter, text, size, on_row, &ports), 0);
        docker_ports_sort(&ports);
        assert_false(ports.truncated);
        check(&ports, expected);
        docker_ports_done(&ports);
        free(text);
}

/* -p 8082:80 with a label; -p 8081:80 -p 127.0.0.1:8443:443 -p 7000-7002:7000-7002/udp -p [::1]:9000:9000 without. */
static void test_engines(void **state) {
        static const char expected[] = "tcp 8081 IPv4 - Docker, for container pub\n"
                                       "tcp 8081 IPv6 - Docker, for container pub\n"
                                       "tcp 8082 IPv4 - Docker, for container published\n"
                                       "tcp 8082 IPv6 - Docker, for container published\n"
                                       "tcp 8443 IPv4 127.0.0.1 Docker, for container pub\n"
                                       "tcp 9000 IPv6 ::1 Docker, for container pub\n"
                                       "udp 7000 IPv4 - Docker, for container pub\n"
                                       "udp 7000 IPv6 - Docker, for container pub\n"
                                       "udp 7001 IPv4 - Docker, for container pub\n"
                                       "udp 7001 IPv6 - Docker, for container pub\n"
                                       "udp 7002 IPv4 - Docker, for container pub\n"
                                       "udp 7002 IPv6 - Docker, for container pub\n";

        (void) state;
        check_list("docker-20.10/list-published.json", expected);
        check_list("docker-26/list-published.json", expected);
}

static void test_ports(void **state) {
        static const struct {
                const char *list, *expected;
                bool truncated;
        } cases[] = {
                { "null", "", false },
                { "[]", "", false },
                { "[{\"PrivatePort\":80,\"Type\":\"tcp\"}]", "", false },
                { "[{\"IP\":\"\",\"PublicPort\":80,\"Type\":\"tcp\"}]",
                  "tcp 80 both - Docker, for container x\n", false },
                { "[{\"PublicPort\":80,\"Type\":\"sctp\"}]", "sctp 80 both - Docker, for container x\n", false },
                { "[{\"IP\":\"0.0.0.0\",\"PublicPort\":80,\"Type\":\"tcp\"}]",
                  "tcp 80 IPv4 - Docker, for container x\n", false },
                { "[{\"IP\":\"::\",\"PublicPort\":80,\"Type\":\"tcp\"}]",
                  "tcp 80 IPv6 - Docker, for container x\n", false },
                { "[{\"IP\":\"2001:db8::1\",\"PublicPort\":65535,\"Type\":\"udp\"}]",
                  "udp 65535 IPv6 2001:db8::1 Docker, for container x\n", false },
                { "[{\"IP\":\"x\",\"PublicPort\":80,\"Type\":\"tcp\"}]", "", true },
                { "[{\"IP\":\"\",\"PublicPort\":65536,\"Type\":\"tcp\"}]", "", true },
                { "[{\"IP\":\"\",\"PublicPort\":-1,\"Type\":\"tcp\"}]", "", true },
                { "[{\"IP\":\"\",\"PublicPort\":80,\"Type\":\"icmp\"}]", "", true },
                { "[{\"IP\":\"\",\"PublicPort\":80}]", "", true },
                { "[{\"IP\":\"\",\"PublicPort\":\"80\",\"Type\":\"tcp\"}]", "", false },
                { "[null,7,[],{}]", "", false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                DockerPorts ports = {};

                assert_int_equal(decode_row("x", "running", cases[i].list, &ports), 0);
                check(&ports, cases[i].expected);
                assert_int_equal(ports.truncated, cases[i].truncated);
                docker_ports_done(&ports);
        }
}

#define ONE "[{\"IP\":\"0.0.0.0\",\"PublicPort\":80,\"Type\":\"tcp\"}]"

static void test_states(void **state) {
        static const struct {
                const char *state;
                size_t n;
        } cases[] = { { "running", 1 }, { "paused", 1 }, { "restarting", 1 }, { "created", 0 }, { "exited", 0 } };
        DockerPorts ports = {};

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(decode_row("x", cases[i].state, ONE, &ports), 0);
                assert_int_equal(ports.n_items, cases[i].n);
                docker_ports_done(&ports);
        }
        assert_int_equal(decode_row("x", "levitating", ONE, &ports), -EBADMSG);
        assert_int_equal(decode_row("x", "running", "{}", &ports), -EBADMSG);
        assert_int_equal(ports.n_items, 0);
}

static void check_user(const char *name, const char *expected) {
        DockerPorts ports = {};

        assert_int_equal(decode_row(name, "running", ONE, &ports), 0);
        assert_string_equal(ports.items[0].host.user, expected);
        assert_string_equal(ports.items[0].container, ID);
        docker_ports_done(&ports);
}

/* In one line and fit to be shown, whatever the name; without one, the ID. */
static void test_names(void **state) {
        (void) state;
        check_user("a\\n\\u001b[31mb", "Docker, for container a\\x0a\\x1b[31mb");
        check_user("", "Docker, for container 80a8cc778631");
        check_user("n123456789n123456789n123456789n1234567890",
                   "Docker, for container n123456789n123456789n123456789n1234567890");
        check_user("n123456789n123456789n123456789n12345678901",
                   "Docker, for container n123456789n123456789n123456789n1234567...");
}

/* Sorted, and each once: of two names for the same port always the same. */
static void test_sorted(void **state) {
        static const char list[] = "[{\"IP\":\"::\",\"PublicPort\":90,\"Type\":\"tcp\"},"
                                   "{\"IP\":\"10.0.0.1\",\"PublicPort\":80,\"Type\":\"tcp\"},"
                                   "{\"IP\":\"0.0.0.0\",\"PublicPort\":90,\"Type\":\"tcp\"}]";

        (void) state;
        for (unsigned i = 0; i < 2; i++) {
                DockerPorts ports = {};

                assert_int_equal(decode_row(i ? "b" : "a", "running", list, &ports), 0);
                assert_int_equal(decode_row(i ? "a" : "b", "running", list, &ports), 0);
                assert_int_equal(ports.n_items, 6);
                docker_ports_sort(&ports);
                check(&ports, "tcp 80 IPv4 10.0.0.1 Docker, for container a\n"
                              "tcp 90 IPv4 - Docker, for container a\n"
                              "tcp 90 IPv6 - Docker, for container a\n");
                docker_ports_done(&ports);
                docker_ports_sort(&ports);
        }
}

static char *many(unsigned n) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        fputs("[{}", file);
        for (unsigned i = 0; i < n; i++)
                fprintf(file, ",{\"IP\":\"10.0.%u.%u\",\"PublicPort\":80,\"Type\":\"tcp\"}", i / 256, i % 256);
        fputc(']', file);
        fclose(file);
        return text;
}

static void test_limit(void **state) {
        char *list = many(DOCKER_HOST_PORTS_MAX / 2);
        DockerPorts ports = {};

        (void) state;
        assert_int_equal(decode_row("a", "running", list, &ports), 0);
        assert_int_equal(decode_row("b", "running", list, &ports), 0);
        assert_int_equal(ports.n_items, DOCKER_HOST_PORTS_MAX);
        assert_false(ports.truncated);
        assert_int_equal(decode_row("c", "running", ONE, &ports), 0);
        assert_int_equal(ports.n_items, DOCKER_HOST_PORTS_MAX);
        assert_true(ports.truncated);
        docker_ports_sort(&ports);
        assert_int_equal(ports.n_items, DOCKER_HOST_PORTS_MAX / 2);
        docker_ports_done(&ports);
        free(list);
}

/* Unreadable otherwise: what it says of ports is true. */
static void test_broken_row(void **state) {
        static const char text[] = "{\"Id\":\"" ID "\",\"State\":\"running\",\"Ports\":" ONE ","
                                   "\"Labels\":{\"calico.expose\":\"80\"},\"NetworkSettings\":7}";
        Container *container = NULL;
        DockerPorts ports = {};

        (void) state;
        assert_int_equal(docker_row_decode(text, strlen(text), &ports, &container), -EBADMSG);
        assert_int_equal(ports.n_items, 1);
        docker_ports_done(&ports);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_engines), cmocka_unit_test(test_ports),  cmocka_unit_test(test_states),
                cmocka_unit_test(test_names),   cmocka_unit_test(test_sorted), cmocka_unit_test(test_limit),
                cmocka_unit_test(test_broken_row),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
