/* SPDX-License-Identifier: GPL-2.0-or-later */

/* etcd.h against a real etcd: answers, races, endpoints that fail, TLS and passwords. */

#include "tests/etcd/harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/calico/etcd.h"

/* The last answer, copied. */
typedef struct Answer {
        bool done;
        EtcdOutcome outcome;
        uint64_t index, node_index;
        char *key, *value, *previous;
        char reason[512];
        EtcdRequest *request;
} Answer;

static const EtcdCondition absent = { ETCD_IF_ABSENT, 0 };

static EtcdClient *make_client(Cluster *cluster, const char *const *endpoints, size_t n_endpoints) {
        EtcdClient *client = NULL;

        assert_int_equal(etcd_client_new(cluster->event,
                                         &(EtcdOptions) { .endpoints = endpoints, .n_endpoints = n_endpoints },
                                                 &client),
                         0);
        return client;
}

static EtcdClient *connect_to(Cluster *cluster) {
        const char *url = cluster->server.url;

        return make_client(cluster, &url, 1);
}

static char *copy(const char *text) {
        return text ? strdup(text) : NULL;
}

static void answer_done(Answer *answer) {
        etcd_request_free(answer->request);
        free(answer->key);
        free(answer->value);
        free(answer->previous);
        *answer = (Answer) {};
}

static void on_answer(void *userdata, const EtcdAnswer *given) {
        Answer *answer = userdata;

        assert_false(answer->done);
        answer->done = true;
        answer->outcome = given->outcome;
        answer->index = given->index;
        answer->node_index = given->node.index;
        answer->key = copy(given->node.key);
        answer->value = copy(given->node.value);
        answer->previous = copy(given->previous.value);
        snprintf(answer->reason, sizeof(answer->reason), "%s", given->reason);
        answer->request = etcd_request_free(answer->request);
}

static void get(Cluster *cluster, EtcdClient *client, const char *key, Answer *answer) {
        answer_done(answer);
        assert_int_equal(etcd_get(client, key, on_answer, answer, &answer->request), 0);
        cluster_wait(cluster, answer->done);
}

static EtcdOutcome put(Cluster *cluster, EtcdClient *client, const char *key, const char *value,
        EtcdCondition condition,
                       Answer *answer) {
        answer_done(answer);
        assert_int_equal(etcd_put(client, key, value, &condition, on_answer, answer, &answer->request), 0);
        cluster_wait(cluster, answer->done);
        return answer->outcome;
}

static EtcdOutcome delete(Cluster *cluster, EtcdClient *client, const char *key, const EtcdCondition *condition,
                          Answer *answer) {
        answer_done(answer);
        assert_int_equal(etcd_delete(client, key, condition, on_answer, answer, &answer->request), 0);
        cluster_wait(cluster, answer->done);
        return answer->outcome;
}

static EtcdCondition index_is(uint64_t index) {
        return (EtcdCondition) { ETCD_IF_INDEX_IS, index };
}

