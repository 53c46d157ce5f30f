/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"

/* By its first byte; 0 if no character begins so. */
static size_t utf8_expected_size(uint8_t first) {
        if (first < 0x80)
                return 1;
        if (first < 0xc2)
                return 0;
        if (first < 0xe0)
                return 2;
        if (first < 0xf0)
                return 3;
        return first < 0xf5 ? 4 : 0;
}

/* The number of bytes of the UTF-8 character that text begins with (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF), or 0 if it is none. */
static size_t utf8_character_size(const char *text, size_t size) {
        const uint8_t *p = (const uint8_t *) text;
        size_t need = utf8_expected_size(p[0]);

        if (need == 0 || need > size)
                return 0;
        for (size_t i = 1; i < need; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
            (p[0] == 0xf4 && p[1] > 0x8f))
                return 0;
        return need;
}

/* C0 and C1 controls, DEL, and what turns the direction of text around or ends a line on a terminal. */
static bool is_unprintable(const char *text, size_t size) {
        const uint8_t *p = (const uint8_t *) text;

        if (size == 1)
                return p[0] < 0x20 || p[0] == 0x7f || p[0] == '\\';
        if (size == 2)
                return p[0] == 0xc2 && p[1] < 0xa0;
        if (size == 3 && p[0] == 0xe2 && p[1] == 0x80)
                return (p[2] >= 0xa8 && p[2] <= 0xae) || p[2] == 0x8e || p[2] == 0x8f;
        return size == 3 && p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9;
}

const char *text_escape(const char *text, size_t text_size, char *buffer, size_t size) {
        size_t used = 0, fits = 0; /* fits: how much may stand if "..." must follow */

        for (size_t i = 0; i < text_size;) {
                char shown[4 * 4 + 1];
                size_t character = utf8_character_size(text + i, text_size - i);
                size_t n = 0;

                if (character == 0 || is_unprintable(text + i, character)) {
                        character = MAX(character, (size_t) 1);
                        for (size_t k = 0; k < character; k++)
                                n += (size_t) snprintf(shown + n, sizeof(shown) - n, "\\x%02x",
                                                       (uint8_t) text[i + k]);
                } else {
                        memcpy(shown, text + i, character);
                        n = character;
                }
                if (used + n >= size) {
                        strcpy(buffer + fits, "...");
                        return buffer;
                }
                memcpy(buffer + used, shown, n);
                used += n;
                i += character;
                if (used + 4 <= size)
                        fits = used;
        }
        buffer[used] = '\0';
        return buffer;
}

static int lower(char c) {
        return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

static bool same(char a, char b) {
        return lower(a) == lower(b);
}

/* Edit distance with transpositions of neighbours (optimal string alignment), by three rows. */
static size_t edit_distance(const char *a, const char *b) {
        enum { WORD_MAX = 64 };
        size_t rows[3][WORD_MAX + 1];
        size_t n = strlen(a), m = strlen(b);
        size_t *before = rows[0], *last = rows[1], *row = rows[2];

        if (n > WORD_MAX || m > WORD_MAX)
                return MAX(n, m);
        for (size_t j = 0; j <= m; j++)
                last[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t *next = before;

                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        row[j] = MIN(MIN(last[j] + 1, row[j - 1] + 1), last[j - 1] + !same(a[i - 1], b[j - 1]));
                        if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                                row[j] = MIN(row[j], before[j - 2] + 1);
                }
                before = last;
                last = row;
                row = next;
        }
        return last[m];
}

const char *text_nearest(const char *text, const char *const *candidates, size_t n_candidates) {
        size_t best = strlen(text) / 3 + 1;
        const char *nearest = NULL;

        for (size_t i = 0; i < n_candidates; i++) {
                size_t distance = edit_distance(text, candidates[i]);

                if (distance < best) {
                        best = distance;
                        nearest = candidates[i];
                }
        }
        return nearest;
}
