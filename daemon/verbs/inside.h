/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "daemon/model/protocol.h"

/* Whether anything in a container listens where an exposure leads. */

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
