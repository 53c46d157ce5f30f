/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "common/macros.h"

/* A pool of texts that very many containers have alike, as a network's name and ID, and a label's key: each is kept once.
 * Its users are counted, so they need not know the pool to give one back, and may outlive it. */
typedef struct Texts Texts;

Texts *texts_new(void);
Texts *texts_free(Texts *texts);
DEFINE_CLEANUP(Texts, texts_free)

/* The pool's copy of the text, which has one user more, and must not be written to; NULL if there is no memory. What
 * nobody uses any more is forgotten when there is no room for another. */
char *texts_share(Texts *texts, const char *text);

/* One user less of a text that texts_share() returned; takes NULL. */
void text_release(char *text);

/* Those in the pool, used or not. */
size_t texts_count(const Texts *texts);
