/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>
#include <time.h>

#include "common/clock.h"
#include "daemon/docker/client-times.h"
#include "daemon/docker/decode.h"
#include "daemon/docker/engine.h"
#include "daemon/docker/inspector.h"
#include "daemon/docker/lister.h"
#include "daemon/docker/socket-watch.h"
#include "daemon/http/backoff.h"

#define MILLISECONDS UINT64_C(1000)
#define SECONDS (1000 * MILLISECONDS)
#define NANOSECONDS_PER_SECOND INT64_C(1000000000)

/* The header of the answer to GET /events leaves the engine before the subscription exists: what happens in between is
 * replayed. Wide, for the engine's `since` counts in whole seconds, and lists follow anyway. */
#define SINCE_SECONDS 5
#define PROBES_MAX 2

static const DockerTimes default_times = {
        .ping = 10 * SECONDS,
        .subscribe = 10 * SECONDS,
        .list = 60 * SECONDS,
        .inspect = 30 * SECONDS,
        .probe_interval = 30 * SECONDS,
        .probe_again = 1 * SECONDS,
        .backoff_minimum = 100 * MILLISECONDS,
        .backoff_maximum = 30 * SECONDS,
        .gap = 100 * MILLISECONDS,
        .settle = 5 * MILLISECONDS,
        .stable = 10 * SECONDS,
        .replay = 10 * SECONDS,
};

/* What DockerEventAction can say, and no more. Podman's names are not among them: it gets no filters. */
#define EVENT_FILTERS                                                                                             \
        "{\"type\":[\"container\",\"network\"],"                                                                  \
        "\"event\":[\"start\",\"die\",\"pause\",\"unpause\",\"rename\",\"health_status\",\"destroy\",\"connect\"," \
        "\"disconnect\"]}"

/* Without it Podman lists no paused containers, as Docker does. It knows no state "restarting", and refuses it. */
#define PODMAN_LIST_FILTERS "{\"status\":[\"running\",\"paused\"]}"

/* How to subscribe, from the best to the last resort: an engine may refuse a filter, or the version that it named. */
static const struct Subscription {
        bool filters;
        bool versioned;
} subscriptions[] = {
        { .filters = true, .versioned = true },
        { .filters = false, .versioned = true },
        { .filters = true, .versioned = false },
        { .filters = false, .versioned = false },
};

typedef enum ClientPhase {
        PHASE_WAITING,     /* for the timer, or the socket to appear */
        PHASE_PINGING,     /* GET /_ping is under way */
        PHASE_SUBSCRIBING, /* GET /events is, without an answer yet */
        PHASE_CONNECTED,
} ClientPhase;

struct DockerClient {
        sd_event *event;
        char *socket_path;
        DockerLink link;
        ClientPhase phase;
        sd_event_source *timer; /* the attempt, the limit for subscribing, or the next probe, by phase */

        /* While there is an Http. */
        HttpRequest *ping; /* of the attempt, or a probe */
        HttpRequest *stream;
        LineSplitter lines;
        Engine engine;
        size_t subscription;
        int64_t subscribed; /* nanoseconds since the epoch */
        unsigned probes_failed;

        uint64_t connected; /* CLOCK_MONOTONIC, microseconds */
        uint64_t attempted;
        uint64_t due; /* the next attempt, in PHASE_WAITING */
        Backoff backoff;
        SocketWatch *watch; /* while not connected */
        bool appeared;      /* the socket did, while an attempt was under way */
        char reason[HTTP_REASON_SIZE + 64]; /* that the handlers were told last; "" when connected since */

        Lister lister;
        Inspector inspector;
};

