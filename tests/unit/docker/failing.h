/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

/* Allocations that fail when told: what is compiled with malloc and the like defined as these (see CMakeLists.txt). */

/* The n-th allocation from now on fails, n >= 1, and it alone; 0: none. */
void failing_arm(unsigned n);
/* Whether it has. */
bool failing_has_failed(void);
