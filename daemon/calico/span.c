/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The scanner: each function is given where a thing begins, and returns where it ends, or NULL if it is none. */

static const char *skip_blanks(const char *p, const char *end) {
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        return p;
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static int hex_digit(char c) {
        return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *skip_escape(const char *p, const char *end) {
        if (p == end || !*p || !strchr("\"\\/bfnrtu", *p))
                return NULL;
        if (*p++ != 'u')
                return p;
        if (end - p < 4)
                return NULL;
        for (int i = 0; i < 4; i++)
                if (hex_digit(*p++) < 0)
                        return NULL;
        return p;
}

static const char *skip_string(const char *p, const char *end) {
        if (p == end || *p++ != '"')
                return NULL;
        while (p && p < end) {
                unsigned char c = (unsigned char) *p++;

                if (c == '"')
                        return p;
                if (c < 0x20)
                        return NULL;
                if (c == '\\')
                        p = skip_escape(p, end);
        }
        return NULL;
}

static const char *skip_digits(const char *p, const char *end) {
        if (p == end || !is_digit(*p))
                return NULL;
        while (p < end && is_digit(*p))
                p++;
        return p;
}

static const char *skip_number(const char *p, const char *end) {
        if (p < end && *p == '-')
                p++;
        p = p < end && *p == '0' ? p + 1 : skip_digits(p, end);
        if (p && p < end && *p == '.')
                p = skip_digits(p + 1, end);
        if (p && p < end && (*p == 'e' || *p == 'E')) {
                p++;
                if (p < end && (*p == '+' || *p == '-'))
                        p++;
                p = skip_digits(p, end);
        }
        return p;
}

static const char *skip_word(const char *p, const char *end) {
        static const char *const words[] = { "true", "false", "null" };

        for (size_t i = 0; i < 3; i++) {
                size_t size = strlen(words[i]);

                if ((size_t) (end - p) >= size && memcmp(p, words[i], size) == 0)
                        return p + size;
        }
        return NULL;
}

static const char *skip_value(const char *p, const char *end, unsigned depth);

/* From behind a key to behind the colon and the blanks that follow. */
static const char *skip_colon(const char *p, const char *end) {
        if (!p)
                return NULL;
        p = skip_blanks(p, end);
        return p < end && *p == ':' ? skip_blanks(p + 1, end) : NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): no deeper than SPAN_DEPTH_MAX */
static const char *skip_container(const char *p, const char *end, unsigned depth) {
        char close = *p == '{' ? '}' : ']';

        if (depth == SPAN_DEPTH_MAX)
                return NULL;
        p = skip_blanks(p + 1, end);
        if (p < end && *p == close)
                return p + 1;
        while (p) {
                if (close == '}')
                        p = skip_colon(skip_string(p, end), end);
                if (p)
                        p = skip_value(p, end, depth + 1);
                if (!p)
                        return NULL;
                p = skip_blanks(p, end);
                if (p == end || (*p != ',' && *p != close))
                        return NULL;
                if (*p == close)
                        return p + 1;
                p = skip_blanks(p + 1, end);
        }
        return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as above */
static const char *skip_value(const char *p, const char *end, unsigned depth) {
        if (p == end)
                return NULL;
        switch (*p) {
        case '{':
        case '[':
                return skip_container(p, end, depth);
        case '"':
                return skip_string(p, end);
        case 't':
        case 'f':
        case 'n':
                return skip_word(p, end);
        default:
                return skip_number(p, end);
        }
}

int span_parse(const char *text, size_t size, Span *ret) {
        const char *end = text + size, *start = skip_blanks(text, end), *p = skip_value(start, end, 0);

        if (!p || skip_blanks(p, end) != end)
                return -EBADMSG;
        *ret = (Span) { start, (size_t) (p - start) };
        return 0;
}

/* The parts of what is known to be right. */

/* The character that an escape stands for, or -1 for one that no name of ours holds. */
static int escaped_character(const char *p) {
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        int character = 0;

        if (*p != 'u')
                return to[strchr(from, *p) - from];
        for (int i = 1; i <= 4; i++)
                character = character * 16 + hex_digit(p[i]);
        return character < 0x80 ? character : -1;
}

/* Keys may be written with escapes, too. */
static bool key_equals(const char *key, const char *end, const char *name) {
        for (key++, end--; key < end; name++) {
                int character = (unsigned char) *key;

                if (character == '\\') {
                        character = escaped_character(key + 1);
                        key += key[1] == 'u' ? 6 : 2;
                } else
                        key++;
                if (*name == '\0' || character != (unsigned char) *name)
                        return false;
        }
        return *name == '\0';
}

int span_member(const Span *object, const char *name, Span *ret) {
        const char *end = object->text + object->size, *p = skip_blanks(object->text + 1, end);
        int found = 0;

        while (*p == '"') {
                const char *behind = skip_string(p, end), *value = skip_colon(behind, end);
                bool equal = key_equals(p, behind, name);

                p = skip_value(value, end, 0);
                if (equal) {
                        if (found++)
                                return -EBADMSG;
                        *ret = (Span) { value, (size_t) (p - value) };
                }
                p = skip_blanks(p, end);
                if (*p == ',')
                        p = skip_blanks(p + 1, end);
        }
        return found;
}

bool span_next_item(const Span *array, Span *item) {
        const char *end = array->text + array->size, *p;

        p = skip_blanks(item->text ? item->text + item->size : array->text + 1, end);
        if (item->text && *p == ',')
                p = skip_blanks(p + 1, end);
        if (*p == ']')
                return false;
        *item = (Span) { p, (size_t) (skip_value(p, end, 0) - p) };
        return true;
}

/* The whole with what is between two places replaced. */
static char *splice(const Span *whole, const char *from, const char *to, const char *comma, const char *value) {
        char *text;

        if (asprintf(&text, "%.*s%s%s%.*s", (int) (from - whole->text), whole->text, comma, value,
                     (int) (whole->text + whole->size - to), to) < 0)
                return NULL;
        return text;
}

char *span_remove_item(const Span *whole, const Span *array, const Span *item) {
        Span before = {}, next = *item;

        if (span_next_item(array, &next))
                return splice(whole, item->text, next.text, "", "");
        for (Span i = {}; span_next_item(array, &i) && i.text != item->text;)
                before = i;
        return splice(whole, before.text ? before.text + before.size : item->text, item->text + item->size, "", "");
}

char *span_append_item(const Span *whole, const Span *array, const char *value) {
        Span last = {};
        const char *at;

        while (span_next_item(array, &last))
                ;
        at = last.text ? last.text + last.size : array->text + 1;
        return splice(whole, at, at, last.text ? "," : "", value);
}
