/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/docker/failing.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static unsigned remaining;
static bool failed;

void *failing_malloc(size_t size);
void *failing_calloc(size_t n, size_t size);
void *failing_realloc(void *pointer, size_t size);
char *failing_strdup(const char *text);
char *failing_strndup(const char *text, size_t size);

void failing_arm(unsigned n) {
        remaining = n;
        failed = false;
}

bool failing_has_failed(void) {
        return failed;
}

static bool fails_now(void) {
        if (remaining == 0 || --remaining > 0)
                return false;
        failed = true;
        errno = ENOMEM;
        return true;
}

void *failing_malloc(size_t size) {
        return fails_now() ? NULL : malloc(size);
}

void *failing_calloc(size_t n, size_t size) {
        return fails_now() ? NULL : calloc(n, size);
}

void *failing_realloc(void *pointer, size_t size) {
        return fails_now() ? NULL : realloc(pointer, size);
}

char *failing_strdup(const char *text) {
        return fails_now() ? NULL : strdup(text);
}

char *failing_strndup(const char *text, size_t size) {
        return fails_now() ? NULL : strndup(text, size);
}
