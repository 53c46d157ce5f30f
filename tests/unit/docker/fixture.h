/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* A file of fixtures/, whole and terminated; the caller frees it. Aborts if there is none. */
char *fixture_read(const char *name, size_t *ret_size);
