/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "common/macros.h"

/* An HTTP server on a unix socket that answers as told, well or badly, in the event loop of the test. */

typedef enum FakeRoute {
        ROUTE_PING,
        ROUTE_EVENTS,
        ROUTE_LIST,
        ROUTE_INSPECT,
        ROUTE_IMAGE,
        ROUTE_OTHER,
        _ROUTE_MAX,
} FakeRoute;

typedef struct FakeAnswer {
        unsigned status;     /* 0: the connection is closed without an answer */
        const char *raw;     /* sent as it is, in place of all the rest, and the connection closed; may be NULL */
        const char *headers; /* further lines, each with its "\r\n"; may be NULL */
        const char *body;    /* NULL for ROUTE_INSPECT: made for the container asked for; for others empty */
        size_t size;         /* of the body; 0: strlen() */
        bool chunked;
        bool cut;  /* the connection is closed in the middle: without the last chunk, or short of Content-Length */
        bool hang; /* only answered by fake_engine_release() */
        const char *only_if;     /* a path without this in it is answered with status 400 */
        const char *only_unless; /* and so is one with this */
} FakeAnswer;

typedef struct FakeEngine FakeEngine;

/* Listens at that path. */
FakeEngine *fake_engine_new(sd_event *event, const char *path);
FakeEngine *fake_engine_free(FakeEngine *engine);
DEFINE_CLEANUP(FakeEngine, fake_engine_free)

/* May be changed at any time. */
FakeAnswer *fake_engine_answer(FakeEngine *engine, FakeRoute route);
/* How often it was asked for, and the last request's path and query. */
unsigned fake_engine_requests(const FakeEngine *engine, FakeRoute route);
const char *fake_engine_path(const FakeEngine *engine, FakeRoute route);
/* Requests that hang now. */
unsigned fake_engine_hanging(const FakeEngine *engine, FakeRoute route);
/* Answers the oldest of them. */
void fake_engine_release(FakeEngine *engine, FakeRoute route);

/* Bytes that are written at most for each round of the loop, 0: no limit. */
void fake_engine_set_piece(FakeEngine *engine, size_t piece);

/* The last stream of events: bytes into it as one chunk. The text and a newline, for _event(). */
bool fake_engine_has_stream(const FakeEngine *engine);
void fake_engine_send(FakeEngine *engine, const char *data, size_t size);
void fake_engine_send_event(FakeEngine *engine, const char *text);
void fake_engine_send_raw(FakeEngine *engine, const char *data, size_t size); /* without a chunk's frame */
void fake_engine_end_stream(FakeEngine *engine, bool last_chunk);

/* As a killed engine: all closed, the socket's file left. */
void fake_engine_kill(FakeEngine *engine);
/* Listens again, on a new file. */
void fake_engine_start(FakeEngine *engine);
/* The same in two steps: bound it refuses, then it listens. */
void fake_engine_bind(FakeEngine *engine);
void fake_engine_listen(FakeEngine *engine);
