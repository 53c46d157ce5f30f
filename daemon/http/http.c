/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/text.h"
#include "daemon/http/buffer.h"
#include "daemon/http/error.h"

#define CONNECT_TIMEOUT_MS 5000L
/* Of the body of an answer that is an error: enough for any message, which is cut again when it is shown. */
#define ERROR_BODY_MAX 4096
/* The host's name means nothing on a unix socket; Go's server only wants one. */
#define UNIX_BASE "http://localhost"
/* A peer that vanished without a word is noticed within a minute, on an idle connection too. */
#define KEEPALIVE_IDLE_SECONDS 30L
#define KEEPALIVE_INTERVAL_SECONDS 10L
#define MICROSECONDS_PER_MILLISECOND 1000

typedef TAILQ_HEAD(HttpRequestList, HttpRequest) HttpRequestList;

struct HttpRequest {
        TAILQ_ENTRY(HttpRequest) entry;
        HttpRequestList *list; /* the one of its Http that it is in; NULL while it is in none */
        Http *http;
        CURL *easy;
        struct curl_slist *headers;
        HttpOptions options;
        sd_event_source *resume; /* where its Http has a priority: takes the body's next piece */
        size_t taken;            /* of the piece */
        bool headed;
        int error;        /* of the body function */
        int socket_error; /* errno, where no socket could be made */
        TextBuffer error_body;
        HttpResult result;
        char reason[HTTP_REASON_SIZE];
        char detail[CURL_ERROR_SIZE]; /* libcurl's own words */
};

struct Http {
        sd_event *event;
        char *socket_path; /* or NULL */
        char *base;        /* what each URL begins with */
        char *ca_file, *cert_file, *key_file, *user, *password;
        int64_t priority;
        CURLM *multi;
        sd_event_source *timer;
        sd_event_source *completion; /* hands out what is finished, one a time */
        HttpRequestList active;
        HttpRequestList finished;
};

static void request_move(HttpRequest *request, HttpRequestList *list) {
        if (request->list)
                TAILQ_REMOVE(request->list, request, entry);
        if (list)
                TAILQ_INSERT_TAIL(list, request, entry);
        request->list = list;
}

static unsigned request_status(HttpRequest *request) {
        long status = 0;

        if (curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status < 0)
                return 0;
        return (unsigned) status;
}

/* Results. */

static bool is_success(unsigned status) {
        return status == 200 || status == 201;
}

static void describe_status(HttpRequest *request) {
        char message[HTTP_REASON_SIZE - 32];

        http_error_decode(request->error_body.text ? request->error_body.text : "", request->error_body.size, message,
                            sizeof(message));
        request->result.error = -EREMOTEIO;
        snprintf(request->reason, sizeof(request->reason), "answered with status %u: %s", request->result.status,
                 message);
}

static void describe_connect(HttpRequest *request) {
        const char *path = request->http->socket_path;
        long error = request->socket_error;

        if (error == 0)
                (void) curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &error);
        request->result.error = error > 0 ? -(int) error : -ECONNREFUSED;
        snprintf(request->reason, sizeof(request->reason), "cannot connect%s%s: %s", path ? " to " : "", path ?: "",
                 strerror(-request->result.error));
}

static void describe_failure(HttpRequest *request, CURLcode code) {
        const char *reason = curl_easy_strerror(code);
        int error = -EPROTO;

        switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
                error = -ETIMEDOUT;
                reason = "no answer in time";
                break;
        case CURLE_OUT_OF_MEMORY:
                error = -ENOMEM;
                break;
        case CURLE_GOT_NOTHING:
        case CURLE_PARTIAL_FILE:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
                error = -ECONNRESET;
                reason = "the connection ended before the answer did";
                break;
        case CURLE_COULDNT_RESOLVE_HOST:
                error = -EHOSTUNREACH;
                break;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CACERT_BADFILE:
                error = -EPERM;
                if (*request->detail)
                        reason = request->detail;
                break;
        default:
                break;
        }
        if (request->error < 0) {
                error = request->error;
                reason = strerror(-error);
        }
        request->result.error = error;
        text_escape(reason, strlen(reason), request->reason, sizeof(request->reason));
}

static void http_complete_soon(Http *http) {
        int r = sd_event_source_set_enabled(http->completion, SD_EVENT_ONESHOT);

        if (r < 0) /* the request would never end */
                (void) sd_event_exit(http->event, r);
}

