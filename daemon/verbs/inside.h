/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "daemon/model/protocol.h"

/* What a container's own network looks like from inside: who listens where an exposure leads, and its routes. */

typedef enum Inside {
        INSIDE_UNKNOWN,
        INSIDE_NOBODY,
        INSIDE_LOOPBACK, /* on 127.0.0.1 or ::1 alone, which nobody else reaches */
        INSIDE_LISTENS,
} Inside;

/* By /proc/PID/net, where pid is any process of the container; SCTP is not looked for. */
Inside inside_look(pid_t pid, Protocol protocol, uint16_t port);

/* The same of one file as /proc/net/tcp or udp6: INSIDE_NOBODY at the least. */
Inside inside_read(FILE *file, Protocol protocol, uint16_t port);

typedef enum Routes {
        ROUTES_UNKNOWN,
        ROUTES_NEAR, /* to its own networks alone: none by way of a gateway, and no default route */
        ROUTES_FAR,
} Routes;

/* family: AF_INET or AF_INET6. */
Routes inside_look_at_routes(pid_t pid, int family);

/* The same of a file as /proc/net/route or ipv6_route: ROUTES_NEAR at the least. */
Routes inside_read_routes(FILE *file, int family);
