/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/http/buffer.h"

/* Cut the body of an answer, which arrives in chunks of any size, into texts that are decoded one at a time. Neither
 * splitter looks at what the JSON says: that is the decoder's business. */

/* One piece, valid during the call, not terminated. text is NULL, and size 0, where a piece was over the cap and is
 * skipped. A negative return value ends the feeding, and is what the feeding function returns. */
typedef int (*SplitterHandler)(void *userdata, const char *text, size_t size);

/* The stream of GET /events: one JSON object and '\n' each (Docker Engine API v1.24 to v1.52; control characters in
 * strings are escaped, so that a newline never is part of an object). A piece is a line without its '\n'; empty lines
 * are left out, and so is what follows the last '\n' when the stream ends. */
#define LINE_SIZE_MAX ((size_t) 1024 * 1024) /* an event repeats all labels of its container: some 1,000 labels fit */

typedef struct LineSplitter {
        TextBuffer line;
        bool skipping;
} LineSplitter;

/* A line over LINE_SIZE_MAX is reported at once, not only when (or if) it ends. Returns 0, -ENOMEM, or what the
 * handler returned; after a failure the splitter is only good for line_splitter_done(). */
int line_splitter_feed(LineSplitter *splitter, const char *data, size_t size, SplitterHandler handler, void *userdata);
void line_splitter_done(LineSplitter *splitter);

/* The body of GET /containers/json: one array of objects. A piece is the text of one object, from '{' to '}'. Only one
 * of them is in memory at a time, however long the list. */

/* The largest object that is read whole, as a row of the list or as the answer to an inspect. Docker takes labels of
 * 8 MiB (a list row holds them once), so that one such label does not hide its container; the tree that cJSON makes
 * of it takes about as much again. */
#define OBJECT_SIZE_MAX ((size_t) 16 * 1024 * 1024)
/* The whole list: 1,000 containers are 0.7 to 2 MB. */
#define LIST_SIZE_MAX ((uint64_t) 256 * 1024 * 1024)

typedef enum ArrayState {
        ARRAY_BEFORE,  /* the '[' comes */
        ARRAY_FIRST,   /* behind '[': an object or ']' */
        ARRAY_ELEMENT, /* behind ',': an object */
        ARRAY_INSIDE,  /* in an object */
        ARRAY_AFTER,   /* behind an object: ',' or ']' */
        ARRAY_END,     /* behind ']' */
} ArrayState;

typedef struct ArraySplitter {
        TextBuffer object;
        uint64_t total;
        unsigned depth; /* of braces and brackets in the object */
        ArrayState state;
        bool in_string;
        bool escaped; /* the last byte was a backslash in a string */
        bool skipping;
} ArraySplitter;

/* Returns 0; -EBADMSG if this is no array of objects, -EMSGSIZE if it is over LIST_SIZE_MAX as a whole; -ENOMEM; or
 * what the handler returned. After a failure the splitter is only good for array_splitter_done(). */
int array_splitter_feed(ArraySplitter *splitter, const char *data, size_t size, SplitterHandler handler,
                        void *userdata);

/* True once the closing ']' was there: an array without it was cut off on the way. */
static inline bool array_splitter_is_complete(const ArraySplitter *splitter) {
        return splitter->state == ARRAY_END;
}

void array_splitter_done(ArraySplitter *splitter);