static uint64_t monotonic(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static int64_t realtime(void) {
        struct timespec now = {};

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

static uint32_t random_number(void) {
        uint32_t number;

        if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
                number = (uint32_t) realtime(); /* early at boot: only the spread of the attempts hangs on it */
        return number;
}

static void set_timer(DockerClient *client, uint64_t delay) {
        int r;

        r = sd_event_source_set_time_relative(client->timer, delay);
        if (r >= 0)
                r = sd_event_source_set_enabled(client->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                (void) sd_event_exit(client->event, r); /* without it nothing would ever go on */
}

/* Losing the connection, and waiting for the next. */

static void on_socket_appeared(void *userdata);

static void schedule_attempt(DockerClient *client, uint64_t delay) {
        client->due = monotonic() + delay;
        set_timer(client, delay);
}

static void drop_connection(DockerClient *client) {
        client->ping = http_request_free(client->ping);
        client->stream = http_request_free(client->stream);
        line_splitter_done(&client->lines);
        client->lines = (LineSplitter) {};
        client->probes_failed = 0;
}

/* The attempt failed, or the connection is lost: all that hangs on it is told and cleared, and the next attempt set. */
static void give_up(DockerClient *client, const char *cause) {
        char reason[sizeof(client->reason)];
        uint64_t delay;

        /* Before the request is freed that the cause may be from. */
        snprintf(reason, sizeof(reason), "%s", cause);
        if (client->appeared ||
            (client->phase == PHASE_CONNECTED && monotonic() - client->connected >= client->link.times.stable))
                backoff_reset(&client->backoff);
        client->appeared = false;
        client->phase = PHASE_WAITING;
        delay = backoff_next(&client->backoff, random_number());
        schedule_attempt(client, delay);

        if (strcmp(reason, client->reason) != 0) {
                strcpy(client->reason, reason);
                notices_disconnected(client->link.notices, reason, delay);
        }
        inspector_fail(&client->inspector, reason);
        lister_fail(&client->lister, reason);
        drop_connection(client);
        client->link.http = http_free(client->link.http);
        client->link.list_http = http_free(client->link.list_http);
        /* Without it, the timer has to do. */
        if (!client->watch)
                (void) socket_watch_new(client->event, client->socket_path, on_socket_appeared, client, &client->watch);
}

/* A time limit has passed already: an engine that is starting (its socket is there, systemd's or its own, before it
 * answers) is not made to wait longer. */
static void give_up_after_limit(DockerClient *client, const char *cause) {
        backoff_reset(&client->backoff);
        give_up(client, cause);
}

static void on_socket_appeared(void *userdata) {
        DockerClient *client = userdata;
        uint64_t now = monotonic(), due;

        if (client->phase != PHASE_WAITING) {
                client->appeared = true;
                return;
        }
        backoff_reset(&client->backoff);
        due = MAX(now + client->link.times.settle, client->attempted + client->link.times.gap);
        /* Only ever earlier: a file that changes all the time must not put it off for ever. */
        if (due < client->due)
                schedule_attempt(client, due - now);
}

/* The probe: a peer that hangs, or is gone without a word, is found by it alone. */

static void on_probed(void *userdata, const HttpResult *result) {
        DockerClient *client = userdata;
        char reason[HTTP_REASON_SIZE + 64];

        /* Any answer is a sign of life. */
        client->probes_failed = result->status > 0 ? 0 : client->probes_failed + 1;
        if (client->probes_failed >= PROBES_MAX) {
                snprintf(reason, sizeof(reason), "the engine does not answer: %s", result->reason);
                give_up(client, reason);
                return;
        }
        client->ping = http_request_free(client->ping);
        set_timer(client, client->probes_failed > 0 ? client->link.times.probe_again
                                                    : client->link.times.probe_interval);
}

static int get_ping(DockerClient *client, void (*done)(void *userdata, const HttpResult *result)) {
        return http_send(client->link.http,
                         &(HttpOptions) {
                                 .path = "/_ping",
                                 .timeout = client->link.times.ping,
                                 .fresh = true,
                                 .done = done,
                                 .userdata = client,
                         },
                         &client->ping);
}

/* The stream. */

static bool is_replayed(const DockerClient *client, const DockerEvent *event) {
        /* Only for a while: when the clock is set back later, what is new looks old. */
        return event->time > 0 && event->time < client->subscribed &&
               monotonic() - client->connected < client->link.times.replay;
}

static int on_line(void *userdata, const char *text, size_t size) {
        DockerClient *client = userdata;
        char *network = NULL;
        DockerEvent event;
        int r;

        if (!text) {
                notices_events_lost(client->link.notices, "an event is too long");
                return 0;
        }
        r = docker_event_decode(text, size, &event, &network);
        if (r == -EBADMSG) {
                notices_events_lost(client->link.notices, "an event cannot be read");
                return 0;
        }
        if (r <= 0)
                return r;
        event.replayed = is_replayed(client, &event);
        notices_event(client->link.notices, &event, network);
        return 0;
}

static int on_stream_body(void *userdata, const char *data, size_t size) {
        DockerClient *client = userdata;

        return line_splitter_feed(&client->lines, data, size, on_line, client);
}

static void on_stream_head(void *userdata) {
        DockerClient *client = userdata;

        client->phase = PHASE_CONNECTED;
        client->connected = monotonic();
        client->reason[0] = '\0';
        client->appeared = false;
        client->watch = socket_watch_free(client->watch);
        set_timer(client, client->link.times.probe_interval);
        notices_connected(client->link.notices, client->engine.version, client->engine.api);
}

static int subscribe(DockerClient *client);

/* Refused: the next way to ask. False if none is left. */
static bool subscribe_otherwise(DockerClient *client) {
        client->stream = http_request_free(client->stream);
        while (++client->subscription < ELEMENTSOF(subscriptions))
                if (!client->engine.is_podman || !subscriptions[client->subscription].filters)
                        return subscribe(client) >= 0;
        return false;
}

static void on_stream_done(void *userdata, const HttpResult *result) {
        DockerClient *client = userdata;
        char reason[HTTP_REASON_SIZE];

        snprintf(reason, sizeof(reason), "%s", result->reason);
        if (client->phase == PHASE_CONNECTED) {
                /* 20.10 ends without the last chunk when it is stopped, 29 with it: both are an end. */
                if (result->error == 0 || result->error == -ECONNRESET)
                        give_up(client, "the event stream ended");
                else
                        give_up(client, reason);
        } else if (result->error != -EREMOTEIO || !subscribe_otherwise(client))
                give_up(client, reason);
}

static int subscribe(DockerClient *client) {
        const struct Subscription *subscription = &subscriptions[client->subscription];
        char path[sizeof(client->link.prefix) + 64];
        int r;

        if (subscription->versioned)
                snprintf(client->link.prefix, sizeof(client->link.prefix), "/v%s", client->engine.api);
        else
                client->link.prefix[0] = '\0';
        client->subscribed = realtime();
        snprintf(path, sizeof(path), "%s/events?since=%" PRId64, client->link.prefix,
                 client->subscribed / NANOSECONDS_PER_SECOND - SINCE_SECONDS);
        r = http_send(client->link.http,
                      &(HttpOptions) {
                              .path = path,
                              .filters = subscription->filters ? EVENT_FILTERS : NULL,
                              .fresh = true,
                              .head = on_stream_head,
                              .body = on_stream_body,
                              .done = on_stream_done,
                              .userdata = client,
                      },
                      &client->stream);
        if (r < 0)
                return r;
        client->phase = PHASE_SUBSCRIBING;
        set_timer(client, client->link.times.subscribe);
        return 0;
}

/* The attempt. */

static int identify(DockerClient *client) {
        /* A copy, for the first value lives until the second is asked for. */
        const char *header = http_request_header(client->ping, "Api-Version");
        _cleanup_free_ char *api = header ? strdup(header) : NULL;

        if (header && !api)
                return -ENOMEM;
        return engine_identify(api, http_request_header(client->ping, "Server"), &client->engine);
}

static void on_pinged(void *userdata, const HttpResult *result) {
        DockerClient *client = userdata;
        int r;

        if (result->error == -ETIMEDOUT) {
                give_up_after_limit(client, result->reason);
                return;
        }
        if (result->error < 0) {
                give_up(client, result->reason);
                return;
        }
        r = identify(client);
        client->ping = http_request_free(client->ping);
        client->subscription = client->engine.is_podman ? 1 : 0;
        client->link.list_filters = client->engine.is_podman ? PODMAN_LIST_FILTERS : NULL;
        if (r >= 0)
                r = subscribe(client);
        if (r == -EPROTO)
                give_up(client, "what answers is no container engine: it names no API version");
        else if (r == -EPROTONOSUPPORT)
                give_up(client, "the engine's API version is not supported");
        else if (r < 0)
                give_up(client, strerror(-r));
}

static void attempt(DockerClient *client) {
        int r;

        client->attempted = monotonic();
        client->appeared = false;
        if (!client->watch)
                (void) socket_watch_new(client->event, client->socket_path, on_socket_appeared, client, &client->watch);
        r = http_new(client->event, &(HttpPeer) { .socket_path = client->socket_path }, &client->link.http);
        if (r >= 0)
                r = http_new(client->event,
                             &(HttpPeer) { .socket_path = client->socket_path, .priority = LISTER_PRIORITY },
                             &client->link.list_http);
        if (r >= 0)
                r = get_ping(client, on_pinged);
        if (r < 0)
                give_up(client, strerror(-r));
        else
                client->phase = PHASE_PINGING;
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        DockerClient *client = userdata;

        switch (client->phase) {
        case PHASE_WAITING:
                attempt(client);
                break;
        case PHASE_PINGING: /* has libcurl's own limit */
                break;
        case PHASE_SUBSCRIBING:
                give_up_after_limit(client, "no answer in time");
                break;
        case PHASE_CONNECTED:
                if (get_ping(client, on_probed) < 0)
                        set_timer(client, client->link.times.probe_again);
                break;
        }
        return 0;
}

/* The outside. */

int docker_client_new(sd_event *event, const char *socket_path, const DockerHandlers *handlers, void *userdata,
                      DockerClient **ret) {
        _cleanup_(docker_client_freep) DockerClient *client = NULL;
        int r;

        if (strlen(socket_path) >= sizeof(((struct sockaddr_un *) NULL)->sun_path))
                return -ENAMETOOLONG;
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        /* Counted; with all of it, for whoever comes after us in this process may need TLS. */
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                free(TAKE_PTR(client));
                return -ENOMEM;
        }
        client->event = sd_event_ref(event);
        client->lister.link = &client->link;
        inspector_init(&client->inspector, &client->link);
        docker_client_set_times(client, &default_times);
        client->socket_path = strdup(socket_path);
        if (!client->socket_path)
                return -ENOMEM;
        r = notices_new(event, handlers, userdata, &client->link.notices);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &client->timer, CLOCK_MONOTONIC, 0, MILLISECONDS, on_timer,
                                               client);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(client);
        return 0;
}

DockerClient *docker_client_free(DockerClient *client) {
        if (!client)
                return NULL;
        inspector_done(&client->inspector);
        lister_done(&client->lister);
        drop_connection(client);
        http_free(client->link.http);
        http_free(client->link.list_http);
        socket_watch_free(client->watch);
        notices_free(client->link.notices);
        sd_event_source_disable_unref(client->timer);
        sd_event_unref(client->event);
        free(client->socket_path);
        free(client);
        curl_global_cleanup();
        return NULL;
}

void docker_client_set_times(DockerClient *client, const DockerTimes *times) {
        client->link.times = *times;
        client->backoff = (Backoff) { .minimum = times->backoff_minimum, .maximum = times->backoff_maximum };
}

bool docker_client_is_connected(const DockerClient *client) {
        return client->phase == PHASE_CONNECTED;
}

int docker_client_list(DockerClient *client) {
        return docker_client_is_connected(client) ? lister_start(&client->lister) : 0;
}

static int inspect(DockerClient *client, InspectKind kind, const char *id) {
        if (docker_client_is_connected(client))
                return inspector_add(&client->inspector, kind, id);
        notices_inspect_failed_later(client->link.notices, kind, id, "not connected");
        return 0;
}

int docker_client_inspect(DockerClient *client, const char *id) {
        return container_id_is_valid(id) ? inspect(client, INSPECT_CONTAINER, id) : -EINVAL;
}

/* It becomes a part of the path. */
bool docker_image_id_is_valid(const char *id) {
        size_t size = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789:");

        return size > 0 && size <= DOCKER_IMAGE_ID_SIZE_MAX && id[size] == '\0';
}

int docker_client_inspect_image(DockerClient *client, const char *image_id) {
        return docker_image_id_is_valid(image_id) ? inspect(client, INSPECT_IMAGE, image_id) : -EINVAL;
}
