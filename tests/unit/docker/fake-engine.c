/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/docker/fake-engine.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PATH_SIZE 1024

typedef struct FakeConnection {
        TAILQ_ENTRY(FakeConnection) entry;
        FakeEngine *engine;
        sd_event_source *source;
        char request[4096];
        size_t request_size;
        char path[PATH_SIZE];
        FakeRoute route;
        bool hanging;
        char *output;
        size_t output_size;
        bool closing; /* when the output is written */
} FakeConnection;

struct FakeEngine {
        sd_event *event;
        char *path;
        int fd;
        sd_event_source *source;
        TAILQ_HEAD(FakeConnections, FakeConnection) connections;
        FakeConnection *stream;
        FakeAnswer answers[_ROUTE_MAX];
        unsigned requests[_ROUTE_MAX];
        char paths[_ROUTE_MAX][PATH_SIZE];
        size_t piece;
};

static void connection_free(FakeConnection *connection) {
        FakeEngine *engine = connection->engine;

        if (engine->stream == connection)
                engine->stream = NULL;
        TAILQ_REMOVE(&engine->connections, connection, entry);
        sd_event_source_disable_unref(connection->source);
        free(connection->output);
        free(connection);
}

static void connection_write(FakeConnection *connection, const char *data, size_t size) {
        char *output = realloc(connection->output, connection->output_size + size + 1);

        assert(output);
        connection->output = output;
        if (size > 0)
                memcpy(connection->output + connection->output_size, data, size);
        connection->output_size += size;
        sd_event_source_set_io_events(connection->source, EPOLLIN | EPOLLOUT);
}

static void connection_write_text(FakeConnection *connection, const char *text) {
        connection_write(connection, text, strlen(text));
}

static void connection_write_chunk(FakeConnection *connection, const char *data, size_t size) {
        char frame[32];

        snprintf(frame, sizeof(frame), "%zx\r\n", size);
        connection_write_text(connection, frame);
        connection_write(connection, data, size);
        connection_write_text(connection, "\r\n");
}

static char *make_inspect(const char *path) {
        const char *id = strstr(path, "/containers/");
        char *body = NULL;

        id = id ? id + strlen("/containers/") : "";
        if (asprintf(&body,
                     "{\"Id\":\"%.64s\",\"Created\":\"2024-05-06T07:08:09.5Z\",\"State\":{\"Running\":true},"
                     "\"Image\":\"sha256:1\",\"Name\":\"/web\",\"HostConfig\":{\"NetworkMode\":\"default\"},"
                     "\"Config\":{\"Labels\":{\"calico.expose\":\"80\"}},\"NetworkSettings\":{\"Networks\":"
                     "{\"bridge\":{\"IPAddress\":\"172.17.0.2\"}}}}",
                     id) < 0)
                abort();
        return body;
}

static void connection_answer(FakeConnection *connection) {
        const FakeAnswer *answer = &connection->engine->answers[connection->route];
        bool refused = (answer->only_if && !strstr(connection->path, answer->only_if)) ||
                       (answer->only_unless && strstr(connection->path, answer->only_unless));
        bool stream = connection->route == ROUTE_EVENTS && answer->status == 200 && !refused;
        _cleanup_free_ char *made = NULL;
        const char *body = answer->body;
        size_t size = answer->size;
        char head[2048];

        connection->hanging = false;
        if (answer->status == 0 || answer->raw) {
                connection->closing = true;
                connection_write_text(connection, answer->raw ? answer->raw : "");
                return;
        }
        if (refused)
                body = "{\"message\":\"refused by the test\"}\n";
        else if (!body && connection->route == ROUTE_INSPECT) {
                made = make_inspect(connection->path);
                body = made;
        }
        if (!body)
                body = "";
        if (size == 0 || refused)
                size = strlen(body);

        snprintf(head, sizeof(head), "HTTP/1.1 %u Whatever\r\n%s", refused ? 400u : answer->status,
                 answer->headers ? answer->headers : "");
        connection_write_text(connection, head);
        if (stream || answer->chunked) {
                connection_write_text(connection, "Transfer-Encoding: chunked\r\n\r\n");
                if (size > 0)
                        connection_write_chunk(connection, body, size);
                if (!stream && !answer->cut)
                        connection_write_text(connection, "0\r\n\r\n");
        } else {
                snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", size + (answer->cut ? 1 : 0));
                connection_write_text(connection, head);
                connection_write(connection, body, size);
        }
        if (stream)
                connection->engine->stream = connection;
        connection->closing = answer->cut && !stream;
}

