/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Where in a JSON text its parts are, so that an edit changes the bytes that it is about and no others: whatever a
 * record holds beside (keys of other versions, numbers beyond 2^53, escapes, blanks) stays as it was written. Strict
 * as RFC 8259, which Felix' and calicoctl's reader is too. */

/* One JSON value, without blanks around it. It points into the text. */
typedef struct Span {
        const char *text;
        size_t size;
} Span;

#define SPAN_DEPTH_MAX 64 /* of arrays and objects in each other */

/* The one value that the text is. Returns 0, or -EBADMSG if it is not exactly one value, or over the depth. */
int span_parse(const char *text, size_t size, Span *ret);

/* Those below take spans that came from span_parse(). */

static inline bool span_is_object(const Span *span) {
        return *span->text == '{';
}

static inline bool span_is_array(const Span *span) {
        return *span->text == '[';
}

/* The value of an object's member. Returns 1, 0 if there is none, -EBADMSG if there are several. */
int span_member(const Span *object, const char *name, Span *ret);

/* Goes through an array: from item->text == NULL to the first, and on to the next. False at the end. */
bool span_next_item(const Span *array, Span *item);

/* The whole text with `item` of `array` taken out, or with `value` behind the last item: from malloc(), terminated;
 * NULL if there is no memory. */
char *span_remove_item(const Span *whole, const Span *array, const Span *item);
char *span_append_item(const Span *whole, const Span *array, const char *value);
