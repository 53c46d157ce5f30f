/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* Copies text from outside into the buffer so that it can be shown: control characters and the backslash become
 * \xHH, bytes that are not UTF-8 likewise, and what does not fit is cut with "..." at the end, never inside a
 * character. Always terminates; returns the buffer. `size` is at least 4. */
const char *text_escape(const char *text, size_t text_size, char *buffer, size_t size);

/* The candidate with the smallest edit distance to text (insertion, deletion, substitution, transposition; the case of
 * ASCII letters is none), or NULL if none is near: at most a third of the text differs. */
const char *text_nearest(const char *text, const char *const *candidates, size_t n_candidates);
