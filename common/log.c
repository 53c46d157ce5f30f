/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum {
        MESSAGE_SIZE = 1024,
        FIELDS_MAX = 16,
        FIELD_SIZE = 64 + LOG_VALUE_SIZE_MAX,
};

static int max_priority = LOG_INFO;

void log_set_max_priority(int priority) {
        max_priority = priority;
}

/* systemd.exec(5): JOURNAL_STREAM holds device and inode of the stream that it connected to standard error. Where they
 * differ, somebody redirected it, and wants to see the lines there. */
static bool stderr_is_journal(void) {
        static int cached = -1;
        unsigned long long device, inode;
        const char *stream;
        struct stat st;

        if (cached < 0) {
                stream = getenv("JOURNAL_STREAM");
                cached = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                         fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
        }
        return cached;
}

static void journal_send(int priority, const char *message_id, const LogField *fields, const char *message) {
        static char text[FIELDS_MAX][FIELD_SIZE]; /* static: one thread, and too much for each stack frame */
        char line[MESSAGE_SIZE + 16], level[16], id[64];
        struct iovec iov[FIELDS_MAX + 3];
        int n = 0;

        iov[n++] = (struct iovec) { line, (size_t) snprintf(line, sizeof(line), "MESSAGE=%s", message) };
        iov[n++] = (struct iovec) { level, (size_t) snprintf(level, sizeof(level), "PRIORITY=%d", priority) };
        if (message_id)
                iov[n++] = (struct iovec) { id, (size_t) snprintf(id, sizeof(id), "MESSAGE_ID=%.32s", message_id) };
        for (size_t i = 0; fields && fields[i].name && i < FIELDS_MAX; i++) {
                if (!fields[i].value)
                        continue;
                snprintf(text[i], sizeof(text[i]), "%.60s=%.*s", fields[i].name, LOG_VALUE_SIZE_MAX, fields[i].value);
                iov[n++] = (struct iovec) { text[i], strlen(text[i]) };
        }
        (void) sd_journal_sendv(iov, n);
}

static void log_write(int priority, const char *message_id, const LogField *fields, const char *format,
                      va_list arguments) _printf_(4, 0);

static void log_write(int priority, const char *message_id, const LogField *fields, const char *format,
                      va_list arguments) {
        char message[MESSAGE_SIZE];

        if (priority > max_priority)
                return;
        vsnprintf(message, sizeof(message), format, arguments);
        if (stderr_is_journal())
                journal_send(priority, message_id, fields, message);
        else
                fprintf(stderr, "calico-exposed: %s\n", message);
}

void log_line(int priority, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_write(priority, NULL, NULL, format, arguments);
        va_end(arguments);
}

void log_event(int priority, const char *message_id, const LogField *fields, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        log_write(priority, message_id, fields, format, arguments);
        va_end(arguments);
}
