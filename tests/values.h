/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/address.h"

/* Values as a test writes them; one that cannot be read fails it. */
Address address(const char *text);
Prefix prefix(const char *text);

/* How many of n rounds, which are all alike, are gone through: all of them, or one of ten where $CALICO_EXPOSED_SLOW says
 * that each takes far longer than usual, as under valgrind. */
unsigned rounds(unsigned n);
