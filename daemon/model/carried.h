/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/share.h"

/* What stands in the kernel for one record: elements that no other needs, and those that it shares. There is one for
 * each container: it is one piece of memory, in which the elements have no room for what they do not say. */
typedef struct Carried Carried;
struct Carried {
        Carried *next; /* while its record is gone already */
        unsigned n_shares;
        unsigned n_own;
        unsigned size; /* of the packed elements, behind the shares */
        Share *shares[];
};

/* elements: of one record, each once; shares are touched, and counted as having one user more. NULL: no memory, and
 * some of them may be counted. */
Carried *carried_new(const Elements *elements, Shares *shares);
Carried *carried_free(Carried *carried);

/* One more that no other needs; *carried is another pointer then. Returns 0 or -ENOMEM. */
int carried_add_own(Carried **carried, const Element *element);

/* Appends those that no other needs. Returns 0 or -ENOMEM. */
int carried_append_own(const Carried *carried, Elements *to);

/* Its shares, which are in there, are touched, and counted as having one user less. */
void carried_release(const Carried *carried, Shares *shares);
