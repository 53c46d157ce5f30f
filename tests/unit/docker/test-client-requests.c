/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Lists and inspects. */

#include "tests/unit/docker/harness.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/docker/splitter.h"

static FakeAnswer *list_answer(Harness *harness) {
        return fake_engine_answer(harness->engine, ROUTE_LIST);
}

static void expect_list(Harness *harness, const char *body, const char *line) {
        list_answer(harness)->body = body;
        assert_int_equal(docker_client_list(harness->client), 0);
        harness_expect(harness, line);
}

/* As they come, and only those with a label of ours. */
static void test_list(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        expect_list(harness, "[]\n", "listed 0");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_LIST), "/v1.41/containers/json");
        expect_list(harness, "[" ROW(ID_C, "calico.expose") "," ROW(ID_B, "other") "," ROW(ID_A, "Calico.Expose.x") "]",
                    "listed 2 cccc aaaa");
        expect_list(harness, "[" ROW(ID_B, "calico.expose") "," ROW(ID_A, "calico.expose") ","
                    ROW(ID_B, "calico.expose") "]", "listed 3 bbbb aaaa bbbb");
        expect_list(harness, "[" ROW(ID_A, "other") "]", "listed 0");
}

#define PORT(ip, port, type) "{\"IP\":\"" ip "\",\"PrivatePort\":1,\"PublicPort\":" #port ",\"Type\":\"" type "\"}"
#define PUBLISHED(id, name, label, ports) \
        "{\"Id\":\"" id "\",\"Names\":[\"/" name "\"],\"Created\":1,\"State\":\"running\",\"Labels\":{\"" label \
        "\":\"80\"},\"Ports\":[" ports "]}"

/* What Docker published, for those without a label as well, and with a list that says nothing else. */
static void test_list_published(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        expect_list(harness, "[" PUBLISHED(ID_B, "plain", "other", PORT("0.0.0.0", 81, "tcp") ","
                    PORT("::", 81, "tcp") "," PORT("127.0.0.1", 7000, "udp") "," PORT("127.0.0.1", 7001, "udp")) ","
                    PUBLISHED(ID_A, "web", "calico.expose", PORT("::1", 80, "tcp")) "]", "listed 1 aaaa");
        assert_string_equal(harness->host_ports, "tcp 80 IPv6 ::1 Docker, for container web;"
                            "tcp 81 IPv4 - Docker, for container plain;tcp 81 IPv6 - Docker, for container plain;"
                            "udp 7000 IPv4 127.0.0.1 Docker, for container plain;"
                            "udp 7001 IPv4 127.0.0.1 Docker, for container plain;");
        expect_list(harness, "[" PUBLISHED(ID_B, "plain", "other", PORT("", 81, "tcp") "," PORT("x", 82, "tcp")) "]",
                    "listed 0 truncated");
        assert_string_equal(harness->host_ports, "tcp 81 both - Docker, for container plain;");
        /* Nothing is left of the last list, nor of one that failed. */
        expect_list(harness, "[" PUBLISHED(ID_B, "plain", "other", PORT("", 81, "tcp")) ",",
                    "list failed: the answer is no list of containers");
        expect_list(harness, "[" PUBLISHED(ID_A, "web", "calico.expose", "") "]", "listed 1 aaaa");
        assert_string_equal(harness->host_ports, "");
        /* Not handed out: freed with the client. */
        list_answer(harness)->body = "[" PUBLISHED(ID_B, "plain", "other", PORT("", 81, "tcp")) "]";
        list_answer(harness)->cut = true;
        assert_int_equal(docker_client_list(harness->client), 0);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_LIST) == 5);
}

