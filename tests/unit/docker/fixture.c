/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/docker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"

char *fixture_read(const char *name, size_t *ret_size) {
        _cleanup_free_ char *path = NULL;
        char *text = NULL;
        size_t size = 0;
        FILE *file;

        if (asprintf(&path, "%s/%s", FIXTURES, name) < 0)
                abort();
        file = fopen(path, "re");
        if (!file) {
                perror(path);
                abort();
        }
        if (getdelim(&text, &(size_t) { 0 }, '\0', file) < 0)
                abort();
        size = (size_t) ftell(file);
        fclose(file);
        if (ret_size)
                *ret_size = size;
        return text;
}

char *fixture_copy(const char *text, size_t size) {
        char *copy = malloc(size ? size : 1);

        if (!copy)
                abort();
        memcpy(copy, text, size);
        return copy;
}