static void request_finish(HttpRequest *request, CURLcode code) {
        Http *http = request->http;

        request->resume = sd_event_source_disable_unref(request->resume);
        request->result = (HttpResult) { .status = request_status(request), .reason = request->reason };
        /* To libcurl, a header that is cut off is a whole one without a body. */
        if (code == CURLE_OK && is_success(request->result.status) && !request->headed)
                code = CURLE_GOT_NOTHING;
        if (code == CURLE_COULDNT_CONNECT)
                describe_connect(request);
        else if (code != CURLE_OK)
                describe_failure(request, code);
        else if (!is_success(request->result.status))
                describe_status(request);
        request_move(request, &http->finished);
        http_complete_soon(http);
}

/* Nothing of ours is touched after done(): it may have freed all of it. */
static int on_completion(_unused_ sd_event_source *source, void *userdata) {
        Http *http = userdata;
        HttpRequest *request = TAILQ_FIRST(&http->finished);

        if (!request)
                return 0;
        request_move(request, NULL);
        if (!TAILQ_EMPTY(&http->finished))
                http_complete_soon(http);
        request->options.done(request->options.userdata, &request->result);
        return 0;
}

/* libcurl and the loop. */

static void multi_run(Http *http, curl_socket_t fd, int events) {
        int n;

        if (curl_multi_socket_action(http->multi, fd, events, &n) != CURLM_OK) {
                /* One of the callbacks below found no memory: the multi handle is of no use any more. */
                while (!TAILQ_EMPTY(&http->active))
                        request_finish(TAILQ_FIRST(&http->active), CURLE_OUT_OF_MEMORY);
                return;
        }
        for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &n));) {
                HttpRequest *request = NULL;

                if (message->msg == CURLMSG_DONE &&
                    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &request) == CURLE_OK && request)
                        request_finish(request, message->data.result);
        }
}

static int on_socket_ready(_unused_ sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int events = 0;

        /* After an error or the peer's end, reading (or writing) tells what it was. */
        if (revents & (EPOLLIN | EPOLLERR | EPOLLHUP))
                events |= CURL_CSELECT_IN;
        if (revents & (EPOLLOUT | EPOLLERR | EPOLLHUP))
                events |= CURL_CSELECT_OUT;
        multi_run(userdata, fd, events);
        return 0;
}

