/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/etcd.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/calico/etcd-node.h"
#include "daemon/calico/record.h"

#define SECONDS UINT64_C(1000000)
#define REQUEST_TIMEOUT (5 * SECONDS)
#define TREE_TIMEOUT (60 * SECONDS)
#define WATCH_TIMEOUT (60 * SECONDS)
/* A watch's header comes at once, however long its body takes. */
#define HEAD_TIMEOUT (5 * SECONDS)
#define CONNECTIONS_MAX 16
/* Requests at the same time, beyond which they wait here: libcurl looks at all that wait for a connection whenever one
 * gets free, and their time limits run meanwhile. Watches, which are few, find a connection beside them. */
#define RUNNING_MAX 12

/* "errorCode" in etcd's answers (etcd/error/error.go). */
enum {
        CODE_KEY_NOT_FOUND = 100,
        CODE_COMPARE_FAILED = 101,
        CODE_EXISTS = 105,
        CODE_RAFT = 300, /* and above: the server's own trouble, */
        CODE_INDEX_CLEARED = 401,
};

typedef TAILQ_HEAD(EtcdRequestList, EtcdRequest) EtcdRequestList;

typedef struct EtcdPeer {
        char *url;
        Http *http;
} EtcdPeer;

struct EtcdClient {
        sd_event *event;
        EtcdPeer *peers;
        size_t n_peers;
        size_t current; /* that answered last */
        EtcdRequestList waiting;
        size_t n_running;
        sd_event_source *turn; /* deferred: those that wait have their turn */
};

struct EtcdRequest {
        TAILQ_ENTRY(EtcdRequest) entry;
        bool waiting, running; /* a watch does neither */
        EtcdClient *client;
        HttpRequest *http; /* the attempt */
        size_t peer;
        size_t attempts;
        const char *method;
        char *path;
        char *form;
        uint64_t timeout;

        uint64_t wait_index;        /* of a watch; else 0 */
        sd_event_source *head_timer; /* of a watch: until its header is there, and then once more, to look at it */
        bool headed;

        TextBuffer body;
        NodeSplitter splitter;
        int (*node)(void *userdata, const EtcdNode *node); /* of a tree; else NULL */
        void (*restart)(void *userdata);
        EtcdHandler done;
        void *userdata;
        char reason[HTTP_REASON_SIZE * 2];
};

/* The client. */

static int on_turn(sd_event_source *source, void *userdata);

int etcd_client_new(sd_event *event, const EtcdOptions *options, EtcdClient **ret) {
        _cleanup_(etcd_client_freep) EtcdClient *client = calloc(1, sizeof(*client));
        int r;

        if (!client)
                return -ENOMEM;
        client->event = sd_event_ref(event);
        TAILQ_INIT(&client->waiting);
        r = sd_event_add_defer(event, &client->turn, on_turn, client);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->turn, SD_EVENT_OFF);
        if (r < 0)
                return r;
        client->peers = calloc(options->n_endpoints, sizeof(*client->peers));
        if (!client->peers)
                return -ENOMEM;
        for (; client->n_peers < options->n_endpoints; client->n_peers++) {
                EtcdPeer *peer = &client->peers[client->n_peers];

                r = http_new(event,
                             &(HttpPeer) {
                                     .url = options->endpoints[client->n_peers],
                                     .ca_file = options->ca_file,
                                     .cert_file = options->cert_file,
                                     .key_file = options->key_file,
                                     .user = options->user,
                                     .password = options->password,
                                     .connections = CONNECTIONS_MAX,
                             },
                             &peer->http);
                if (r < 0)
                        return r;
                peer->url = strdup(options->endpoints[client->n_peers]);
                if (!peer->url) {
                        peer->http = http_free(peer->http);
                        return -ENOMEM;
                }
        }
        *ret = TAKE_PTR(client);
        return 0;
}

EtcdClient *etcd_client_free(EtcdClient *client) {
        if (!client)
                return NULL;
        for (size_t i = 0; i < client->n_peers; i++) {
                http_free(client->peers[i].http);
                free(client->peers[i].url);
        }
        free(client->peers);
        sd_event_source_disable_unref(client->turn);
        sd_event_unref(client->event);
        free(client);
        return NULL;
}

/* Answers. */

/* It neither waits nor runs any more. */
static void leave(EtcdRequest *request) {
        EtcdClient *client = request->client;

        if (request->waiting)
                TAILQ_REMOVE(&client->waiting, request, entry);
        client->n_running -= request->running;
        request->waiting = request->running = false;
        if (!TAILQ_EMPTY(&client->waiting))
                (void) sd_event_source_set_enabled(client->turn, SD_EVENT_ONESHOT);
}

