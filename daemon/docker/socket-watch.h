/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-event.h>

#include "common/macros.h"

/* Notices the file of a socket appearing, or changing its mode, by inotify on its directory; where that does not
 * exist, on the nearest one above that does. Symbolic links are not followed in the last component. */
typedef struct SocketWatch SocketWatch;

typedef void (*SocketWatchHandler)(void *userdata);

/* The handler may free the watch. Returns 0, -ENOMEM, or what inotify says (no more watches: -ENOSPC, -EMFILE). */
int socket_watch_new(sd_event *event, const char *path, SocketWatchHandler handler, void *userdata, SocketWatch **ret);
SocketWatch *socket_watch_free(SocketWatch *watch);
DEFINE_CLEANUP(SocketWatch, socket_watch_free)
