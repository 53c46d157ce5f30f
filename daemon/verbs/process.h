/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "daemon/model/hostport.h"

typedef struct Process {
        pid_t pid;
        char name[64]; /* as /proc/PID/comm has it, fit to be shown */
} Process;

/* Who listens on that port, by /proc/PID/fd; one of them, if there are several. -ENOENT: nobody that can be seen; -EACCES:
 * nobody, but not everybody could be looked at (that takes root). */
int process_find_listener(const HostPort *port, Process *ret);
