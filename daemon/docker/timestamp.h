/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* A point in time as Go writes it into JSON (RFC 3339: "2024-05-06T07:08:09.123456789Z", "...+02:00"), split so that
 * each year that the format can name has a value. */
typedef struct Timestamp {
        int64_t seconds;      /* since the epoch; Go's zero time is in the year 1 */
        uint32_t nanoseconds; /* below 1e9 */
} Timestamp;

/* Returns 0 or -EINVAL. More than nine digits of a fraction are read over. */
int timestamp_parse(const char *text, Timestamp *ret);

/* Nanoseconds since the epoch; 0 for what is before it or does not fit (1970 to 2262 do), "unknown" in our records. */
int64_t timestamp_to_nanoseconds(const Timestamp *timestamp);
