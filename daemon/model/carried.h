/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/share.h"

/* What stands in the kernel for one record: elements that no other needs, and those that it shares. */
typedef struct Carried Carried;
struct Carried {
        Elements own;
        Share **shares;
        size_t n_shares;
        Carried *next; /* while its record is gone already */
};

/* elements: of one record, each once; shares are touched, and counted as having one user more. NULL: no memory, and
 * some of them may be counted. */
Carried *carried_new(const Elements *elements, Shares *shares);
Carried *carried_free(Carried *carried);

/* Its shares, which are in there, are touched, and counted as having one user less. */
void carried_release(const Carried *carried, Shares *shares);
