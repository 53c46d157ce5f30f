/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* A file of fixtures/, whole and terminated; the caller frees it. Aborts if there is none. */
char *fixture_read(const char *name, size_t *ret_size);

/* A copy that is not terminated, so that valgrind and ASan find what is read behind it; the caller frees it. */
char *fixture_copy(const char *text, size_t size);
