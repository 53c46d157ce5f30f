/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/benchmarks/engine/server.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/array.h"
#include "common/macros.h"
#include "tests/benchmarks/engine/clock.h"

#define HEAD "HTTP/1.1 %s\r\nApi-Version: 1.45\r\nServer: Docker/26.1.5 (linux)\r\nContent-Type: application/json\r\n"

struct Connection {
        int fd;
        char request[8192];
        size_t request_size;
        char *out;
        size_t out_size, out_room, sent;
        bool wants_room; /* the kernel's buffer is full */
};

static void watch(const Server *server, int operation, int fd, uint32_t events, void *what) {
        struct epoll_event event = { .events = events, .data.ptr = what };

        if (epoll_ctl(server->epoll, operation, fd, &event) < 0)
                err(1, "epoll_ctl");
}

static void connection_close(Server *server, Connection *connection) {
        if (server->subscriber == connection)
                server->subscriber = NULL;
        close(connection->fd);
        free(connection->out);
        free(connection);
}

static char *room_for(Connection *connection, size_t size) {
        if (array_reserve(&connection->out, &connection->out_room, connection->out_size + size, 1) < 0)
                errx(1, "no memory");
        return connection->out + connection->out_size;
}

static void add_text(Connection *connection, const char *text, size_t size) {
        memcpy(room_for(connection, size), text, size);
        connection->out_size += size;
}

static void flush(const Server *server, Connection *connection) {
        while (connection->sent < connection->out_size) {
                ssize_t n = send(connection->fd, connection->out + connection->sent,
                                 connection->out_size - connection->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0)
                        break; /* full, or gone: then reading says so */
                connection->sent += (size_t) n;
        }
        if (connection->sent == connection->out_size)
                connection->sent = connection->out_size = 0;
        if (connection->wants_room != (connection->out_size > 0)) {
                connection->wants_room = !connection->wants_room;
                watch(server, EPOLL_CTL_MOD, connection->fd, EPOLLIN | (connection->wants_room ? EPOLLOUT : 0u),
                      connection);
        }
}

/* Answers. */

static void add_head(Connection *connection, const char *status, const char *framing) {
        char head[512];
        int size = snprintf(head, sizeof(head), HEAD "%s\r\n\r\n", status, framing);

        add_text(connection, head, (size_t) size);
}

static void answer_text(Connection *connection, const char *status, const char *text) {
        char framing[64];

        snprintf(framing, sizeof(framing), "Content-Length: %zu", strlen(text));
        add_head(connection, status, framing);
        add_text(connection, text, strlen(text));
}

static void answer_template(Connection *connection, const Template *template, unsigned number) {
        char framing[64];

        snprintf(framing, sizeof(framing), "Content-Length: %zu", template->size);
        add_head(connection, "200 OK", framing);
        template_fill(template, number, 0, room_for(connection, template->size));
        connection->out_size += template->size;
}

static const char *row(Server *server, unsigned number) {
        const Template *template = &server->templates[TEMPLATE_ROW];

        if (!server->rows[number]) {
                server->rows[number] = malloc(template->size);
                if (!server->rows[number])
                        errx(1, "no memory");
                template_fill(template, number, 0, server->rows[number]);
        }
        return server->rows[number];
}

static void answer_list(Server *server, Connection *connection) {
        size_t size = server->templates[TEMPLATE_ROW].size, n = 0;
        char framing[64];

        for (unsigned i = 0; i < CONTAINERS_MAX; i++)
                n += server->alive[i];
        snprintf(framing, sizeof(framing), "Content-Length: %zu", n * (size + 1) + (n > 0 ? 1 : 2));
        add_head(connection, "200 OK", framing);
        if (n == 0)
                add_text(connection, "[", 1);
        (void) room_for(connection, n * (size + 1) + 2);
        for (unsigned i = 0, told = 0; i < CONTAINERS_MAX; i++)
                if (server->alive[i]) {
                        add_text(connection, told++ > 0 ? "," : "[", 1);
                        add_text(connection, row(server, i), size);
                }
        add_text(connection, "]", 1);
}

static void answer_inspect(Server *server, Connection *connection, const char *id) {
        unsigned number = template_number(id);

        if (number < CONTAINERS_MAX && server->alive[number])
                answer_template(connection, &server->templates[TEMPLATE_INSPECT], number);
        else
                answer_text(connection, "404 Not Found", "{\"message\":\"No such container\"}");
        server->inspected = now_ns();
}