static void test_list_framings(void **state) {
        const char *body = "[" ROW(ID_A, "calico.expose") "," ROW(ID_B, "calico.expose") "]\n";
        Harness *harness = *state;

        harness_connect(harness);
        list_answer(harness)->chunked = true;
        expect_list(harness, body, "listed 2 aaaa bbbb");
        list_answer(harness)->chunked = false;
        expect_list(harness, body, "listed 2 aaaa bbbb");
        fake_engine_set_piece(harness->engine, 1);
        expect_list(harness, body, "listed 2 aaaa bbbb");
        list_answer(harness)->chunked = true;
        expect_list(harness, body, "listed 2 aaaa bbbb");
        fake_engine_set_piece(harness->engine, 0);
        /* To the end of the connection: whole only with its bracket. */
        list_answer(harness)->raw = "HTTP/1.1 200 OK\r\n\r\n[" ROW(ID_A, "calico.expose") "]";
        expect_list(harness, body, "listed 1 aaaa");
        list_answer(harness)->raw = "HTTP/1.1 200 OK\r\n\r\n[" ROW(ID_A, "calico.expose");
        expect_list(harness, body, "list failed: the answer is no list of containers");
}

/* Half a list is none: what is absent in it is not gone. */
static void test_list_cut_off(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        list_answer(harness)->cut = true;
        for (unsigned chunked = 0; chunked < 2; chunked++) {
                list_answer(harness)->chunked = chunked;
                expect_list(harness, "[" ROW(ID_A, "calico.expose") ",",
                            "list failed: the connection ended before the answer did");
                expect_list(harness, "[" ROW(ID_A, "calico.expose") "]",
                            "list failed: the connection ended before the answer did");
                assert_int_equal(harness->n_broken, 1);
        }
        list_answer(harness)->cut = false;
        expect_list(harness, "[" ROW(ID_A, "calico.expose") ",", "list failed: the answer is no list of containers");
        expect_list(harness, "", "list failed: the answer is no list of containers");
}

static void test_list_garbage(void **state) {
        static const char *const bodies[] = {
                "null", "{}", "{\"message\":\"x\"}", "[1]", "[null]", "x", "[{}]x", "<html>", "[[]]",
        };
        Harness *harness = *state;

        harness_connect(harness);
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++)
                expect_list(harness, bodies[i], "list failed: the answer is no list of containers");
        expect_list(harness, "[]", "listed 0");
        assert_true(docker_client_is_connected(harness->client));
}

/* One broken row does not hide the others, but absent does not mean gone then. */
static void test_list_broken_row(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        expect_list(harness, "[{}," ROW(ID_B, "calico.expose") ",{\"Id\":7}]", "listed 1 bbbb truncated");
        expect_list(harness, "[" ROW("nothing", "calico.expose") "]", "listed 0 truncated");
        expect_list(harness, "[{\"a\":x}," ROW(ID_A, "calico.expose") "]", "listed 1 aaaa truncated");
}

static void test_list_huge_row(void **state) {
        size_t size = OBJECT_SIZE_MAX + 1000;
        char *body = malloc(size + 1000);
        Harness *harness = *state;

        harness_connect(harness);
        strcpy(body, "[" ROW(ID_A, "calico.expose") ",{\"Labels\":{\"x\":\"");
        memset(strchr(body, '\0'), 'x', size);
        body[size] = '\0';
        strcat(body, "\"}}," ROW(ID_C, "calico.expose") "]");
        expect_list(harness, body, "listed 2 aaaa cccc truncated");
        free(body);
}

enum { LONG_LIST = 3000 };

static char *long_list(size_t chunk) {
        static const char row[] = ROW(ID_A, "calico.expose");
        size_t size, body_size;
        char *body, *text;
        FILE *file;

        file = open_memstream(&body, &body_size);
        for (size_t i = 0; i < LONG_LIST; i++)
                fprintf(file, "%c%s", i > 0 ? ',' : '[', row);
        fputs("]", file);
        fclose(file);
        if (chunk == 0)
                return body;
        file = open_memstream(&text, &size);
        fputs("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", file);
        for (size_t at = 0; at < body_size; at += chunk) {
                int part = (int) MIN(chunk, body_size - at);

                fprintf(file, "%x\r\n%.*s\r\n", (unsigned) part, part, body + at);
        }
        fputs("0\r\n\r\n", file);
        fclose(file);
        free(body);
        return text;
}

static void send_event_with_row(Harness *harness) {
        if (harness->n_rows % 1000 == 1)
                fake_engine_send_event(harness->engine, EVENT("die", ID_B));
}

