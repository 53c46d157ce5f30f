/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics-file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/messages.h"
#include "daemon/timer.h"

struct MetricsFile {
        sd_event *event;
        const char *path;
        MetricsCollect collect;
        void *userdata;
        sd_event_source *timer;
        uint64_t due_usec; /* not before that; CLOCK_MONOTONIC */
        bool failed;       /* and it was said */
};

static int write_to(MetricsFile *file, const char *path) {
        Metrics metrics;
        FILE *stream;
        int fd, r;

        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        stream = fchmod(fd, 0644) < 0 ? NULL : fdopen(fd, "w"); /* whatever the umask: it is read by others */
        if (!stream) {
                r = -errno;
                close_fd(fd);
                return r;
        }
        file->collect(file->userdata, &metrics);
        metrics_print(&metrics, stream);
        r = fflush(stream) != 0 || ferror(stream) ? -(errno ?: EIO) : 0;
        if (fclose(stream) != 0 && r >= 0)
                r = -errno;
        return r;
}

/* node_exporter reads only what ends in .prom. */
static int replace(MetricsFile *file) {
        char temporary[PATH_MAX];
        int r;

        if (snprintf(temporary, sizeof(temporary), "%s.new", file->path) >= (int) sizeof(temporary))
                return -ENAMETOOLONG;
        r = write_to(file, temporary);
        if (r >= 0 && rename(temporary, file->path) < 0)
                r = -errno;
        if (r < 0)
                (void) unlink(temporary);
        return r;
}

static void report(MetricsFile *file, int error) {
        if (error < 0 && !file->failed)
                log_event(LOG_WARNING, MESSAGE_METRICS_FAILED, NULL,
                          "Cannot write %s: %s; the metrics stay as they were", file->path, strerror(-error));
        else if (error >= 0 && file->failed)
                log_line(LOG_NOTICE, "The metrics are written to %s again", file->path);
        file->failed = error < 0;
}

static int on_due(sd_event_source *source _unused_, uint64_t now, void *userdata) {
        MetricsFile *file = userdata;

        report(file, replace(file));
        file->due_usec = now + METRICS_PERIOD_USEC;
        return 0;
}

void metrics_file_update(MetricsFile *file) {
        uint64_t now;

        if (sd_event_now(file->event, CLOCK_MONOTONIC, &now) >= 0)
                (void) timer_start_if_off(file->timer, file->due_usec > now ? file->due_usec - now : 0);
}

int metrics_file_new(sd_event *event, const char *path, MetricsCollect collect, void *userdata, MetricsFile **ret) {
        MetricsFile *file = calloc(1, sizeof(*file));
        int r;

        if (!file)
                return -ENOMEM;
        *file = (MetricsFile) { .event = event, .path = path, .collect = collect, .userdata = userdata };
        r = timer_new(event, on_due, file, &file->timer);
        if (r < 0) {
                free(file);
                return r;
        }
        *ret = file;
        return 0;
}

MetricsFile *metrics_file_free(MetricsFile *file) {
        if (!file)
                return NULL;
        sd_event_source_disable_unref(file->timer);
        free(file);
        return NULL;
}
