/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#define NANOSECONDS_PER_SECOND 1000000000

/* Exactly `width` digits, and `after` behind them unless that is 0. Returns what follows, or NULL. */
static const char *read_field(const char *text, unsigned width, char after, int *ret) {
        int value = 0;

        if (!text)
                return NULL;
        for (unsigned i = 0; i < width; i++, text++) {
                if (*text < '0' || *text > '9')
                        return NULL;
                value = value * 10 + (*text - '0');
        }
        if (after && *text++ != after)
                return NULL;
        *ret = value;
        return text;
}

static const char *read_date(const char *text, struct tm *ret) {
        text = read_field(text, 4, '-', &ret->tm_year);
        text = read_field(text, 2, '-', &ret->tm_mon);
        text = read_field(text, 2, 'T', &ret->tm_mday);
        text = read_field(text, 2, ':', &ret->tm_hour);
        text = read_field(text, 2, ':', &ret->tm_min);
        return read_field(text, 2, 0, &ret->tm_sec);
}

static bool is_date(const struct tm *date) {
        return date->tm_mon >= 1 && date->tm_mon <= 12 && date->tm_mday >= 1 && date->tm_mday <= 31 &&
               date->tm_hour <= 23 && date->tm_min <= 59 && date->tm_sec <= 60;
}

static const char *read_fraction(const char *text, uint32_t *ret) {
        uint32_t unit = NANOSECONDS_PER_SECOND / 10;

        *ret = 0;
        if (!text || *text != '.')
                return text;
        if (*++text < '0' || *text > '9')
                return NULL;
        for (; *text >= '0' && *text <= '9'; text++, unit /= 10)
                *ret += (uint32_t) (*text - '0') * unit;
        return text;
}

/* "Z", or how far the clock on the wall is ahead. */
static const char *read_zone(const char *text, int *ret_seconds) {
        int hours = 0, minutes = 0, sign;

        *ret_seconds = 0;
        if (!text)
                return NULL;
        if (*text == 'Z')
                return text + 1;
        if (*text != '+' && *text != '-')
                return NULL;
        sign = *text == '-' ? -1 : 1;
        text = read_field(text + 1, 2, ':', &hours);
        text = read_field(text, 2, 0, &minutes);
        if (hours > 23 || minutes > 59)
                return NULL;
        *ret_seconds = sign * (hours * 3600 + minutes * 60);
        return text;
}

int timestamp_parse(const char *text, Timestamp *ret) {
        struct tm date = {};
        uint32_t fraction;
        int zone;

        text = read_date(text, &date);
        text = read_fraction(text, &fraction);
        text = read_zone(text, &zone);
        if (!text || *text != '\0' || !is_date(&date))
                return -EINVAL;
        date.tm_year -= 1900;
        date.tm_mon -= 1;
        *ret = (Timestamp) { .seconds = (int64_t) timegm(&date) - zone, .nanoseconds = fraction };
        return 0;
}

int64_t timestamp_to_nanoseconds(const Timestamp *timestamp) {
        if (timestamp->seconds < 0 || timestamp->seconds >= INT64_MAX / NANOSECONDS_PER_SECOND)
                return 0;
        return timestamp->seconds * NANOSECONDS_PER_SECOND + timestamp->nanoseconds;
}