static FakeRoute find_route(const char *path) {
        if (strstr(path, "/_ping"))
                return ROUTE_PING;
        if (strstr(path, "/events"))
                return ROUTE_EVENTS;
        if (strstr(path, "/containers/json"))
                return ROUTE_LIST;
        if (strstr(path, "/images/"))
                return ROUTE_IMAGE;
        return strstr(path, "/containers/") ? ROUTE_INSPECT : ROUTE_OTHER;
}

static void connection_take_request(FakeConnection *connection) {
        FakeEngine *engine = connection->engine;
        char *end = strstr(connection->request, "\r\n\r\n");
        size_t used;

        if (!end || sscanf(connection->request, "GET %1023s HTTP/1.1", connection->path) != 1)
                return;
        used = (size_t) (end + 4 - connection->request);
        memmove(connection->request, connection->request + used, connection->request_size - used + 1);
        connection->request_size -= used;

        connection->route = find_route(connection->path);
        engine->requests[connection->route]++;
        strcpy(engine->paths[connection->route], connection->path);
        if (engine->answers[connection->route].hang)
                connection->hanging = true;
        else
                connection_answer(connection);
}

static bool connection_flush(FakeConnection *connection, int fd) {
        size_t size = connection->output_size;
        ssize_t n;

        if (connection->engine->piece > 0)
                size = MIN(size, connection->engine->piece);
        n = size > 0 ? send(fd, connection->output, size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
        if (n < 0)
                return errno == EAGAIN;
        memmove(connection->output, connection->output + n, connection->output_size - (size_t) n);
        connection->output_size -= (size_t) n;
        if (connection->output_size > 0)
                return true;
        sd_event_source_set_io_events(connection->source, EPOLLIN);
        return !connection->closing;
}

static int on_connection(_unused_ sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        FakeConnection *connection = userdata;

        if (revents & EPOLLIN) {
                size_t room = sizeof(connection->request) - 1 - connection->request_size;
                ssize_t n = recv(fd, connection->request + connection->request_size, room, MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN)) {
                        connection_free(connection);
                        return 0;
                }
                connection->request_size += n > 0 ? (size_t) n : 0;
                connection->request[connection->request_size] = '\0';
                connection_take_request(connection);
        } else if (revents & (EPOLLHUP | EPOLLERR)) {
                connection_free(connection);
                return 0;
        }
        if ((revents & EPOLLOUT) && !connection_flush(connection, fd))
                connection_free(connection);
        return 0;
}

static int on_listening(_unused_ sd_event_source *source, int fd, _unused_ uint32_t revents, void *userdata) {
        FakeEngine *engine = userdata;
        FakeConnection *connection;
        int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (peer < 0)
                return 0;
        connection = calloc(1, sizeof(*connection));
        assert(connection);
        connection->engine = engine;
        TAILQ_INSERT_TAIL(&engine->connections, connection, entry);
        if (sd_event_add_io(engine->event, &connection->source, peer, EPOLLIN, on_connection, connection) < 0)
                abort();
        sd_event_source_set_io_fd_own(connection->source, true);
        return 0;
}

