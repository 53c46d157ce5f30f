/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "daemon/http/buffer.h"
#include "daemon/http/error.h"

#define CONNECT_TIMEOUT_MS 5000L
/* Of the body of an answer that is an error: enough for any message, which is cut again when it is shown. */
#define ERROR_BODY_MAX 4096
/* The host's name means nothing on a unix socket; Go's server only wants one. */
#define URL_BASE "http://localhost"
#define MICROSECONDS_PER_MILLISECOND 1000

typedef TAILQ_HEAD(HttpRequestList, HttpRequest) HttpRequestList;

struct HttpRequest {
        TAILQ_ENTRY(HttpRequest) entry;
        HttpRequestList *list; /* the one of its Http that it is in; NULL while it is in none */
        Http *http;
        CURL *easy;
        struct curl_slist *headers;
        HttpOptions options;
        bool headed;
        int error; /* of the body function */
        TextBuffer error_body;
        HttpResult result;
        char reason[HTTP_REASON_SIZE];
};

struct Http {
        sd_event *event;
        char *socket_path;
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

static void describe_status(HttpRequest *request) {
        char message[HTTP_REASON_SIZE - 32];

        http_error_decode(request->error_body.text ? request->error_body.text : "", request->error_body.size, message,
                            sizeof(message));
        request->result.error = -EREMOTEIO;
        snprintf(request->reason, sizeof(request->reason), "answered with status %u: %s", request->result.status,
                 message);
}

static void describe_connect(HttpRequest *request) {
        long error = 0;

        (void) curl_easy_getinfo(request->easy, CURLINFO_OS_ERRNO, &error);
        request->result.error = error > 0 ? -(int) error : -ECONNREFUSED;
        snprintf(request->reason, sizeof(request->reason), "cannot connect to %s: %s", request->http->socket_path,
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
        default:
                break;
        }
        if (request->error < 0) {
                error = request->error;
                reason = strerror(-error);
        }
        request->result.error = error;
        snprintf(request->reason, sizeof(request->reason), "%s", reason);
}

static void request_finish(HttpRequest *request, CURLcode code) {
        Http *http = request->http;

        request->result = (HttpResult) { .status = request_status(request), .reason = request->reason };
        /* To libcurl, a header that is cut off is a whole one without a body. */
        if (code == CURLE_OK && request->result.status == 200 && !request->headed)
                code = CURLE_GOT_NOTHING;
        if (code == CURLE_COULDNT_CONNECT)
                describe_connect(request);
        else if (code != CURLE_OK)
                describe_failure(request, code);
        else if (request->result.status != 200)
                describe_status(request);
        request_move(request, &http->finished);
        (void) sd_event_source_set_enabled(http->completion, SD_EVENT_ONESHOT);
}

/* Nothing of ours is touched after done(): it may have freed all of it. */
static int on_completion(_unused_ sd_event_source *source, void *userdata) {
        Http *http = userdata;
        HttpRequest *request = TAILQ_FIRST(&http->finished);

        if (!request)
                return 0;
        request_move(request, NULL);
        if (!TAILQ_EMPTY(&http->finished))
                (void) sd_event_source_set_enabled(http->completion, SD_EVENT_ONESHOT);
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
        uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
        sd_event_source *source = socket_data;
        Http *http = userdata;

        if (what == CURL_POLL_REMOVE) {
                (void) sd_event_source_disable_unref(source);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
        if (sd_event_add_io(http->event, &source, fd, events, on_socket_ready, http) < 0)
                return -1;
        if (curl_multi_assign(http->multi, fd, source) != CURLM_OK) {
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

        r = sd_event_add_time(http->event, &http->timer, CLOCK_MONOTONIC, 0, MICROSECONDS_PER_MILLISECOND, on_time,
                              http);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(http->event, &http->completion, on_completion, http);
        if (r >= 0)
                r = sd_event_source_set_enabled(http->completion, SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

int http_new(sd_event *event, const char *socket_path, Http **ret) {
        _cleanup_(http_freep) Http *http = NULL;
        int r;

        if (strlen(socket_path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        http = calloc(1, sizeof(*http));
        if (!http)
                return -ENOMEM;
        TAILQ_INIT(&http->active);
        TAILQ_INIT(&http->finished);
        http->event = sd_event_ref(event);
        http->socket_path = strdup(socket_path);
        http->multi = curl_multi_init();
        if (!http->socket_path || !http->multi)
                return -ENOMEM;
        r = http_add_sources(http);
        if (r < 0)
                return r;
        if (curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) != CURLM_OK ||
            curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http) != CURLM_OK)
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
        free(http);
        return NULL;
}

/* Requests. */

static size_t on_header(char *data, _unused_ size_t one, size_t size, void *userdata) {
        HttpRequest *request = userdata;

        /* The empty line ends a header; of an interim answer (1xx) too, and behind the body come trailers. */
        if (size <= 2 && (*data == '\r' || *data == '\n') && !request->headed && request_status(request) == 200) {
                request->headed = true;
                if (request->options.head)
                        request->options.head(request->options.userdata);
        }
        return size;
}

static size_t on_body(char *data, _unused_ size_t one, size_t size, void *userdata) {
        HttpRequest *request = userdata;
        int r;

        if (request_status(request) == 200)
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

static char *make_url(const HttpOptions *options) {
        char *url = NULL, *filters = NULL;
        int r;

        if (options->filters) {
                filters = curl_easy_escape(NULL, options->filters, 0);
                if (!filters)
                        return NULL;
        }
        r = asprintf(&url, URL_BASE "%s%s%s", options->path,
                     !filters ? "" : strchr(options->path, '?') ? "&filters=" : "?filters=", filters ? filters : "");
        curl_free(filters);
        return r < 0 ? NULL : url;
}

/* Any of these fails for want of memory only. */
static bool set_options(HttpRequest *request, const char *url) {
        CURL *easy = request->easy;
        long timeout = (long) (request->options.timeout / MICROSECONDS_PER_MILLISECOND);
        long fresh = request->options.fresh;

        return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->http->socket_path) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
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

int http_get(Http *http, const HttpOptions *options, HttpRequest **ret) {
        _cleanup_(http_request_freep) HttpRequest *request = calloc(1, sizeof(*request));
        _cleanup_free_ char *url = make_url(options);

        if (!request || !url)
                return -ENOMEM;
        request->http = http;
        request->options = *options;
        request->options.path = request->options.filters = NULL;
        request->easy = curl_easy_init();
        /* Docker 29 would also know other framings of the stream. */
        request->headers = curl_slist_append(NULL, "Accept: application/json");
        if (!request->easy || !request->headers || !set_options(request, url))
                return -ENOMEM;
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