static void finish(EtcdRequest *request, EtcdAnswer *answer) {
        request->http = http_request_free(request->http);
        (void) sd_event_source_set_enabled(request->head_timer, SD_EVENT_OFF);
        leave(request);
        answer->reason = answer->outcome == ETCD_OK ? "" : request->reason;
        request->done(request->userdata, answer);
}

static void finish_with(EtcdRequest *request, EtcdOutcome outcome, uint64_t index) {
        finish(request, &(EtcdAnswer) { .outcome = outcome, .index = index });
}

static uint64_t get_store_index(EtcdRequest *request) {
        const char *text = http_request_header(request->http, "X-Etcd-Index");

        return text ? strtoull(text, NULL, 10) : 0;
}

static int send_request(EtcdRequest *request);

/* This endpoint did not do; the next one may. */
static void fail_over(EtcdRequest *request, const char *reason) {
        EtcdClient *client = request->client;
        char copy[HTTP_REASON_SIZE];
        int r;

        snprintf(copy, sizeof(copy), "%s", reason); /* the attempt owns it */
        request->http = http_request_free(request->http);
        snprintf(request->reason, sizeof(request->reason), "%s: %s", client->peers[request->peer].url, copy);
        if (client->current == request->peer)
                client->current = (request->peer + 1) % client->n_peers;
        request->attempts++;
        if (request->attempts == client->n_peers) {
                finish_with(request, ETCD_UNAVAILABLE, 0);
                return;
        }
        request->peer = (request->peer + 1) % client->n_peers;
        if (request->node) {
                node_splitter_done(&request->splitter);
                request->restart(request->userdata);
        }
        r = send_request(request);
        if (r < 0) {
                snprintf(request->reason, sizeof(request->reason), "%s", strerror(-r));
                finish_with(request, ETCD_UNAVAILABLE, 0);
        }
}

static void decode_answer(EtcdRequest *request) {
        EtcdAnswer answer = { .index = get_store_index(request) };
        _cleanup_(json_freep) cJSON *json = NULL;
        const cJSON *previous;
        int r;

        /* The server's own limit for a watch has passed. */
        if (request->wait_index > 0 && request->body.size == 0) {
                finish_with(request, ETCD_IDLE, answer.index);
                return;
        }
        r = request->body.size == 0 ? -EBADMSG : json_parse(request->body.text, request->body.size, &json);
        if (r >= 0)
                r = etcd_node_decode(json_member(json, "node"), &answer.node);
        previous = json_member(json, "prevNode");
        if (r >= 0 && previous)
                r = etcd_node_decode(previous, &answer.previous);
        if (r < 0)
                fail_over(request, r == -ENOMEM ? strerror(-r) : "what answers is not etcd's v2 API");
        else
                finish(request, &answer);
}

static void take_error(EtcdRequest *request, const HttpResult *result) {
        size_t size;
        const char *body = http_request_error_body(request->http, &size);
        unsigned code = etcd_error_code(body, size);
        uint64_t index = get_store_index(request);

        if (result->status >= 500 || result->status < 400 || (code >= CODE_RAFT && code < CODE_INDEX_CLEARED)) {
                fail_over(request, result->reason);
                return;
        }
        /* A proxy's or another server's "404 page not found", or etcd without --enable-v2. */
        if (code == 0 && result->status != 401 && result->status != 403) {
                fail_over(request, "what answers is not etcd's v2 API");
                return;
        }
        snprintf(request->reason, sizeof(request->reason), "%s", result->reason);
        switch (code) {
        case CODE_KEY_NOT_FOUND:
                finish_with(request, ETCD_MISSING, index);
                break;
        case CODE_COMPARE_FAILED:
        case CODE_EXISTS:
                finish_with(request, ETCD_CONFLICT, index);
                break;
        case CODE_INDEX_CLEARED:
                finish_with(request, ETCD_CLEARED, index);
                break;
        default:
                finish_with(request, ETCD_REFUSED, index);
        }
}

static void on_done(void *userdata, const HttpResult *result) {
        EtcdRequest *request = userdata;

        if (result->status > 0)
                request->client->current = request->peer;
        if (result->error == 0 && request->node) {
                if (node_splitter_is_complete(&request->splitter))
                        finish_with(request, ETCD_OK, get_store_index(request));
                else
                        fail_over(request, "what answers is not etcd's v2 API");
        } else if (result->error == 0)
                decode_answer(request);
        else if (result->error == -EREMOTEIO)
                take_error(request, result);
        else if (result->error == -ETIMEDOUT && request->headed && request->wait_index > 0)
                finish_with(request, ETCD_IDLE, get_store_index(request));
        else if (result->error == -EMSGSIZE) {
                snprintf(request->reason, sizeof(request->reason), "the answer is too large");
                finish_with(request, ETCD_REFUSED, 0);
        } else
                fail_over(request, result->reason);
}

