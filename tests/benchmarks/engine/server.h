/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/benchmarks/engine/monitor.h"
#include "tests/benchmarks/engine/template.h"

/* An engine that answers from texts made before, in one thread that never waits for a client: so that it is not what
 * is measured. It speaks as much of the API as the daemon asks for. A failure ends the process. */

#define CONTAINERS_MAX 24000

typedef enum Route { ROUTE_PING, ROUTE_EVENTS, ROUTE_LIST, ROUTE_INSPECT, ROUTE_IMAGE, _ROUTE_MAX } Route;

typedef struct Connection Connection;

typedef struct Server {
        int epoll, listener, monitor;
        Template templates[_TEMPLATE_MAX];
        bool alive[CONTAINERS_MAX];
        char *rows[CONTAINERS_MAX];
        Connection *subscriber; /* the last who asked for events; NULL while there is none */
        Heard heard;
        size_t requests[_ROUTE_MAX];
        int64_t inspected; /* when the last inspect was answered */
        bool commands;     /* standard input is readable, or at its end */
} Server;

/* templates: the directory with their texts. */
void server_open(Server *server, const char *socket_path, const char *templates);

/* Serves what is due, and waits for it for at most so long. */
void server_run(Server *server, int milliseconds);

/* Puts an event on its way: when that is, is returned. alive: what the lists and inspects say from then on. */
int64_t server_tell(Server *server, TemplateName event, unsigned number, bool alive);

/* How many bytes of events the daemon has not taken yet. */
size_t server_backlog(const Server *server);
