/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/cmocka.h"

#include "daemon/docker/client-times.h"
#include "daemon/docker/client.h"
#include "tests/unit/docker/fake-engine.h"

/* A client and a fake engine in one loop, and a record of all that the handlers were told. */
typedef struct Harness {
        sd_event *event;
        char directory[64];
        char socket[96];
        FakeEngine *engine; /* NULL until harness_start_engine() */
        DockerClient *client;
        DockerTimes times; /* short; a test may change them before harness_start_client() */

        /* "connected 20.10.24 1.41", "die 80a8", "listed 2", "inspected 80a8", "image sha256:1a2b calico.expose=80" */
        char *log[4096];
        size_t n_log;
        size_t seen; /* lines that harness_expect() has been through */
        uint64_t retry;
        char rows[128]; /* of the list under way, as far as there is room: " 80a8 a1b2" */
        size_t n_rows;
        size_t n_broken; /* rows of the last list that failed */
        char *host_ports; /* of the last list: "tcp 8080 IPv4 - Docker, for container web;" and so on */
        bool without_image; /* the client's handler for images is not set */
        /* Called at the end of each handler, with the line just written; may be NULL. */
        void (*hook)(struct Harness *harness, const char *line);
        void (*row_hook)(struct Harness *harness); /* after each row; may be NULL */
} Harness;

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

#define IMAGE_A "sha256:" ID_A
#define IMAGE_B "sha256:" ID_B

#define EVENT(action, id) \
        "{\"Type\":\"container\",\"Action\":\"" action "\",\"Actor\":{\"ID\":\"" id "\",\"Attributes\":{}}}"
#define ROW(id, label) \
        "{\"Id\":\"" id "\",\"Created\":1,\"State\":\"running\",\"Labels\":{\"" label "\":\"80\"}}"

int harness_setup(void **state);
int harness_teardown(void **state);

void harness_start_engine(Harness *harness);
void harness_start_client(Harness *harness);
/* The same; returns what docker_client_new() does. */
int harness_try_client(Harness *harness);
/* Both, and until the client is connected. */
void harness_connect(Harness *harness);

/* Runs the loop until the next lines of the log are these; fails after a deadline, or at another line. */
void harness_expect(Harness *harness, const char *line);
/* The same for a line that begins so. */
void harness_expect_prefix(Harness *harness, const char *prefix);
/* How long a test waits for what must come, in microseconds. Much, for it may run under valgrind on a busy machine. */
#define HARNESS_PATIENCE UINT64_C(60000000)

/* Runs the loop until the condition holds; fails after a deadline. */
#define harness_wait(harness, condition)                                                                    \
        do {                                                                                                \
                uint64_t _deadline = harness_now() + HARNESS_PATIENCE;                                      \
                while (!(condition)) {                                                                      \
                        if (harness_now() > _deadline)                                                      \
                                fail_msg("waited in vain for %s", #condition);                              \
                        harness_step(harness);                                                              \
                }                                                                                           \
        } while (0)
void harness_step(Harness *harness);
uint64_t harness_now(void);
/* Runs the loop for that long; fails if a handler is told anything. Only where nothing is to happen. */
void harness_expect_silence(Harness *harness, uint64_t microseconds);
