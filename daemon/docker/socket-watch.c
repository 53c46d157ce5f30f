/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/socket-watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#define WATCH_MASK (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define WATCH_LOST (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT | IN_Q_OVERFLOW)
/* Directories that come while the watch is being set, until the one of the socket; then the backoff has to do. */
#define WATCH_ATTEMPTS 16

struct SocketWatch {
        sd_event *event;
        char *path;
        SocketWatchHandler handler;
        void *userdata;
        sd_event_source *source;
        /* What is waited for in the watched directory: the component of path from `component` on, up to a slash or
         * (the socket itself) the end. */
        size_t component;
};

static size_t component_size(const SocketWatch *watch) {
        return strcspn(watch->path + watch->component, "/");
}

static bool is_last(const SocketWatch *watch) {
        return watch->path[watch->component + component_size(watch)] == '\0';
}

/* Where the component before `end` (itself the start of one) begins. */
static size_t previous_component(const char *path, size_t end) {
        while (end > 0 && path[end - 1] == '/')
                end--;
        while (end > 0 && path[end - 1] != '/')
                end--;
        return end;
}

static int on_change(sd_event_source *source, const struct inotify_event *change, void *userdata);

/* Watches the directory in which the component at that place is. */
static int watch_directory(SocketWatch *watch, size_t component) {
        _cleanup_free_ char *directory = component > 0 ? strndup(watch->path, component) : strdup(".");
        sd_event_source *source = NULL;
        int r;

        if (!directory)
                return -ENOMEM;
        r = sd_event_add_inotify(watch->event, &source, directory, WATCH_MASK, on_change, watch);
        if (r < 0)
                return r;
        sd_event_source_disable_unref(watch->source);
        watch->source = source;
        watch->component = component;
        return 0;
}

static int watch_nearest(SocketWatch *watch) {
        size_t component = previous_component(watch->path, strlen(watch->path));

        for (;;) {
                int r = watch_directory(watch, component);
                size_t above = previous_component(watch->path, component);

                if ((r != -ENOENT && r != -ENOTDIR) || above == component)
                        return r;
                component = above;
        }
}

/* True if what is waited for is there already: it came before the watch stood. */
static bool component_exists(const SocketWatch *watch) {
        _cleanup_free_ char *path = strndup(watch->path, watch->component + component_size(watch));

        return path && access(path, F_OK) == 0;
}

static int watch_arm(SocketWatch *watch) {
        for (unsigned i = 0; i < WATCH_ATTEMPTS; i++) {
                int r = watch_nearest(watch);

                if (r < 0 || is_last(watch) || !component_exists(watch))
                        return r;
        }
        return 0;
}

static int on_change(_unused_ sd_event_source *source, const struct inotify_event *change, void *userdata) {
        SocketWatch *watch = userdata;
        size_t size = component_size(watch);
        bool named = change->len > 0 && strlen(change->name) == size &&
                     memcmp(change->name, watch->path + watch->component, size) == 0;

        if (!named && !(change->mask & WATCH_LOST))
                return 0;
        if (!named || !is_last(watch))
                (void) watch_arm(watch);
        watch->handler(watch->userdata);
        return 0;
}

int socket_watch_new(sd_event *event, const char *path, SocketWatchHandler handler, void *userdata, SocketWatch **ret) {
        _cleanup_(socket_watch_freep) SocketWatch *watch = calloc(1, sizeof(*watch));
        int r;

        if (!watch)
                return -ENOMEM;
        watch->event = sd_event_ref(event);
        watch->handler = handler;
        watch->userdata = userdata;
        watch->path = strdup(path);
        if (!watch->path)
                return -ENOMEM;
        r = watch_arm(watch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

SocketWatch *socket_watch_free(SocketWatch *watch) {
        if (!watch)
                return NULL;
        sd_event_source_disable_unref(watch->source);
        sd_event_unref(watch->event);
        free(watch->path);
        free(watch);
        return NULL;
}