static Route answer(Server *server, Connection *connection, const char *path) {
        const char *found;

        if (strstr(path, "/_ping")) {
                answer_text(connection, "200 OK", "OK");
                return ROUTE_PING;
        }
        if (strstr(path, "/events")) {
                add_head(connection, "200 OK", "Transfer-Encoding: chunked");
                server->subscriber = connection;
                return ROUTE_EVENTS;
        }
        if (strstr(path, "/containers/json")) {
                answer_list(server, connection);
                return ROUTE_LIST;
        }
        if ((found = strstr(path, "/containers/"))) {
                answer_inspect(server, connection, found + strlen("/containers/"));
                return ROUTE_INSPECT;
        }
        answer_template(connection, &server->templates[TEMPLATE_IMAGE], 0);
        return ROUTE_IMAGE;
}

/* Requests. */

static void take_requests(Server *server, Connection *connection) {
        char *end, *first = connection->request;

        while ((end = memmem(first, connection->request_size, "\r\n\r\n", 4))) {
                size_t size = (size_t) (end - first) + 4;
                char *line_end = memchr(first, '\r', size);

                *line_end = '\0';
                server->requests[answer(server, connection, first)]++;
                connection->request_size -= size;
                first += size;
        }
        memmove(connection->request, first, connection->request_size);
        flush(server, connection);
}

static void serve(Server *server, Connection *connection, uint32_t events) {
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                ssize_t n = recv(connection->fd, connection->request + connection->request_size,
                                 sizeof(connection->request) - connection->request_size, MSG_DONTWAIT);

                if (n == 0 || (n < 0 && errno != EAGAIN)) {
                        connection_close(server, connection);
                        return;
                }
                connection->request_size += n > 0 ? (size_t) n : 0;
                take_requests(server, connection);
        }
        if (events & EPOLLOUT)
                flush(server, connection);
}

static void take_connection(Server *server) {
        Connection *connection = calloc(1, sizeof(*connection));

        if (!connection)
                errx(1, "no memory");
        connection->fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection->fd < 0)
                err(1, "accept");
        watch(server, EPOLL_CTL_ADD, connection->fd, EPOLLIN, connection);
}

/* The outside. */

void server_open(Server *server, const char *socket_path, const char *templates) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        templates_read(templates, server->templates);
        server->epoll = epoll_create1(EPOLL_CLOEXEC);
        server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (strlen(socket_path) >= sizeof(address.sun_path))
                errx(1, "%s: too long", socket_path);
        strcpy(address.sun_path, socket_path);
        (void) unlink(socket_path);
        if (bind(server->listener, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            listen(server->listener, 128) < 0)
                err(1, "%s", socket_path);
        server->monitor = monitor_open();
        watch(server, EPOLL_CTL_ADD, server->listener, EPOLLIN, &server->listener);
        watch(server, EPOLL_CTL_ADD, server->monitor, EPOLLIN, &server->monitor);
        watch(server, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN, &server->commands);
}

void server_run(Server *server, int milliseconds) {
        struct epoll_event events[16];
        int n = epoll_wait(server->epoll, events, ELEMENTSOF(events), milliseconds);

        for (int i = 0; i < n; i++) {
                void *what = events[i].data.ptr;

                if (what == &server->listener)
                        take_connection(server);
                else if (what == &server->monitor)
                        monitor_read(server->monitor, &server->heard);
                else if (what == &server->commands)
                        server->commands = true;
                else
                        serve(server, what, events[i].events);
        }
}

int64_t server_tell(Server *server, TemplateName event, unsigned number, bool alive) {
        const Template *template = &server->templates[event];
        Connection *connection = server->subscriber;
        char size[32];
        int64_t now;
        int n;

        server->alive[number] = alive;
        if (!connection)
                errx(1, "nobody has subscribed");
        n = snprintf(size, sizeof(size), "%zx\r\n", template->size + 1);
        add_text(connection, size, (size_t) n);
        template_fill(template, number, realtime_ns(), room_for(connection, template->size));
        connection->out_size += template->size;
        add_text(connection, "\n\r\n", 3);
        now = now_ns();
        flush(server, connection);
        return now;
}

size_t server_backlog(const Server *server) {
        return server->subscriber ? server->subscriber->out_size - server->subscriber->sent : 0;
}
