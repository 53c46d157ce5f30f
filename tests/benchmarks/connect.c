/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/benchmarks/engine/clock.h"

/* bench-connect serve PORT: takes one connection after the other.
 * bench-connect connect ADDRESS PORT COUNT: opens that many, one after the other; prints how many a second, and the
 * median of the microseconds that one took to be established. */

static struct sockaddr_in address_of(const char *address, const char *port) {
        struct sockaddr_in made = { .sin_family = AF_INET, .sin_port = htons((in_port_t) atoi(port)) };

        if (inet_pton(AF_INET, address, &made.sin_addr) != 1)
                errx(1, "%s is no address", address);
        return made;
}

/* By a reset: nothing of it stays behind, not for a minute as after an orderly end. */
static void end(int fd) {
        static const struct linger linger = { .l_onoff = 1 };

        (void) setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        close(fd);
}

static void serve(const char *port) {
        struct sockaddr_in address = address_of("0.0.0.0", port);
        int listener = socket(AF_INET, SOCK_STREAM, 0);

        if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 }, sizeof(int)) < 0 ||
            bind(listener, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(listener, 1024) < 0)
                err(1, "port %s", port);
        puts("ready");
        fflush(stdout);
        for (;;) {
                int fd = accept(listener, NULL, NULL);
                char byte;

                if (fd < 0)
                        continue;
                (void) !recv(fd, &byte, 1, 0); /* until the other ends it */
                end(fd);
        }
}

static int compare(const void *a, const void *b) {
        int64_t x = *(const int64_t *) a, y = *(const int64_t *) b;

        return (x > y) - (x < y);
}

static void connect_all(const char *to, const char *port, size_t count) {
        struct sockaddr_in address = address_of(to, port);
        int64_t *times = calloc(count + 1, sizeof(*times));
        int64_t start = now_ns(), median;

        if (!times)
                errx(1, "no memory");
        for (size_t i = 0; i < count; i++) {
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                int64_t begun = now_ns();

                if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                        err(1, "%s:%s", to, port);
                times[i] = now_ns() - begun;
                end(fd);
        }
        start = now_ns() - start;
        qsort(times, count, sizeof(*times), compare);
        median = times[count / 2];
        printf("%.0f %.1f\n", (double) count * 1e9 / (double) start, (double) median / 1000);
        free(times);
}

int main(int argc, char *argv[]) {
        if (argc == 3 && strcmp(argv[1], "serve") == 0)
                serve(argv[2]);
        else if (argc == 5 && strcmp(argv[1], "connect") == 0)
                connect_all(argv[2], argv[3], (size_t) atoi(argv[4]));
        else
                errx(1, "usage: bench-connect serve PORT | connect ADDRESS PORT COUNT");
        return 0;
}
