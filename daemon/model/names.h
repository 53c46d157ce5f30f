/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "common/macros.h"

/* A pool of names, for values that point to a name and live longer than where it came from. Equal names have one
 * pointer. */
typedef struct Names Names;

Names *names_new(void);
Names *names_free(Names *names);
DEFINE_CLEANUP(Names, names_free)

/* The pool's copy of the name, valid as long as the pool; NULL if there is no memory. */
const char *names_intern(Names *names, const char *name);

size_t names_count(const Names *names);