static int on_node(void *userdata, const char *text, size_t size) {
        _cleanup_(json_freep) cJSON *json = NULL;
        EtcdRequest *request = userdata;
        EtcdNode node;
        int r;

        r = json_parse(text, size, &json);
        if (r >= 0)
                r = etcd_node_decode(json, &node);
        return r < 0 ? r : request->node(request->userdata, &node);
}

static int on_body(void *userdata, const char *data, size_t size) {
        EtcdRequest *request = userdata;

        if (request->node)
                return node_splitter_feed(&request->splitter, data, size, on_node, request);
        return text_buffer_append(&request->body, data, size, ETCD_VALUE_MAX);
}

/* A watch's header. */

static void on_head(void *userdata) {
        EtcdRequest *request = userdata;

        request->headed = true;
        if (request->head_timer) {
                (void) sd_event_source_set_time_relative(request->head_timer, 0);
                (void) sd_event_source_set_enabled(request->head_timer, SD_EVENT_ONESHOT);
        }
}

static int on_head_timer(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        EtcdRequest *request = userdata;
        uint64_t index;

        if (!request->headed) {
                fail_over(request, "no answer in time");
                return 0;
        }
        /* A store that was made anew counts from 1 again: such a watch would wait for ever. */
        index = get_store_index(request);
        if (index > 0 && index + 1 < request->wait_index) {
                snprintf(request->reason, sizeof(request->reason), "the datastore has gone back in time");
                finish_with(request, ETCD_CLEARED, index);
        }
        return 0;
}

static int start_head_timer(EtcdRequest *request) {
        int r;

        if (request->wait_index == 0)
                return 0;
        if (request->head_timer)
                r = sd_event_source_set_time_relative(request->head_timer, HEAD_TIMEOUT);
        else
                r = sd_event_add_time_relative(request->client->event, &request->head_timer, CLOCK_MONOTONIC,
                                               HEAD_TIMEOUT, 0, on_head_timer, request);
        return r < 0 ? r : sd_event_source_set_enabled(request->head_timer, SD_EVENT_ONESHOT);
}

/* Requests. */

static int send_request(EtcdRequest *request) {
        int r;

        request->headed = false;
        text_buffer_clear(&request->body);
        r = start_head_timer(request);
        if (r < 0)
                return r;
        return http_send(request->client->peers[request->peer].http,
                         &(HttpOptions) {
                                 .method = request->method,
                                 .path = request->path,
                                 .form = request->form,
                                 .timeout = request->timeout,
                                 .fresh = request->wait_index > 0,
                                 .head = on_head,
                                 .body = on_body,
                                 .done = on_done,
                                 .userdata = request,
                         },
                         &request->http);
}

static bool key_is_valid(const char *key) {
        while (*key == '/') {
                char name[CALICO_NAME_MAX + 1];
                size_t size = strcspn(++key, "/");

                if (size >= sizeof(name))
                        return false;
                memcpy(name, key, size);
                name[size] = '\0';
                if (!calico_name_is_valid(name))
                        return false;
                key += size;
        }
        return *key == '\0';
}

/* The query in printf()'s manner. */
static int request_new(EtcdClient *client, const char *method, const char *key, EtcdHandler done, void *userdata,
                       EtcdRequest **ret, const char *query, ...) _printf_(7, 8);

static int request_new(EtcdClient *client, const char *method, const char *key, EtcdHandler done, void *userdata,
                       EtcdRequest **ret, const char *query, ...) {
        _cleanup_(etcd_request_freep) EtcdRequest *request = calloc(1, sizeof(*request));
        char parameters[96];
        va_list arguments;

        if (!request)
                return -ENOMEM;
        *request = (EtcdRequest) {
                .client = client,
                .method = method,
                .timeout = REQUEST_TIMEOUT,
                .done = done,
                .userdata = userdata,
        };
        if (!key_is_valid(key))
                return -EINVAL;
        va_start(arguments, query);
        vsnprintf(parameters, sizeof(parameters), query, arguments);
        va_end(arguments);
        if (asprintf(&request->path, "/v2/keys%s?%s", key, parameters) < 0) {
                request->path = NULL;
                return -ENOMEM;
        }
        *ret = TAKE_PTR(request);
        return 0;
}

