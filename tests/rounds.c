/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/rounds.h"

#include <stdlib.h>

unsigned rounds(unsigned n) {
        return getenv("CALICO_EXPOSED_SLOW") ? (n + 9) / 10 : n;
}