/* However much of the list is there already: its rows come a few at a time. */
static void check_event_is_prompt(Harness *harness, const char *line) {
        if (strncmp(line, "die ", 4) == 0)
                assert_in_range(harness->n_rows % 1000, 2, 3 * HTTP_PIECE_SIZE / strlen(ROW(ID_A, "calico.expose")));
}

static void test_list_lets_others_pass(void **state) {
        static const size_t chunks[] = { 0, 4096, 100000 };
        Harness *harness = *state;

        harness_connect(harness);
        expect_list(harness, "[]", "listed 0"); /* the first one is read in one go */
        harness->row_hook = send_event_with_row;
        harness->hook = check_event_is_prompt;
        for (size_t i = 0; i < ELEMENTSOF(chunks); i++) {
                _cleanup_free_ char *text = long_list(chunks[i]);

                *(chunks[i] == 0 ? &list_answer(harness)->body : &list_answer(harness)->raw) = text;
                assert_int_equal(docker_client_list(harness->client), 0);
                for (size_t k = 0; k < LONG_LIST / 1000; k++)
                        harness_expect(harness, "die bbbb");
                harness_expect_prefix(harness, "listed 3000 ");
                list_answer(harness)->raw = list_answer(harness)->body = NULL;
        }
}

/* With what libcurl has kept for later. */
static void test_list_breaks_off_long(void **state) {
        _cleanup_free_ char *text = long_list(0);
        Harness *harness = *state;

        harness_connect(harness);
        text[strlen(text) - 2] = 'x';
        list_answer(harness)->body = text;
        list_answer(harness)->cut = true;
        assert_int_equal(docker_client_list(harness->client), 0);
        harness_expect(harness, "list failed: the connection ended before the answer did");
        assert_int_equal(harness->n_broken, LONG_LIST - 1);
        list_answer(harness)->cut = false;
        text[LONG_LIST / 2 * (strlen(ROW(ID_A, "calico.expose")) + 1)] = ';';
        expect_list(harness, text, "list failed: the answer is no list of containers");
        assert_int_equal(harness->n_broken, LONG_LIST / 2);
        expect_list(harness, "[]", "listed 0");
}

static void on_first_row(Harness *harness) {
        fake_engine_end_stream(harness->engine, true);
        harness->row_hook = NULL;
}

/* The connection is given up with a list half read. */
static void test_list_disconnected(void **state) {
        _cleanup_free_ char *text = long_list(0);
        Harness *harness = *state;

        harness_connect(harness);
        expect_list(harness, "[]", "listed 0");
        list_answer(harness)->body = text;
        harness->row_hook = on_first_row;
        assert_int_equal(docker_client_list(harness->client), 0);
        harness_expect(harness, "disconnected: the event stream ended");
        harness_expect(harness, "list failed: the event stream ended");
        assert_in_range(harness->n_broken, 1, LONG_LIST / 2);
        harness_expect_prefix(harness, "connected ");
        expect_list(harness, "[]", "listed 0");
}

static void test_list_errors(void **state) {
        Harness *harness = *state;

        harness->times.list = 100000;
        harness_connect(harness);
        list_answer(harness)->status = 500;
        expect_list(harness, "{\"message\":\"one container is broken\"}",
                    "list failed: answered with status 500: one container is broken");
        list_answer(harness)->status = 204;
        expect_list(harness, "", "list failed: answered with status 204: ");
        list_answer(harness)->status = 0;
        expect_list(harness, "", "list failed: the connection ended before the answer did");
        list_answer(harness)->status = 200;
        list_answer(harness)->hang = true;
        expect_list(harness, "[]", "list failed: no answer in time");
        list_answer(harness)->hang = false;
        expect_list(harness, "[]", "listed 0");
        assert_true(docker_client_is_connected(harness->client));
}

