/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

/* What the targets share. A target is one function, which libFuzzer calls with ever new inputs, or regress.c with the
 * files of its corpus. Beside what the sanitizers see, it checks what must hold whatever the input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold: says which, and aborts, so that the input is kept. Never compiled out. */
#define CHECK(condition)                                                       \
        do {                                                                   \
                if (!(condition))                                              \
                        fuzz_fail(__FILE__, __LINE__, #condition);             \
        } while (0)

void fuzz_fail(const char *file, int line, const char *condition) __attribute__((noreturn));

/* For what tests may take for granted: memory. */
void *fuzz_must(void *pointer);

/* What is left of an input that is taken apart from its front. */
typedef struct FuzzInput {
        const uint8_t *data;
        size_t size;
} FuzzInput;

/* Where there is no more, zeros. */
uint8_t fuzz_take_byte(FuzzInput *input);
uint16_t fuzz_take_u16(FuzzInput *input);
void fuzz_take(FuzzInput *input, void *ret, size_t size);

/* A copy in memory of just that size, so that a sanitizer sees who reads beyond it; never NULL. The caller frees it. */
void *fuzz_copy(const void *data, size_t size);
/* The same as a string: with a zero behind it, and none inside (each becomes a blank). */
char *fuzz_text(const void *data, size_t size);

/* Not a byte differs, padding and all: what was like `before` was not written to. */
bool fuzz_is_untouched(const void *object, const void *before, size_t size);

/* The next line of a text in which lines end with '\n', cut off in place; NULL behind the last one. */
char *fuzz_line(char **cursor);

/* The text is what text_escape() promises: UTF-8 that can be shown on one line, shorter than `size`. */
void fuzz_check_shown(const char *text, size_t size);
