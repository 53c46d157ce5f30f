/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/macros.h"
#include "tests/benchmarks/engine/clock.h"
#include "tests/benchmarks/engine/server.h"

/* bench-engine SOCKET TEMPLATES: reads commands, a line each, and answers each by one line of JSON. Times are
 * nanoseconds. To be started in the daemon's network namespace. */

enum { DEADLINE_MS = 30000 };

static Server server;

/* The two arguments and the third that a command has. */
typedef struct Arguments {
        unsigned first, count, more;
} Arguments;

static bool wait_for(const size_t *counter, size_t wanted) {
        int64_t end = now_ns() + DEADLINE_MS * INT64_C(1000000);

        while (*counter < wanted && now_ns() < end)
                server_run(&server, 100);
        return *counter >= wanted;
}

static void pass_time(int64_t nanoseconds) {
        int64_t end = now_ns() + nanoseconds, now;

        while ((now = now_ns()) < end)
                server_run(&server, (int) ((end - now + 999999) / 1000000));
}

/* populate FIRST COUNT: so many run from now on; nobody is told. */
static void populate(Arguments arguments) {
        memset(server.alive + arguments.first, true, arguments.count);
        puts("{}");
}

/* One change of one container, from the event to the kernel; what came before it is waited for. */
static int64_t change(TemplateName event, unsigned number, bool alive, const size_t *counter) {
        size_t before = *counter;
        int64_t told = server_tell(&server, event, number, alive);

        if (!wait_for(counter, before + 1))
                errx(1, "an event led to nothing");
        return server.heard.last - told;
}

static void print_array(const char *name, const int64_t *values, unsigned count, const char *end) {
        printf("\"%s\":[", name);
        for (unsigned i = 0; i < count; i++)
                printf("%s%" PRId64, i > 0 ? "," : "", values[i]);
        printf("]%s", end);
}

/* latency FIRST COUNT MICROSECONDS: containers come and go one after the other, with pauses around that. asked: of the
 * way to the kernel, the part until Docker's answer left the engine. */
static void latency(Arguments arguments) {
        int64_t *starts = calloc(arguments.count, sizeof(*starts)), *dies = calloc(arguments.count, sizeof(*dies));
        int64_t *asked = calloc(arguments.count, sizeof(*asked));

        if (!starts || !dies || !asked)
                errx(1, "no memory");
        for (unsigned i = 0; i < arguments.count; i++) {
                unsigned number = arguments.first + i % 64;

                pass_time((arguments.more / 2 + (unsigned) random() % arguments.more) * INT64_C(1000));
                starts[i] = change(TEMPLATE_START, number, true, &server.heard.added);
                asked[i] = starts[i] - (server.heard.last - server.inspected);
                pass_time((arguments.more / 2 + (unsigned) random() % arguments.more) * INT64_C(1000));
                dies[i] = change(TEMPLATE_DIE, number, false, &server.heard.deleted);
        }
        printf("{");
        print_array("start", starts, arguments.count, ",");
        print_array("asked", asked, arguments.count, ",");
        print_array("die", dies, arguments.count, "}\n");
        free(starts);
        free(dies);
        free(asked);
}

/* All at once. Prints how long after the last event the kernel had it all, and in how many transactions. */
static void burst_of(const char *name, TemplateName event, Arguments arguments, bool alive, const size_t *counter) {
        size_t before = *counter, commits = server.heard.commits;
        int64_t first = now_ns(), last = first;

        for (unsigned i = 0; i < arguments.count; i++)
                last = server_tell(&server, event, arguments.first + i, alive);
        if (!wait_for(counter, before + arguments.count) ||
            !wait_for(&server.heard.committed, server.heard.added + server.heard.deleted))
                errx(1, "a burst was not carried out");
        printf("\"%s\":{\"writing\":%" PRId64 ",\"after\":%" PRId64 ",\"commits\":%zu}", name, last - first,
               server.heard.last - last, server.heard.commits - commits);
}

