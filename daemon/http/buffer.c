/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

/* A buffer that one huge answer made grow does not stay that large for the daemon's life. */
#define BUFFER_KEEP_MAX ((size_t) 64 * 1024)

int text_buffer_append(TextBuffer *buffer, const char *data, size_t size, size_t maximum) {
        int r;

        if (size > maximum || buffer->size > maximum - size)
                return -EMSGSIZE;
        if (size == 0)
                return 0;
        r = array_reserve(&buffer->text, &buffer->capacity, buffer->size + size, 1);
        if (r < 0)
                return r;
        memcpy(buffer->text + buffer->size, data, size);
        buffer->size += size;
        return 0;
}

void text_buffer_clear(TextBuffer *buffer) {
        if (buffer->capacity > BUFFER_KEEP_MAX)
                text_buffer_done(buffer);
        buffer->size = 0;
}

void text_buffer_done(TextBuffer *buffer) {
        free(buffer->text);
        *buffer = (TextBuffer) {};
}
