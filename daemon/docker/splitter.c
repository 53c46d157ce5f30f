/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/splitter.h"

#include <errno.h>
#include <string.h>

#include "common/macros.h"

/* Keeps the piece's next part; where it gets too long, says so once and drops it. */
static int keep(TextBuffer *buffer, bool *skipping, const char *data, size_t size, size_t maximum,
                SplitterHandler handler, void *userdata) {
        int r;

        if (*skipping)
                return 0;
        r = text_buffer_append(buffer, data, size, maximum);
        if (r != -EMSGSIZE)
                return r;
        *skipping = true;
        text_buffer_clear(buffer);
        return handler(userdata, NULL, 0);
}

/* The piece ends with this part. One that came in a single chunk, as nearly all do, is not copied. */
static int hand_out(TextBuffer *buffer, bool *skipping, const char *data, size_t size, size_t maximum,
                    SplitterHandler handler, void *userdata) {
        int r;

        if (buffer->size == 0 && !*skipping && size <= maximum)
                return size > 0 ? handler(userdata, data, size) : 0;
        r = keep(buffer, skipping, data, size, maximum, handler, userdata);
        if (r >= 0 && !*skipping)
                r = handler(userdata, buffer->text, buffer->size);
        *skipping = false;
        text_buffer_clear(buffer);
        return r;
}

int line_splitter_feed(LineSplitter *splitter, const char *data, size_t size, SplitterHandler handler, void *userdata) {
        const char *end = data + size;
        TextBuffer *line = &splitter->line;

        while (data < end) {
                const char *newline = memchr(data, '\n', (size_t) (end - data));
                size_t part = (size_t) ((newline ? newline : end) - data);
                int r;

                if (newline)
                        r = hand_out(line, &splitter->skipping, data, part, LINE_SIZE_MAX, handler, userdata);
                else
                        r = keep(line, &splitter->skipping, data, part, LINE_SIZE_MAX, handler, userdata);
                if (r < 0)
                        return r;
                data += part + (newline ? 1 : 0);
        }
        return 0;
}

void line_splitter_done(LineSplitter *splitter) {
        text_buffer_done(&splitter->line);
}

/* Bytes of a string from here on that are neither its end nor an escape: most of a list is such. */
static size_t plain_bytes(const char *data, size_t size) {
        size_t i = 0;

        while (i < size && data[i] != '"' && data[i] != '\\')
                i++;
        return i;
}

/* Bytes until the object's end, with it, or all of them if it ends later; *ret_ended says which. */
static size_t scan_object(ArraySplitter *splitter, const char *data, size_t size, bool *ret_ended) {
        for (size_t i = 0; i < size; i++) {
                if (splitter->in_string && !splitter->escaped) {
                        i += plain_bytes(data + i, size - i);
                        if (i == size)
                                break;
                        splitter->escaped = data[i] == '\\';
                        splitter->in_string = splitter->escaped;
                } else if (splitter->escaped)
                        splitter->escaped = false;
                else if (data[i] == '"')
                        splitter->in_string = true;
                else if (data[i] == '{' || data[i] == '[')
                        splitter->depth++;
                else if ((data[i] == '}' || data[i] == ']') && --splitter->depth == 0) {
                        *ret_ended = true;
                        return i + 1;
                }
        }
        *ret_ended = false;
        return size;
}

static int feed_object(ArraySplitter *splitter, const char *data, size_t size, SplitterHandler handler, void *userdata,
                       size_t *ret_used) {
        bool ended;
        size_t used = scan_object(splitter, data, size, &ended);
        int r;

        if (ended) {
                splitter->state = ARRAY_AFTER;
                r = hand_out(&splitter->object, &splitter->skipping, data, used, OBJECT_SIZE_MAX, handler, userdata);
        } else
                r = keep(&splitter->object, &splitter->skipping, data, used, OBJECT_SIZE_MAX, handler, userdata);
        *ret_used = used;
        return r;
}

/* One byte between the objects. Returns 1 if an object begins with it, else 0 or -EBADMSG. */
static int step_between(ArraySplitter *splitter, char c) {
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
                return 0;
        if (splitter->state == ARRAY_BEFORE && c == '[')
                splitter->state = ARRAY_FIRST;
        else if (splitter->state == ARRAY_AFTER && c == ',')
                splitter->state = ARRAY_ELEMENT;
        else if ((splitter->state == ARRAY_FIRST || splitter->state == ARRAY_AFTER) && c == ']')
                splitter->state = ARRAY_END;
        else if ((splitter->state == ARRAY_FIRST || splitter->state == ARRAY_ELEMENT) && c == '{') {
                splitter->state = ARRAY_INSIDE;
                return 1;
        } else
                return -EBADMSG;
        return 0;
}

int array_splitter_feed(ArraySplitter *splitter, const char *data, size_t size, SplitterHandler handler,
                        void *userdata) {
        int r;

        splitter->total += size;
        if (splitter->total > LIST_SIZE_MAX)
                return -EMSGSIZE;
        while (size > 0) {
                size_t used = 0;

                if (splitter->state != ARRAY_INSIDE) {
                        r = step_between(splitter, *data);
                        used = r == 0; /* the brace is read again as the object's first byte */
                } else
                        r = feed_object(splitter, data, size, handler, userdata, &used);
                if (r < 0)
                        return r;
                data += used;
                size -= used;
        }
        return 0;
}

void array_splitter_done(ArraySplitter *splitter) {
        text_buffer_done(&splitter->object);
}