void fake_engine_bind(FakeEngine *engine) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        assert(engine->fd < 0 && strlen(engine->path) < sizeof(address.sun_path));
        strcpy(address.sun_path, engine->path);
        (void) unlink(engine->path);
        engine->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (engine->fd < 0 || bind(engine->fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                abort();
}

void fake_engine_listen(FakeEngine *engine) {
        if (listen(engine->fd, 64) < 0 ||
            sd_event_add_io(engine->event, &engine->source, engine->fd, EPOLLIN, on_listening, engine) < 0)
                abort();
}

void fake_engine_start(FakeEngine *engine) {
        fake_engine_bind(engine);
        fake_engine_listen(engine);
}

void fake_engine_kill(FakeEngine *engine) {
        FakeConnection *connection;

        while ((connection = TAILQ_FIRST(&engine->connections)))
                connection_free(connection);
        engine->source = sd_event_source_disable_unref(engine->source);
        engine->fd = close_fd(engine->fd);
}

FakeEngine *fake_engine_new(sd_event *event, const char *path) {
        FakeEngine *engine = calloc(1, sizeof(*engine));

        assert(engine);
        engine->event = sd_event_ref(event);
        engine->path = strdup(path);
        engine->fd = -1;
        TAILQ_INIT(&engine->connections);
        for (FakeRoute route = 0; route < _ROUTE_MAX; route++)
                engine->answers[route].status = 200;
        engine->answers[ROUTE_PING].headers = "Api-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n";
        engine->answers[ROUTE_PING].body = "OK";
        engine->answers[ROUTE_LIST].body = "[]\n";
        engine->answers[ROUTE_LIST].chunked = true;
        engine->answers[ROUTE_IMAGE].body = "{\"Id\":\"sha256:1\",\"Config\":{\"Labels\":{\"calico.expose\":\"80\"}}}";
        fake_engine_start(engine);
        return engine;
}

FakeEngine *fake_engine_free(FakeEngine *engine) {
        if (!engine)
                return NULL;
        fake_engine_kill(engine);
        (void) unlink(engine->path);
        sd_event_unref(engine->event);
        free(engine->path);
        free(engine);
        return NULL;
}

FakeAnswer *fake_engine_answer(FakeEngine *engine, FakeRoute route) {
        return &engine->answers[route];
}

unsigned fake_engine_requests(const FakeEngine *engine, FakeRoute route) {
        return engine->requests[route];
}

const char *fake_engine_path(const FakeEngine *engine, FakeRoute route) {
        return engine->paths[route];
}

unsigned fake_engine_hanging(const FakeEngine *engine, FakeRoute route) {
        FakeConnection *connection;
        unsigned n = 0;

        TAILQ_FOREACH(connection, &engine->connections, entry)
                n += connection->hanging && connection->route == route;
        return n;
}

void fake_engine_release(FakeEngine *engine, FakeRoute route) {
        FakeConnection *connection;

        TAILQ_FOREACH(connection, &engine->connections, entry)
                if (connection->hanging && connection->route == route) {
                        connection_answer(connection);
                        return;
                }
}

void fake_engine_set_piece(FakeEngine *engine, size_t piece) {
        engine->piece = piece;
}

bool fake_engine_has_stream(const FakeEngine *engine) {
        return engine->stream;
}

void fake_engine_send(FakeEngine *engine, const char *data, size_t size) {
        assert(engine->stream);
        connection_write_chunk(engine->stream, data, size);
}

void fake_engine_send_event(FakeEngine *engine, const char *text) {
        _cleanup_free_ char *line = NULL;

        if (asprintf(&line, "%s\n", text) < 0)
                abort();
        fake_engine_send(engine, line, strlen(line));
}

void fake_engine_send_raw(FakeEngine *engine, const char *data, size_t size) {
        assert(engine->stream);
        connection_write(engine->stream, data, size);
}

void fake_engine_end_stream(FakeEngine *engine, bool last_chunk) {
        assert(engine->stream);
        if (last_chunk)
                connection_write_text(engine->stream, "0\r\n\r\n");
        else {
                engine->stream->closing = true;
                connection_write(engine->stream, "", 0);
        }
}
