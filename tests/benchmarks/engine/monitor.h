/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the kernel says of the map dnat4 (and commits at all), heard in this network namespace. */
typedef struct Heard {
        size_t added, deleted; /* elements of dnat4 */
        size_t commits;        /* of a process whose name is calico-exposed */
        size_t committed;      /* elements, when a commit was over last: its own notification is the last one */
        int64_t last;          /* when an element was heard of last */
} Heard;

/* Both end the process where they cannot. While anybody listens, the kernel makes notifications: what is measured
 * without that must not be listened to. */
int monitor_open(void);
void monitor_listen(int fd, bool on);
/* Adds what waits, without blocking. */
void monitor_read(int fd, Heard *heard);