/* Asked for while one is under way, any number of times: exactly one more. */
static void test_list_again(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        list_answer(harness)->hang = true;
        list_answer(harness)->body = "[" ROW(ID_A, "calico.expose") "]";
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(docker_client_list(harness->client), 0);
                harness_step(harness);
        }
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_LIST) == 1);
        fake_engine_release(harness->engine, ROUTE_LIST);
        harness_expect(harness, "listed 1 aaaa");
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_LIST) == 1);
        list_answer(harness)->body = "[]";
        fake_engine_release(harness->engine, ROUTE_LIST);
        harness_expect(harness, "listed 0");
        list_answer(harness)->hang = false;
        harness_expect_silence(harness, 50000);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_LIST), 2);
}

static FakeAnswer *inspect_answer(Harness *harness) {
        return fake_engine_answer(harness->engine, ROUTE_INSPECT);
}

static void expect_inspect(Harness *harness, const char *line) {
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        harness_expect(harness, line);
}

static void test_inspect(void **state) {
        Harness *harness = *state;

        harness->times.inspect = 100000;
        harness_connect(harness);
        expect_inspect(harness, "inspected aaaa");
        assert_string_equal(fake_engine_path(harness->engine, ROUTE_INSPECT), "/v1.41/containers/" ID_A "/json");
        inspect_answer(harness)->chunked = true;
        expect_inspect(harness, "inspected aaaa");
        inspect_answer(harness)->cut = true;
        expect_inspect(harness, "inspect aaaa failed: the connection ended before the answer did");
        inspect_answer(harness)->cut = false;
        inspect_answer(harness)->status = 404;
        inspect_answer(harness)->body = "{\"message\":\"No such container: " ID_A "\"}\n";
        expect_inspect(harness, "inspect aaaa gone: answered with status 404: No such container: " ID_A);
        inspect_answer(harness)->status = 500;
        expect_inspect(harness, "inspect aaaa failed: answered with status 500: No such container: " ID_A);
        inspect_answer(harness)->status = 200;
        expect_inspect(harness, "inspect aaaa failed: the answer is no description of it");
        inspect_answer(harness)->body = "";
        expect_inspect(harness, "inspect aaaa failed: the answer is no description of it");
        inspect_answer(harness)->hang = true;
        inspect_answer(harness)->body = NULL;
        expect_inspect(harness, "inspect aaaa failed: no answer in time");
        inspect_answer(harness)->hang = false;
        expect_inspect(harness, "inspected aaaa");
}

/* What is said of another container is not taken for it. */
static void test_inspect_of_another(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        inspect_answer(harness)->body = "{\"Id\":\"" ID_B "\",\"Created\":\"2024-05-06T07:08:09Z\","
                                        "\"State\":{\"Running\":true},\"Config\":{}}";
        expect_inspect(harness, "inspect aaaa failed: the answer is no description of it");
}

static void test_inspect_huge(void **state) {
        char *body = malloc(OBJECT_SIZE_MAX + 2);
        Harness *harness = *state;

        memset(body, ' ', OBJECT_SIZE_MAX + 1);
        body[OBJECT_SIZE_MAX + 1] = '\0';
        harness_connect(harness);
        inspect_answer(harness)->body = body;
        expect_inspect(harness, "inspect aaaa failed: Message too long");
        free(body);
}

static void test_inspect_refused(void **state) {
        Harness *harness = *state;

        harness_start_client(harness);
        assert_int_equal(docker_client_inspect(harness->client, "web"), -EINVAL);
        assert_int_equal(docker_client_inspect(harness->client, "../_ping"), -EINVAL);
        assert_int_equal(docker_client_inspect(harness->client, ""), -EINVAL);
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        assert_int_equal(docker_client_list(harness->client), 0);
        assert_int_equal(harness->n_log, 0); /* from the loop only */
        harness_expect(harness, "inspect aaaa failed: not connected");
}

/* Asked for again while it is under way: only the last answer counts. */
static void test_inspect_again(void **state) {
        Harness *harness = *state;

        harness_connect(harness);
        inspect_answer(harness)->hang = true;
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
                harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_INSPECT) == 1);
        }
        inspect_answer(harness)->status = 404;
        fake_engine_release(harness->engine, ROUTE_INSPECT);
        harness_wait(harness, fake_engine_requests(harness->engine, ROUTE_INSPECT) == 2);
        assert_int_equal(harness->n_log, 1);
        inspect_answer(harness)->status = 200;
        fake_engine_release(harness->engine, ROUTE_INSPECT);
        harness_expect(harness, "inspected aaaa");
        harness_expect_silence(harness, 30000);
}

