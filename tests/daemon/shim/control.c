/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

Control *shim_control;

/* Nothing here allocates. A shim that cannot work must not pass for one that does. */
__attribute__((constructor)) static void control_map(void) {
        static Control no_owner = { .deny_owner = 1 };
        const char *path = getenv("SHIM_CONTROL");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *mapped = fd >= 0 ? mmap(NULL, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

        if (!path && getenv("SHIM_DENY_OWNER")) {
                shim_control = &no_owner;
                return;
        }
        if (mapped == MAP_FAILED)
                abort();
        (void) close(fd);
        shim_control = mapped;
}