static int on_time(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        multi_run(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

/* CURLMOPT_SOCKETFUNCTION: socket_data is the socket's event source. */
static int on_socket_wanted(_unused_ CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data) {
        uint32_t events = ((what & CURL_POLL_IN) ? EPOLLIN : 0) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);
        sd_event_source *source = socket_data;
        Http *http = userdata;

        if (what == CURL_POLL_REMOVE) {
                (void) sd_event_source_disable_unref(source);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) >= 0 ? 0 : -1;
        if (sd_event_add_io(http->event, &source, fd, events, on_socket_ready, http) < 0)
                return -1;
        if (sd_event_source_set_priority(source, http->priority) < 0 ||
            curl_multi_assign(http->multi, fd, source) != CURLM_OK) {
                (void) sd_event_source_disable_unref(source);
                return -1;
        }
        return 0;
}

/* CURLMOPT_TIMERFUNCTION. */
static int on_timer_wanted(_unused_ CURLM *multi, long milliseconds, void *userdata) {
        Http *http = userdata;

        if (milliseconds < 0)
                return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(http->timer, (uint64_t) milliseconds * MICROSECONDS_PER_MILLISECOND) < 0)
                return -1;
        return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static int http_add_sources(Http *http) {
        int r;

        /* Exact: each request begins with a time limit of 0 milliseconds. */
        r = sd_event_add_time(http->event, &http->timer, CLOCK_MONOTONIC, 0, 1, on_time, http);
        if (r >= 0)
                r = sd_event_source_set_priority(http->timer, http->priority);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(http->event, &http->completion, on_completion, http);
        if (r >= 0)
                r = sd_event_source_set_priority(http->completion, http->priority);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->completion, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static bool copy_text(const char *text, char **ret) {
        *ret = text ? strdup(text) : NULL;
        return !text || *ret;
}

static bool copy_peer(Http *http, const HttpPeer *peer) {
        return copy_text(peer->socket_path, &http->socket_path) &&
               copy_text(peer->socket_path ? UNIX_BASE : peer->url, &http->base) &&
               copy_text(peer->ca_file, &http->ca_file) && copy_text(peer->cert_file, &http->cert_file) &&
               copy_text(peer->key_file, &http->key_file) && copy_text(peer->user, &http->user) &&
               copy_text(peer->password, &http->password);
}

int http_new(sd_event *event, const HttpPeer *peer, Http **ret) {
        _cleanup_(http_freep) Http *http = NULL;
        int r;

        if (peer->socket_path && strlen(peer->socket_path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        http = calloc(1, sizeof(*http));
        if (!http)
                return -ENOMEM;
        TAILQ_INIT(&http->active);
        TAILQ_INIT(&http->finished);
        http->event = sd_event_ref(event);
        http->priority = peer->priority;
        http->multi = curl_multi_init();
        if (!http->multi || !copy_peer(http, peer))
                return -ENOMEM;
        r = http_add_sources(http);
        if (r < 0)
                return r;
        if (curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long) peer->connections) != CURLM_OK)
                return -ENOMEM;
        *ret = TAKE_PTR(http);
        return 0;
}

Http *http_free(Http *http) {
        if (!http)
                return NULL;
        /* Closes the connections, which gives back their event sources. */
        (void) curl_multi_cleanup(http->multi);
        sd_event_source_disable_unref(http->timer);
        sd_event_source_disable_unref(http->completion);
        sd_event_unref(http->event);
        free(http->socket_path);
        free(http->base);
        free(http->ca_file);
        free(http->cert_file);
        free(http->key_file);
        free(http->user);
        free(http->password);
        free(http);
        return NULL;
}

/* Requests. */

static size_t on_header(char *data, _unused_ size_t one, size_t size, void *userdata) {
        HttpRequest *request = userdata;

        /* The empty line ends a header; of an interim answer (1xx) too, and behind the body come trailers. */
        if (size <= 2 && (*data == '\r' || *data == '\n') && !request->headed &&
            is_success(request_status(request))) {
                request->headed = true;
                if (request->options.head)
                        request->options.head(request->options.userdata);
        }
        return size;
}

/* As long as there is something to be read, libcurl reads: a hundred buffers in one go. (And 8.14's timer goes off all
 * the time while a body pauses: so it must not have a better priority than what ends the pause.) */
static bool request_pauses(HttpRequest *request) {
        return request->resume && request->taken >= HTTP_PIECE_SIZE &&
               sd_event_source_set_enabled(request->resume, SD_EVENT_ONESHOT) >= 0;
}

static size_t on_body(char *data, _unused_ size_t one, size_t size, void *userdata) {
        HttpRequest *request = userdata;
        int r;

        if (request_pauses(request))
                return CURL_WRITEFUNC_PAUSE; /* libcurl keeps what it has here */
        request->taken += size;
        if (is_success(request_status(request)))
                r = request->options.body ? request->options.body(request->options.userdata, data, size) : 0;
        else {
                size_t room = ERROR_BODY_MAX - request->error_body.size;

                r = text_buffer_append(&request->error_body, data, MIN(size, room), ERROR_BODY_MAX);
        }
        if (r < 0) {
                request->error = r;
                return CURL_WRITEFUNC_ERROR;
        }
        return size;
}

/* What libcurl kept is handed over in here; it reads on when its timer says so. */
static int on_resume(_unused_ sd_event_source *source, void *userdata) {
        HttpRequest *request = userdata;
        CURLcode code;

        request->taken = 0;
        code = curl_easy_pause(request->easy, CURLPAUSE_CONT);
        if (code == CURLE_OK)
                return 0;
        (void) curl_multi_remove_handle(request->http->multi, request->easy);
        request_finish(request, code);
        return 0;
}

static bool request_may_pause(HttpRequest *request) {
        if (request->http->priority == 0 || request->options.in_one_go)
                return true;
        return sd_event_add_defer(request->http->event, &request->resume, on_resume, request) >= 0 &&
               sd_event_source_set_priority(request->resume, request->http->priority) >= 0 &&
               sd_event_source_set_enabled(request->resume, SD_EVENT_OFF) >= 0;
}

static char *make_url(const char *base, const HttpOptions *options) {
        char *url = NULL, *filters = NULL;
        int r;

        if (options->filters) {
                filters = curl_easy_escape(NULL, options->filters, 0);
                if (!filters)
                        return NULL;
        }
        r = asprintf(&url, "%s%s%s%s", base, options->path,
                     !filters ? "" : strchr(options->path, '?') ? "&filters=" : "?filters=", filters ? filters : "");
        curl_free(filters);
        return r < 0 ? NULL : url;
}

/* Any of these fails for want of memory only. */
static bool set_peer(CURL *easy, const Http *http) {
        if (http->socket_path)
                return curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, http->socket_path) == CURLE_OK;
        /* Where an authority is named, it alone is believed: not the system's beside it. */
        return (!http->ca_file || (curl_easy_setopt(easy, CURLOPT_CAINFO, http->ca_file) == CURLE_OK &&
                                   curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
               (!http->cert_file || curl_easy_setopt(easy, CURLOPT_SSLCERT, http->cert_file) == CURLE_OK) &&
               (!http->key_file || curl_easy_setopt(easy, CURLOPT_SSLKEY, http->key_file) == CURLE_OK) &&
               (!http->user || (curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC) == CURLE_OK &&
                                curl_easy_setopt(easy, CURLOPT_USERNAME, http->user) == CURLE_OK &&
                                curl_easy_setopt(easy, CURLOPT_PASSWORD, http->password ?: "") == CURLE_OK)) &&
               curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS) == CURLE_OK;
}

/* libcurl closes a socket whose connect() failed before it says that it wants no more of it. Then only its last
 * descriptor takes it out of the loop: none may live on in a child. */
static curl_socket_t open_socket(void *userdata, _unused_ curlsocktype purpose, struct curl_sockaddr *address) {
        HttpRequest *request = userdata;
        int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

        request->socket_error = fd < 0 ? errno : 0; /* libcurl says only that it cannot connect */
        return fd;
}

static bool set_method(CURL *easy, const HttpOptions *options) {
        return (!options->form || curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, options->form) == CURLE_OK) &&
               (!options->method || curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options->method) == CURLE_OK);
}

