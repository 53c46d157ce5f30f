/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/macros.h"

/* Linked into every test program, which fails if at its end more descriptors are open than at its start. */

static unsigned n_at_start;

static unsigned count_descriptors(void) {
        DIR *directory = opendir("/proc/self/fd");
        unsigned n = 0;

        if (!directory)
                abort();
        while (readdir(directory))
                n++;
        closedir(directory);
        return n;
}

static void show_descriptors(void) {
        fflush(NULL);
        (void) !system("ls -l /proc/$PPID/fd >&2");
}

__attribute__((constructor)) static void remember_descriptors(void) {
        n_at_start = count_descriptors();
}

__attribute__((destructor)) static void check_descriptors(void) {
        unsigned n = count_descriptors();

        if (n <= n_at_start)
                return;
        fprintf(stderr, "%u descriptors were left open:\n", n - n_at_start);
        show_descriptors();
        _exit(EXIT_FAILURE);
}
