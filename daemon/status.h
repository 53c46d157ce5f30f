/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/model/model.h"

#define DOCKER_REASON_SIZE 256

typedef struct DockerStatus {
        bool away;
        uint64_t since;                  /* microseconds since the epoch */
        char reason[DOCKER_REASON_SIZE]; /* why it is away, in one line fit to be shown */
} DockerStatus;

/* What it depends on beside the model. Times are microseconds since the epoch. */
typedef struct StatusFacts {
        bool known; /* Docker was asked; until then the kernel's own table says what is exposed */
        const DockerStatus *docker;
        int kernel_error;      /* the kernel refuses what is to be changed: negative errno, else 0 */
        uint64_t kernel_since;
        uint64_t config_since; /* the file was to be read anew, and is bad: the one before counts; 0: it is not */
} StatusFacts;

/* The one line of systemctl status: "5 ports of 3 containers exposed, 1 conflict"; what needs somebody comes first.
 * Returns the buffer. */
#define STATUS_SIZE 256
const char *status_format(const Model *model, const StatusFacts *facts, char buffer[static STATUS_SIZE]);
