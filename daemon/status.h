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

#define PROFILES_REASON_SIZE 256

/* Of Calico's datastore. */
typedef struct ProfilesStatus {
        bool used;
        bool away;
        uint64_t since;                    /* likewise */
        char reason[PROFILES_REASON_SIZE]; /* likewise */
        size_t in_place, pending, refused; /* rules that exposed ports need, one for each claim */
} ProfilesStatus;

/* What it depends on beside the model. Times are microseconds since the epoch. */
typedef struct StatusFacts {
        bool known; /* Docker was asked; until then the kernel's own table says what is exposed */
        const DockerStatus *docker;
        const ProfilesStatus *profiles; /* NULL: none is used */
        int kernel_error;      /* the kernel refuses what is to be changed: negative errno, else 0 */
        uint64_t kernel_since;
        uint64_t config_since; /* the file was to be read anew, and is bad: the one before counts; 0: it is not */
} StatusFacts;

/* The one line of systemctl status: "5 ports of 3 containers exposed, 1 conflict"; what needs somebody comes first.
 * Returns the buffer. */
#define STATUS_SIZE 256
const char *status_format(const Model *model, const StatusFacts *facts, char buffer[static STATUS_SIZE]);
