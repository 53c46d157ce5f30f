/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* What the keys of our labels begin with. In any case, so that "Calico.Expose" can be warned about. */
#define LABEL_PREFIX "calico.expose"

static inline bool is_label_of_ours(const char *key) {
        return strncasecmp(key, LABEL_PREFIX, strlen(LABEL_PREFIX)) == 0;
}
