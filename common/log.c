/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "common/clock.h"
#include "common/hash.h"
#include "common/repeats.h"

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum {
        MESSAGE_SIZE = 1024,
        FIELDS_MAX = 16,
        FIELD_SIZE = 64 + LOG_VALUE_SIZE_MAX,
        REPEATED_MAX = 64,
        REPEATED_SIZE = 256,
};

/* An entry that may come again. The longest ago is forgotten where there are more. */
typedef struct Repeated {
        Repeats repeats;
        int priority;
        const char *message_id;
        char message[REPEATED_SIZE];
} Repeated;

static Repeated repeated[REPEATED_MAX];

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

static void emit(int priority, const char *message_id, const LogField *fields, const char *message) {
        if (stderr_is_journal())
                journal_send(priority, message_id, fields, message);
        else
                fprintf(stderr, "calico-exposed: %s\n", message);
}

static uint64_t now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static uint64_t key_of(const LogField *fields, const char *message) {
        uint64_t key = hash_bytes(HASH_START, message, strlen(message) + 1);

        for (; fields && fields->name; fields++)
                if (fields->value)
                        key = hash_bytes(key, fields->value, strlen(fields->value) + 1);
        return key;
}

static void say_left_out(Repeated *entry) {
        char message[MESSAGE_SIZE];

        snprintf(message, sizeof(message), "%s (repeated %u times)", entry->message, entry->repeats.left_out);
        emit(entry->priority, entry->message_id, NULL, message);
        entry->repeats.left_out = 0;
}

static Repeated *find_repeated(uint64_t key) {
        Repeated *oldest = repeated;

        for (Repeated *entry = repeated; entry < repeated + REPEATED_MAX; entry++) {
                if (entry->repeats.key == key)
                        return entry;
                if (entry->repeats.since < oldest->repeats.since)
                        oldest = entry;
        }
        if (oldest->repeats.left_out > 0)
                say_left_out(oldest);
        oldest->repeats = (Repeats) { .key = key };
        return oldest;
}

/* False if it shall not be said; else how often that was so is appended. */
static bool count_repeated(int priority, const char *message_id, const LogField *fields,
                           char message[static MESSAGE_SIZE]) {
        Repeated *entry = find_repeated(key_of(fields, message));
        size_t length = strlen(message);
        unsigned left_out;

        if (!repeats_allow(&entry->repeats, now_usec(), &left_out))
                return false;
        entry->priority = priority;
        entry->message_id = message_id;
        snprintf(entry->message, sizeof(entry->message), "%s", message);
        if (left_out > 0)
                snprintf(message + length, MESSAGE_SIZE - length, " (repeated %u times)", left_out);
        return true;
}

void log_flush_repeats(bool all) {
        uint64_t now = now_usec();

        for (Repeated *entry = repeated; entry < repeated + REPEATED_MAX; entry++)
                if (all ? entry->repeats.left_out > 0 : repeats_is_due(&entry->repeats, now))
                        say_left_out(entry);
}

static void log_write(int priority, const char *message_id, const LogField *fields, const char *format,
                      va_list arguments) _printf_(4, 0);

static void log_write(int priority, const char *message_id, const LogField *fields, const char *format,
                      va_list arguments) {
        char message[MESSAGE_SIZE];

        if (priority > max_priority)
                return;
        vsnprintf(message, sizeof(message), format, arguments);
        if (priority >= LOG_INFO || count_repeated(priority, message_id, fields, message))
                emit(priority, message_id, fields, message);
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