static void make_id(unsigned number, char id[static CONTAINER_ID_SIZE + 1]) {
        char text[CONTAINER_ID_SIZE + 32];

        snprintf(text, sizeof(text), "%04x%060u", number, number);
        memcpy(id, text, CONTAINER_ID_SIZE);
        id[CONTAINER_ID_SIZE] = '\0';
}

/* Many: never more than the limit at a time, in the order asked for, each once. */
static void test_inspect_many(void **state) {
        enum { MANY = 500 };
        char id[CONTAINER_ID_SIZE + 1], line[64];
        Harness *harness = *state;

        harness_connect(harness);
        inspect_answer(harness)->hang = true;
        for (unsigned i = 0; i < MANY; i++) {
                make_id(0xffff - i, id);
                assert_int_equal(docker_client_inspect(harness->client, id), 0);
                assert_int_equal(docker_client_inspect(harness->client, id), 0);
        }
        harness_wait(harness, fake_engine_hanging(harness->engine, ROUTE_INSPECT) == DOCKER_INSPECTS_MAX);
        for (unsigned i = 0; i < 50; i++)
                harness_step(harness);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_INSPECT), DOCKER_INSPECTS_MAX);
        /* Those under way were asked for twice: they go to the end of the queue. The others come once. */
        inspect_answer(harness)->hang = false;
        for (unsigned i = 0; i < DOCKER_INSPECTS_MAX; i++)
                fake_engine_release(harness->engine, ROUTE_INSPECT);
        harness_wait(harness, harness->n_log == MANY + 1);
        harness->seen = harness->n_log;
        harness_expect_silence(harness, 30000);
        assert_int_equal(fake_engine_requests(harness->engine, ROUTE_INSPECT), MANY + DOCKER_INSPECTS_MAX);
        snprintf(line, sizeof(line), "inspected %04x", 0xffffu - DOCKER_INSPECTS_MAX);
        assert_string_equal(harness->log[1], line);
}

/* A handler that asks again at each failure does not keep the loop for itself. */
static void ask_again(Harness *harness, const char *line) {
        if (strstr(line, "not connected"))
                docker_client_inspect(harness->client, ID_A);
}

static void test_inspect_stubborn(void **state) {
        uint64_t started = harness_now();
        Harness *harness = *state;

        harness_start_client(harness);
        harness->hook = ask_again;
        assert_int_equal(docker_client_inspect(harness->client, ID_A), 0);
        harness_wait(harness, harness->n_log >= 4);
        assert_in_range(harness_now() - started, 200000, 20000000);
        harness_start_engine(harness);
        harness_wait(harness, docker_client_is_connected(harness->client));
}

/* The environment's proxies are not for this. */
static void test_proxy_ignored(void **state) {
        Harness *harness = *state;

        setenv("http_proxy", "http://127.0.0.1:1/", 1);
        setenv("ALL_PROXY", "socks5://127.0.0.1:1/", 1);
        setenv("no_proxy", "", 1);
        harness_connect(harness);
        expect_list(harness, "[]", "listed 0");
        unsetenv("http_proxy");
        unsetenv("ALL_PROXY");
        unsetenv("no_proxy");
}

int main(void) {
#define test(f) cmocka_unit_test_setup_teardown(f, harness_setup, harness_teardown)
        const struct CMUnitTest tests[] = {
                test(test_list),            test(test_list_published),
                test(test_list_framings),   test(test_list_cut_off),
                test(test_list_garbage),    test(test_list_broken_row),    test(test_list_huge_row),
                test(test_list_lets_others_pass), test(test_list_breaks_off_long), test(test_list_disconnected),
                test(test_list_errors),     test(test_list_again),         test(test_inspect),
                test(test_inspect_of_another), test(test_inspect_huge),    test(test_inspect_refused),
                test(test_inspect_again),   test(test_inspect_many),       test(test_inspect_stubborn),
                test(test_proxy_ignored),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
