/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* What the headers of GET /_ping say of the engine, and how to ask it then. Pure. */

/* The newest version of the API that this code was written for. */
#define API_MAJOR 1
#define API_MINOR_MAX 51
/* Events have an Actor, and networks can be connected, from Docker 1.10 on. */
#define API_MINOR_MIN 22

#define ENGINE_VERSION_SIZE 64
#define ENGINE_API_SIZE 16

typedef struct Engine {
        char version[ENGINE_VERSION_SIZE]; /* to be shown: "20.10.24", "Podman 4.3.1", "unknown" */
        char api[ENGINE_API_SIZE];         /* "1.41": what both sides speak */
        /* Podman refuses filters it does not know, and in versions before 4 applies all of them at once: a stream of
         * containers and networks is empty there. It gets none. */
        bool is_podman;
} Engine;

/* api_version: the header Api-Version; server: the header Server; each may be NULL. Returns 0; -EPROTO if there is no
 * such version: no engine answers there; -EPROTONOSUPPORT if the engine is too old, or of another age altogether. */
int engine_identify(const char *api_version, const char *server, Engine *ret);