static bool set_options(HttpRequest *request, const char *url) {
        CURL *easy = request->easy;
        long timeout = (long) (request->options.timeout / MICROSECONDS_PER_MILLISECOND);
        long fresh = request->options.fresh;

        return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, request) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->detail) == CURLE_OK &&
               set_peer(easy, request->http) && set_method(easy, &request->options) &&
               curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1) == CURLE_OK &&
               /* Whatever the environment says of proxies. */
               curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_USERAGENT, "calico-exposed") == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HTTPHEADER, request->headers) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, fresh) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, fresh) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_HEADERDATA, request) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK;
}

/* Nobody is to wait for a "100 Continue" before a large body, and Docker 29 would also know other framings of the
 * stream. */
static struct curl_slist *make_headers(void) {
        struct curl_slist *headers = curl_slist_append(NULL, "Accept: application/json");
        struct curl_slist *all = headers ? curl_slist_append(headers, "Expect:") : NULL;

        if (!all)
                curl_slist_free_all(headers);
        return all;
}

int http_send(Http *http, const HttpOptions *options, HttpRequest **ret) {
        _cleanup_(http_request_freep) HttpRequest *request = calloc(1, sizeof(*request));
        _cleanup_free_ char *url = make_url(http->base, options);

        if (!request || !url)
                return -ENOMEM;
        request->http = http;
        request->options = *options;
        request->easy = curl_easy_init();
        request->headers = make_headers();
        if (!request->easy || !request->headers || !set_options(request, url) || !request_may_pause(request))
                return -ENOMEM;
        /* libcurl has copies. */
        request->options.method = request->options.path = request->options.form = request->options.filters = NULL;
        request_move(request, &http->active);
        if (curl_multi_add_handle(http->multi, request->easy) != CURLM_OK)
                return -ENOMEM;
        *ret = TAKE_PTR(request);
        return 0;
}

HttpRequest *http_request_free(HttpRequest *request) {
        if (!request)
                return NULL;
        request_move(request, NULL);
        sd_event_source_disable_unref(request->resume);
        if (request->easy) {
                (void) curl_multi_remove_handle(request->http->multi, request->easy);
                curl_easy_cleanup(request->easy);
        }
        curl_slist_free_all(request->headers);
        text_buffer_done(&request->error_body);
        free(request);
        return NULL;
}

const char *http_request_header(HttpRequest *request, const char *name) {
        struct curl_header *header;

        if (curl_easy_header(request->easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
                return NULL;
        return header->value;
}

const char *http_request_error_body(const HttpRequest *request, size_t *ret_size) {
        *ret_size = request->error_body.size;
        return request->error_body.text ?: "";
}
