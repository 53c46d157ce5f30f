/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* cmocka's header wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The same, but so that compilers and analysers see that a test does not go on after a failure. */
#undef fail
#define fail() (_fail(__FILE__, __LINE__), abort())
#undef assert_true
#define assert_true(c) ((c) ? (void) 0 : (_assert_true(0, #c, __FILE__, __LINE__), abort()))
#undef assert_non_null
#define assert_non_null(c) assert_true((c) != NULL)
#undef assert_return_code
#define assert_return_code(rc, error) \
        ((rc) >= 0 ? (void) 0        \
                   : (_assert_return_code(UINTMAX_MAX, sizeof(int), (unsigned) (error), #rc, __FILE__, __LINE__), \
                      abort()))