/* burst FIRST COUNT */
static void burst(Arguments arguments) {
        printf("{");
        burst_of("start", TEMPLATE_START, arguments, true, &server.heard.added);
        pass_time(INT64_C(2000000000));
        printf(",");
        burst_of("die", TEMPLATE_DIE, arguments, false, &server.heard.deleted);
        puts("}");
}

/* plain FIRST COUNT: events of containers without a label, as fast as they are taken. */
static void plain(Arguments arguments) {
        int64_t start = now_ns();

        for (unsigned i = 0; i < arguments.count; i++) {
                while (server_backlog(&server) > 0)
                        server_run(&server, 100);
                (void) server_tell(&server, i % 2 ? TEMPLATE_PLAIN_DIE : TEMPLATE_PLAIN_START, arguments.first, false);
        }
        while (server_backlog(&server) > 0)
                server_run(&server, 100);
        printf("{\"ns\":%" PRId64 "}\n", now_ns() - start);
}

/* storm FIRST COUNT WINDOW: so many events, WINDOW starts and WINDOW ends in turns. */
static void storm(Arguments arguments) {
        int64_t start = now_ns();

        for (unsigned told = 0; told < arguments.count; told += 2 * arguments.more) {
                size_t added = server.heard.added, deleted = server.heard.deleted;

                for (unsigned i = 0; i < arguments.more; i++)
                        (void) server_tell(&server, TEMPLATE_START, arguments.first + i, true);
                if (!wait_for(&server.heard.added, added + arguments.more))
                        errx(1, "a start led to nothing");
                for (unsigned i = 0; i < arguments.more; i++)
                        (void) server_tell(&server, TEMPLATE_DIE, arguments.first + i, false);
                if (!wait_for(&server.heard.deleted, deleted + arguments.more))
                        errx(1, "an end led to nothing");
        }
        printf("{\"ns\":%" PRId64 "}\n", now_ns() - start);
}

/* listen 1, listen 0: whether it hears what the kernel does, and counts it. */
static void listen_to_kernel(Arguments arguments) {
        monitor_listen(server.monitor, arguments.first != 0);
        puts("{}");
}

/* state: what was counted so far. */
static void state(_unused_ Arguments arguments) {
        printf("{\"subscribed\":%s,\"added\":%zu,\"deleted\":%zu,\"commits\":%zu,\"list\":%zu,\"inspect\":%zu,"
               "\"image\":%zu,\"ping\":%zu}\n",
               server.subscriber ? "true" : "false", server.heard.added, server.heard.deleted, server.heard.commits,
               server.requests[ROUTE_LIST], server.requests[ROUTE_INSPECT], server.requests[ROUTE_IMAGE],
               server.requests[ROUTE_PING]);
}

static const struct {
        const char *name;
        void (*run)(Arguments arguments);
} commands[] = {
        { "populate", populate }, { "latency", latency }, { "burst", burst },
        { "plain", plain },       { "storm", storm },     { "state", state },
        { "listen", listen_to_kernel },
};

static void execute(const char *line) {
        Arguments arguments = {};
        char name[32] = "";

        (void) sscanf(line, "%31s %u %u %u", name, &arguments.first, &arguments.count, &arguments.more);
        if (arguments.first >= CONTAINERS_MAX)
                errx(1, "too many containers");
        for (size_t i = 0; i < ELEMENTSOF(commands); i++)
                if (strcmp(commands[i].name, name) == 0) {
                        commands[i].run(arguments);
                        return;
                }
        errx(1, "no such command: %s", line);
}

int main(int argc, char *argv[]) {
        char line[256];

        if (argc != 3)
                errx(1, "usage: bench-engine SOCKET TEMPLATES");
        server_open(&server, argv[1], argv[2]);
        setvbuf(stdin, NULL, _IONBF, 0);
        setvbuf(stdout, NULL, _IOLBF, 0);
        for (;;) {
                server_run(&server, -1);
                if (!server.commands)
                        continue;
                server.commands = false;
                if (!fgets(line, sizeof(line), stdin))
                        return 0;
                execute(line);
        }
}