static int start(EtcdRequest *request) {
        request->peer = request->client->current;
        request->running = request->wait_index == 0;
        request->client->n_running += request->running;
        return send_request(request);
}

static int on_turn(_unused_ sd_event_source *source, void *userdata) {
        EtcdClient *client = userdata;

        for (EtcdRequest *request; client->n_running < RUNNING_MAX && (request = TAILQ_FIRST(&client->waiting));) {
                int r;

                TAILQ_REMOVE(&client->waiting, request, entry);
                request->waiting = false;
                r = start(request);
                if (r < 0) {
                        snprintf(request->reason, sizeof(request->reason), "%s", strerror(-r));
                        finish_with(request, ETCD_UNAVAILABLE, 0);
                        return 0; /* the client may be gone; else it has its turn again */
                }
        }
        return 0;
}

/* Takes the request over. */
static int request_send(EtcdRequest *request, EtcdRequest **ret) {
        EtcdClient *client = request->client;
        int r = 0;

        request->waiting = request->wait_index == 0 && client->n_running >= RUNNING_MAX;
        if (request->waiting)
                TAILQ_INSERT_TAIL(&client->waiting, request, entry);
        else
                r = start(request);
        if (r < 0)
                etcd_request_free(request);
        else
                *ret = request;
        return r;
}

int etcd_get(EtcdClient *client, const char *key, EtcdHandler done, void *userdata, EtcdRequest **ret) {
        EtcdRequest *request;
        int r = request_new(client, NULL, key, done, userdata, &request, "quorum=true");

        return r < 0 ? r : request_send(request, ret);
}

int etcd_get_tree(EtcdClient *client, const char *key, int (*node)(void *userdata, const EtcdNode *node),
                  void (*restart)(void *userdata), EtcdHandler done, void *userdata, EtcdRequest **ret) {
        EtcdRequest *request;
        int r = request_new(client, NULL, key, done, userdata, &request, "recursive=true&quorum=true");

        if (r < 0)
                return r;
        request->node = node;
        request->restart = restart;
        request->timeout = TREE_TIMEOUT;
        return request_send(request, ret);
}

static int request_new_write(EtcdClient *client, const char *method, const char *key, const EtcdCondition *condition,
                             EtcdHandler done, void *userdata, EtcdRequest **ret) {
        if (condition->kind == ETCD_IF_ABSENT)
                return request_new(client, method, key, done, userdata, ret, "prevExist=false");
        return request_new(client, method, key, done, userdata, ret, "prevIndex=%" PRIu64, condition->index);
}

int etcd_put(EtcdClient *client, const char *key, const char *value, const EtcdCondition *condition, EtcdHandler done,
             void *userdata, EtcdRequest **ret) {
        char *escaped = curl_easy_escape(NULL, value, 0);
        EtcdRequest *request;
        int r;

        if (!escaped)
                return -ENOMEM;
        r = request_new_write(client, "PUT", key, condition, done, userdata, &request);
        if (r >= 0 && asprintf(&request->form, "value=%s", escaped) < 0) {
                request->form = NULL;
                etcd_request_free(request);
                r = -ENOMEM;
        }
        curl_free(escaped);
        return r < 0 ? r : request_send(request, ret);
}

int etcd_delete(EtcdClient *client, const char *key, const EtcdCondition *condition, EtcdHandler done, void *userdata,
                EtcdRequest **ret) {
        EtcdRequest *request;
        int r;

        if (condition)
                r = request_new_write(client, "DELETE", key, condition, done, userdata, &request);
        else
                r = request_new(client, "DELETE", key, done, userdata, &request, "dir=true");
        return r < 0 ? r : request_send(request, ret);
}

int etcd_watch(EtcdClient *client, const char *key, bool recursive, uint64_t index, EtcdHandler done, void *userdata,
               EtcdRequest **ret) {
        EtcdRequest *request;
        int r = request_new(client, NULL, key, done, userdata, &request, "wait=true%s&waitIndex=%" PRIu64,
                            recursive ? "&recursive=true" : "", index);

        if (r < 0)
                return r;
        request->wait_index = index;
        request->timeout = WATCH_TIMEOUT;
        return request_send(request, ret);
}

EtcdRequest *etcd_request_free(EtcdRequest *request) {
        if (!request)
                return NULL;
        http_request_free(request->http);
        leave(request);
        sd_event_source_disable_unref(request->head_timer);
        text_buffer_done(&request->body);
        node_splitter_done(&request->splitter);
        free(request->path);
        free(request->form);
        free(request);
        return NULL;
}