static void test_values(void **state) {
        static const char odd[] = "{\"a\": \"\xc3\xa4 \\u0000 & + % ? # =\", \"n\": 1e400}\n";
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answer = {};
        EtcdCondition old;
        char *text;

        get(cluster, client, "/a/b", &answer);
        assert_int_equal(answer.outcome, ETCD_MISSING);
        assert_true(answer.index > 0);
        assert_null(answer.key);
        assert_int_equal(put(cluster, client, "/a/b", odd, absent, &answer), ETCD_OK);
        text = api_get(&cluster->server, "/a/b", NULL);
        assert_string_equal(text, odd);
        free(text);
        get(cluster, client, "/a/b", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_string_equal(answer.key, "/a/b");
        assert_string_equal(answer.value, odd);
        assert_string_equal(answer.reason, "");
        old = index_is(answer.node_index);

        assert_int_equal(put(cluster, client, "/a/b", "2", absent, &answer), ETCD_CONFLICT);
        assert_string_equal(answer.reason, "answered with status 412: Key already exists");
        assert_int_equal(put(cluster, client, "/a/b", "2", old, &answer), ETCD_OK);
        assert_string_equal(answer.previous, odd);
        assert_int_equal(put(cluster, client, "/a/b", "3", old, &answer), ETCD_CONFLICT);
        assert_int_equal(put(cluster, client, "/a/c", "3", old, &answer), ETCD_MISSING);
        assert_int_equal(delete(cluster, client, "/a/b", &old, &answer), ETCD_CONFLICT);
        assert_int_equal(delete(cluster, client, "/a", NULL, &answer), ETCD_REFUSED);
        assert_string_equal(answer.reason, "answered with status 403: Directory not empty");
        get(cluster, client, "/a/b", &answer);
        old = index_is(answer.node_index);
        assert_int_equal(delete(cluster, client, "/a/b", &old, &answer), ETCD_OK);
        assert_int_equal(delete(cluster, client, "/a/b", &old, &answer), ETCD_MISSING);
        get(cluster, client, "/a", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_null(answer.value);
        assert_int_equal(delete(cluster, client, "/a", NULL, &answer), ETCD_OK);
        answer_done(&answer);
        etcd_client_free(client);
}

static void test_keys(void **state) {
        static const char *const bad[] = { "a", "/", "/a/", "//a", "/a/../b", "/./a", "/a b", "/a?x", "/a%2fb",
                "/\xc3\xa4" };
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answer = {};

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(etcd_get(client, bad[i], on_answer, &answer, &answer.request), -EINVAL);
        etcd_client_free(client);
}

/* A value of 1 MiB, all of it escapes in the answer. */
static void test_large_value(void **state) {
        size_t size = 1 << 20;
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        char *large = malloc(size + 1);
        Answer answer = {};

        memset(large, '\x01', size);
        large[size / 2] = '"';
        large[size] = '\0';
        assert_int_equal(put(cluster, client, "/large", large, absent, &answer), ETCD_OK);
        get(cluster, client, "/large", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_string_equal(answer.value, large);
        free(large);
        answer_done(&answer);
        etcd_client_free(client);
}

/* Many at once on one key: each index is written over once. */
static void test_race(void **state) {
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answers[50] = {}, first = {};
        EtcdCondition condition;
        unsigned won = 0;

        assert_int_equal(put(cluster, client, "/key", "0", absent, &first), ETCD_OK);
        condition = index_is(first.node_index);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                assert_int_equal(etcd_put(client, "/key", "1", &condition, on_answer, &answers[i],
                        &answers[i].request), 0);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                cluster_wait(cluster, answers[i].done);
                won += answers[i].outcome == ETCD_OK;
                assert_true(answers[i].outcome == ETCD_OK || answers[i].outcome == ETCD_CONFLICT);
                answer_done(&answers[i]);
        }
        assert_int_equal(won, 1);
        answer_done(&first);
        etcd_client_free(client);
}

static void test_watch(void **state) {
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answer = {}, watch = {};
        uint64_t first;

        assert_int_equal(put(cluster, client, "/w/a", "1", absent, &answer), ETCD_OK);
        first = answer.node_index;
        assert_int_equal(put(cluster, client, "/w/a", "2", index_is(first), &answer), ETCD_OK);
        /* From the history, at once. */
        assert_int_equal(etcd_watch(client, "/w", true, first + 1, on_answer, &watch, &watch.request), 0);
        cluster_wait(cluster, watch.done);
        assert_string_equal(watch.value, "2");
        assert_string_equal(watch.previous, "1");
        assert_int_equal(watch.node_index, answer.node_index);
        answer_done(&watch);
        /* And when it comes. */
        assert_int_equal(etcd_watch(client, "/w", true, answer.node_index + 1, on_answer, &watch, &watch.request), 0);
        get(cluster, client, "/w/a", &answer);
        assert_false(watch.done);
        assert_true(api_delete(&cluster->server, "/w"));
        cluster_wait(cluster, watch.done);
        assert_int_equal(watch.outcome, ETCD_OK);
        assert_string_equal(watch.key, "/w");
        assert_null(watch.value);
        answer_done(&watch);
        /* A key's own watch hears of its directory's end. */
        assert_int_equal(etcd_watch(client, "/w/a", false, answer.node_index + 1, on_answer, &watch, &watch.request),
                0);
        cluster_wait(cluster, watch.done);
        assert_null(watch.value);
        answer_done(&watch);
        answer_done(&answer);
        etcd_client_free(client);
}

static void test_index_cleared(void **state) {
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer watch = {};

        for (unsigned i = 0; i < 1100; i++)
                api_put(&cluster->server, "/busy", "x");
        assert_int_equal(etcd_watch(client, "/w", true, 5, on_answer, &watch, &watch.request), 0);
        cluster_wait(cluster, watch.done);
        assert_int_equal(watch.outcome, ETCD_CLEARED);
        assert_non_null(strstr(watch.reason, "The event in requested index is outdated and cleared"));
        answer_done(&watch);
        /* A store that counts from 1 again: such a watch would wait for ever. */
        assert_int_equal(etcd_watch(client, "/w", true, 1000000, on_answer, &watch, &watch.request), 0);
        cluster_wait(cluster, watch.done);
        assert_int_equal(watch.outcome, ETCD_CLEARED);
        assert_string_equal(watch.reason, "the datastore has gone back in time");
        answer_done(&watch);
        etcd_client_free(client);
}

typedef struct Collected {
        unsigned n, restarts;
        uint64_t sum;
} Collected;

static Collected collected;

static int on_node(_unused_ void *userdata, const EtcdNode *node) {
        if (!node->value)
                return 0;
        collected.n++;
        collected.sum += strtoul(node->value, NULL, 10);
        return 0;
}

static void on_restart(_unused_ void *userdata) {
        collected = (Collected) { .restarts = collected.restarts + 1 };
}

static void get_tree(Cluster *cluster, EtcdClient *client, const char *key, Answer *answer) {
        answer_done(answer);
        collected = (Collected) {};
        assert_int_equal(etcd_get_tree(client, key, on_node, on_restart, on_answer, answer, &answer->request), 0);
        cluster_wait(cluster, answer->done);
}

static void test_tree(void **state) {
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answer = {};

        get_tree(cluster, client, "/t", &answer);
        assert_int_equal(answer.outcome, ETCD_MISSING);
        for (unsigned i = 1; i <= 300; i++) {
                char key[64], value[64];

                snprintf(key, sizeof(key), "/t/%u/%u/%u", i % 3, i % 7, i);
                snprintf(value, sizeof(value), "%u {\"a\": [\"}\\\\\"]}", i);
                api_put(&cluster->server, key, value);
        }
        get_tree(cluster, client, "/t", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_int_equal(collected.n, 300);
        assert_int_equal(collected.sum, 300 * 301 / 2);
        get_tree(cluster, client, "/t/0/0/21", &answer);
        assert_int_equal(collected.n, 1);
        answer_done(&answer);
        etcd_client_free(client);
}

/* Endpoints that fail. */

static int listen_on(uint16_t port) {
        struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &here, sizeof(here)), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

/* The next request to that port gets this answer, from another process. */
static pid_t answer_once(int fd, const char *text) {
        pid_t pid = fork();

        if (pid == 0) {
                char buffer[4096];
                int connection = accept(fd, NULL, NULL);

                if (read(connection, buffer, sizeof(buffer)) > 0)
                        (void) !write(connection, text, strlen(text));
                _exit(0);
        }
        assert_true(pid > 0);
        return pid;
}

static void test_dead_endpoint(void **state) {
        Cluster *cluster = *state;
        const char *urls[] = { "http://127.0.0.1:4999", cluster->server.url };
        EtcdClient *client = make_client(cluster, urls, 2);
        Answer answer = {};
        uint64_t start;

        assert_int_equal(put(cluster, client, "/a", "1", absent, &answer), ETCD_OK);
        get_tree(cluster, client, "/a", &answer);
        assert_int_equal(collected.n, 1);
        server_kill(&cluster->server, SIGKILL);
        start = now_usec();
        get(cluster, client, "/a", &answer);
        assert_int_equal(answer.outcome, ETCD_UNAVAILABLE);
        assert_non_null(strstr(answer.reason, "http://127.0.0.1:4"));
        assert_true(now_usec() - start < 5000000);
        answer_done(&answer);
        etcd_client_free(client);
}

/* One that takes the connection, and never says a word. */
static void test_hung_endpoint(void **state) {
        _cleanup_close_ _unused_ int fd = listen_on(4999);
        Cluster *cluster = *state;
        const char *urls[] = { "http://127.0.0.1:4999", cluster->server.url };
        EtcdClient *client = make_client(cluster, urls, 2);
        Answer answer = {}, watch = {};

        api_put(&cluster->server, "/a", "1");
        assert_int_equal(etcd_watch(client, "/a", true, 1, on_answer, &watch, &watch.request), 0);
        get(cluster, client, "/a", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        cluster_wait(cluster, watch.done);
        assert_int_equal(watch.outcome, ETCD_OK);
        answer_done(&watch);
        answer_done(&answer);
        etcd_client_free(client);
}

/* One that begins to answer, and never comes to the end. */
static void test_stalled_endpoint(void **state) {
        static const char begun[] = "HTTP/1.1 200 OK\r\nX-Etcd-Index: 7\r\nContent-Length: 500\r\n\r\n{\"action\":\"get\",";
        _cleanup_close_ int fd = listen_on(4999);
        Cluster *cluster = *state;
        const char *urls[] = { "http://127.0.0.1:4999", cluster->server.url };
        EtcdClient *client = make_client(cluster, urls, 2);
        Answer answer = {};
        pid_t pid = fork();

        if (pid == 0) {
                char buffer[4096];
                int connection = accept(fd, NULL, NULL);

                if (read(connection, buffer, sizeof(buffer)) > 0)
                        (void) !write(connection, begun, strlen(begun));
                while (read(connection, buffer, sizeof(buffer)) > 0) /* until it is given up */
                        ;
                _exit(0);
        }
        assert_true(pid > 0);
        api_put(&cluster->server, "/a", "1");
        get(cluster, client, "/a", &answer);
        assert_int_equal(answer.outcome, ETCD_OK);
        assert_string_equal(answer.value, "1");
        answer_done(&answer);
        etcd_client_free(client);
        server_reap(pid);
}

/* Others that answer there; a redirect is not followed, for the password would go with it. */
static void test_other_answers(void **state) {
        static const struct {
                const char *answer, *reason;
        } cases[] = {
                { "SSH-2.0-OpenSSH_9.2\r\n", NULL },
                { "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "what answers is not etcd's v2 API" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "what answers is not etcd's v2 API" },
                { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"node\":",
                        "the connection ended before the answer did" },
                { "HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n",
                  "what answers is not etcd's v2 API" },
                { "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:4001/v2/keys/a\r\nContent-Length: 0\r\n\r\n",
                  "answered with status 307: " },
                { "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "answered with status 503: " },
                { "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 63\r\n\r\n"
                  "{\"errorCode\":300,\"message\":\"Raft Internal Error\",\"cause\":\"x\"}    ",
                  "answered with status 500: Raft Internal Error" },
        };
        _cleanup_close_ _unused_ int fd = listen_on(4999);
        Cluster *cluster = *state;
        const char *const alone = "http://127.0.0.1:4999", *urls[] = { alone, cluster->server.url };

        api_put(&cluster->server, "/a", "1");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                for (size_t n = 1; n <= 2; n++) {
                        EtcdClient *client = make_client(cluster, n == 1 ? &alone : urls, n);
                        pid_t pid = answer_once(fd, cases[i].answer);
                        Answer answer = {};

                        get(cluster, client, "/a", &answer);
                        assert_int_equal(answer.outcome, n == 1 ? ETCD_UNAVAILABLE : ETCD_OK);
                        if (n == 1 && cases[i].reason) {
                                assert_ptr_equal(strstr(answer.reason, alone), answer.reason);
                                assert_string_equal(answer.reason + strlen(alone) + 2, cases[i].reason);
                        }
                        server_reap(pid);
                        answer_done(&answer);
                        etcd_client_free(client);
                }
}

/* TLS and passwords. */

static int tls_setup(void **state) {
        Cluster *cluster = calloc(1, sizeof(*cluster));

        assert_true(sd_event_new(&cluster->event) >= 0);
        server_start(&cluster->server, 4001, true);
        *state = cluster;
        return 0;
}

static const char *in_directory(const Cluster *cluster, const char *name, char buffer[static 128]) {
        snprintf(buffer, 128, "%s/%s", cluster->server.directory, name);
        return buffer;
}

static EtcdClient *make_tls_client(Cluster *cluster, const char *ca_name, bool with_certificate) {
        char ca[128], certificate[128], key[128];
        const char *url = cluster->server.url;
        EtcdClient *client = NULL;

        assert_int_equal(etcd_client_new(cluster->event,
                                         &(EtcdOptions) {
                                                 .endpoints = &url,
                                                 .n_endpoints = 1,
                                                 .ca_file = ca_name ? in_directory(cluster, ca_name, ca) : NULL,
                                                 .cert_file = with_certificate
                                                                      ? in_directory(cluster, "client.pem", certificate)
                                                                      : NULL,
                                                 .key_file = with_certificate
                                                                     ? in_directory(cluster, "client-key.pem", key)
                                                                     : NULL,
                                         },
                                         &client),
                         0);
        return client;
}

static void test_tls(void **state) {
        static const struct {
                const char *ca;
                bool certificate;
                const char *reason; /* NULL: it works */
        } cases[] = {
                { "ca.pem", true, NULL },
                { "other-ca.pem", true, "SSL certificate problem" },
                { NULL, true, "SSL certificate problem" },
                { "absent.pem", true, "absent.pem" },
                { "ca.pem", false, "" },
        };
        Cluster *cluster = *state;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                EtcdClient *client = make_tls_client(cluster, cases[i].ca, cases[i].certificate);
                Answer answer = {};

                get(cluster, client, "/ready", &answer);
                assert_int_equal(answer.outcome, cases[i].reason ? ETCD_UNAVAILABLE : ETCD_OK);
                if (cases[i].reason && !strstr(answer.reason, cases[i].reason))
                        fail_msg("%zu: %s", i, answer.reason);
                answer_done(&answer);
                etcd_client_free(client);
        }
}

static void admin(Cluster *cluster, const char *path, const char *json) {
        Reply reply = api_admin(&cluster->server, "root:root", "PUT", path, json);

        if (reply.status != 200 && reply.status != 201)
                fail_msg("%s: %ld %s", path, reply.status, reply.body);
        reply_done(&reply);
}

static void test_password(void **state) {
        static const struct {
                const char *user, *password;
                EtcdOutcome outcome;
        } cases[] = {
                { "calico", "s:e cret\xc3\xa4", ETCD_OK },
                { "calico", "wrong", ETCD_REFUSED },
                { "nobody", "x", ETCD_REFUSED },
                { NULL, NULL, ETCD_REFUSED },
        };
        Cluster *cluster = *state;

        admin(cluster, "/v2/auth/users/root", "{\"user\":\"root\",\"password\":\"root\"}");
        admin(cluster, "/v2/auth/roles/calico",
              "{\"role\":\"calico\",\"permissions\":{\"kv\":{\"read\":[\"/*\"],\"write\":[\"/calico/*\"]}}}");
        admin(cluster, "/v2/auth/users/calico",
              "{\"user\":\"calico\",\"password\":\"s:e cret\xc3\xa4\",\"roles\":[\"calico\"]}");
        admin(cluster, "/v2/auth/enable", NULL);
        /* Whom it does not know may do all, at first. */
        admin(cluster, "/v2/auth/roles/guest",
              "{\"role\":\"guest\",\"revoke\":{\"kv\":{\"read\":[\"/*\"],\"write\":[\"/*\"]}}}");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *url = cluster->server.url;
                EtcdClient *client = NULL;
                Answer answer = {};

                assert_int_equal(etcd_client_new(cluster->event,
                                                 &(EtcdOptions) { .endpoints = &url, .n_endpoints = 1,
                                                                  .user = cases[i].user,
                                                                  .password = cases[i].password },
                                                 &client),
                                 0);
                get(cluster, client, "/ready", &answer);
                if (answer.outcome != cases[i].outcome)
                        fail_msg("%zu: %d %s", i, (int) answer.outcome, answer.reason);
                assert_int_equal(put(cluster, client, "/calico/x", "1", absent, &answer), cases[i].outcome);
                /* What it may not write is refused, and said to be. */
                assert_int_equal(put(cluster, client, "/elsewhere", "1", absent, &answer), ETCD_REFUSED);
                if (!strstr(answer.reason, "answered with status 401: "))
                        fail_msg("%zu: %s", i, answer.reason);
                answer_done(&answer);
                etcd_client_free(client);
        }
}

/* More than have a turn at once, a watch behind them: all are answered, those that are freed meanwhile aside. */
static void test_many_at_once(void **state) {
        enum { COUNT = 100 };
        Cluster *cluster = *state;
        EtcdClient *client = connect_to(cluster);
        Answer answers[COUNT] = {}, watched = {};
        size_t done = 0;

        api_put(&cluster->server, "/a", "one");
        for (size_t i = 0; i < COUNT; i++)
                assert_int_equal(etcd_get(client, i % 2 ? "/a" : "/b", on_answer, &answers[i], &answers[i].request), 0);
        assert_int_equal(etcd_watch(client, "/a", false, 1, on_answer, &watched, &watched.request), 0);
        for (size_t i = 0; i < COUNT; i += 5)
                answer_done(&answers[i]);
        for (size_t i = 0; i < COUNT; i++) {
                if (i % 5 == 0)
                        continue;
                cluster_wait(cluster, answers[i].done);
                assert_int_equal(answers[i].outcome, i % 2 ? ETCD_OK : ETCD_MISSING);
                done++;
        }
        assert_int_equal(done, COUNT - COUNT / 5);
        cluster_wait(cluster, watched.done);
        assert_int_equal(watched.outcome, ETCD_OK);
        for (size_t i = 0; i < COUNT; i++) {
                assert_int_equal(answers[i].done, i % 5 != 0);
                answer_done(&answers[i]);
        }
        answer_done(&watched);
        etcd_client_free(client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_values),
                TEST(test_keys),
                TEST(test_large_value),
                TEST(test_race),
                TEST(test_many_at_once),
                TEST(test_watch),
                TEST(test_index_cleared),
                TEST(test_tree),
                TEST(test_dead_endpoint),
                TEST(test_hung_endpoint),
                TEST(test_stalled_endpoint),
                TEST(test_other_answers),
                cmocka_unit_test_setup_teardown(test_tls, tls_setup, cluster_teardown),
                TEST(test_password),
        };

        return cmocka_run_group_tests_name("client", tests, cluster_enter, NULL);
}
