/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* A buffer that grows up to a cap and is used again and again. */
typedef struct TextBuffer {
        char *text;
        size_t size;
        size_t capacity;
} TextBuffer;

/* Returns 0, -EMSGSIZE if the text would be over `maximum` bytes (the buffer stays as it was), or -ENOMEM. */
int text_buffer_append(TextBuffer *buffer, const char *data, size_t size, size_t maximum);
/* Empties it; memory beyond what an ordinary text needs is given back. */
void text_buffer_clear(TextBuffer *buffer);
void text_buffer_done(TextBuffer *buffer);
