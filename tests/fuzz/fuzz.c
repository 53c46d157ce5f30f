/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_fail(const char *file, int line, const char *condition) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        abort();
}

void *fuzz_must(void *pointer) {
        CHECK(pointer);
        return pointer;
}

void fuzz_take(FuzzInput *input, void *ret, size_t size) {
        size_t have = MIN(size, input->size);

        memset(ret, 0, size);
        if (have == 0)
                return;
        memcpy(ret, input->data, have);
        input->data += have;
        input->size -= have;
}

uint8_t fuzz_take_byte(FuzzInput *input) {
        uint8_t byte;

        fuzz_take(input, &byte, sizeof(byte));
        return byte;
}

uint16_t fuzz_take_u16(FuzzInput *input) {
        uint16_t number;

        fuzz_take(input, &number, sizeof(number));
        return number;
}

void *fuzz_copy(const void *data, size_t size) {
        void *copy = fuzz_must(malloc(size));

        if (size > 0)
                memcpy(copy, data, size);
        return copy;
}

char *fuzz_text(const void *data, size_t size) {
        char *text = fuzz_must(malloc(size + 1));

        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        for (size_t i = 0; i < size; i++)
                if (text[i] == '\0')
                        text[i] = ' ';
        return text;
}

bool fuzz_is_untouched(const void *object, const void *before, size_t size) {
        return memcmp(object, before, size) == 0;
}

char *fuzz_line(char **cursor) {
        return *cursor && **cursor ? strsep(cursor, "\n") : NULL;
}

/* One character, worked out from the bits and not, as in text.c, from the bytes that may stand where. */
static uint32_t next_character(const char **text) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const uint8_t *p = (const uint8_t *) *text;
        unsigned size = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : 4;
        uint32_t character = size == 1 ? *p : *p & (0x7fu >> size);

        CHECK(size < 4 || *p >> 3 == 30);
        for (unsigned i = 1; i < size; i++) {
                CHECK(p[i] >> 6 == 2);
                character = character << 6 | (p[i] & 0x3f);
        }
        CHECK(character >= smallest[size] && character <= 0x10ffff);
        CHECK(character < 0xd800 || character > 0xdfff);
        *text += size;
        return character;
}

static bool is_between(uint32_t character, uint32_t first, uint32_t last) {
        return character >= first && character <= last;
}

void fuzz_check_shown(const char *text, size_t size) {
        CHECK(strlen(text) < size);
        while (*text) {
                bool escape = *text == '\\';
                uint32_t c = next_character(&text);

                CHECK(!is_between(c, 0, 0x1f) && !is_between(c, 0x7f, 0x9f));
                CHECK(!is_between(c, 0x200e, 0x200f) && !is_between(c, 0x2028, 0x202e) &&
                      !is_between(c, 0x2066, 0x2069));
                CHECK(!escape || (text[0] == 'x' && strspn(text + 1, "0123456789abcdef") >= 2));
        }
}
