/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "common/macros.h"

/* The journal where standard error is the journal's (systemd sets JOURNAL_STREAM), plain lines on standard error
 * otherwise. Text from outside must be escaped (text_escape()) before it comes here. */

/* A field of a structured entry; a list of them ends with a NULL name. Fields whose value is NULL are left out. */
typedef struct LogField {
        const char *name; /* "CALICO_EXPOSED_STATE" */
        const char *value;
} LogField;

#define LOG_VALUE_SIZE_MAX 256 /* longer values are cut */

/* priority as syslog(3). What is more important than LOG_INFO and the same again and again, fields included, is said some
 * times, then counted, and said with its number: see repeats.h. */
void log_line(int priority, const char *format, ...) _printf_(2, 3);

/* message_id: 32 hex digits of the journal's catalog, a constant, or NULL. */
void log_event(int priority, const char *message_id, const LogField *fields, const char *format, ...) _printf_(4, 5);

/* Says what was counted and did not come again; all: whether its time is over or not, before the end. To be called now
 * and then. */
void log_flush_repeats(bool all);

/* Entries above that priority are left out: LOG_INFO unless told. */
void log_set_max_priority(int priority);
