/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* How many of n rounds, which are all alike, are gone through: all of them, or one of ten where $CALICO_EXPOSED_SLOW says
 * that each takes far longer than usual, as under valgrind. */
unsigned rounds(unsigned n);
