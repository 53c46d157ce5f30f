/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"

/* The elements that several records may need: a profile's chain, a limit with its sets, the way to it from a port that
 * several balance, the neighbours of a network, the switch of an interface; and the hairpin ports, which the kernel's side asks for. Who needs one is counted. */
typedef struct Share {
        Element element;
        unsigned users;
        unsigned next; /* users, if the decision under way is carried out */
        bool present;  /* in the kernel */
        bool wanted;   /* in the kernel, if the decision under way is carried out */
        bool touched;  /* the decision under way looks at it */
} Share;

typedef struct Shares {
        Share **items; /* sorted by element_compare() */
        size_t count, capacity;
        Share **touched; /* with room for all */
        size_t n_touched, touched_capacity;
} Shares;

bool element_is_shared(ElementKind kind);

/* The one of that element, which is made if there is none; touched from now on. NULL: no memory. */
Share *shares_touch(Shares *shares, const Element *element);
void shares_touch_again(Shares *shares, Share *share);

/* Finds out which of the touched ones are wanted: those that will have users, and, of networks that lie in each other,
 * the largest (the kernel's interval sets refuse both). */
void shares_decide(Shares *shares);

/* Sorted: those touched that are, or will be, in the kernel. Returns 0 or -ENOMEM. */
int shares_append_touched(const Shares *shares, Elements *before, Elements *after);

/* What was decided is carried out, or is not: nothing is touched any more, and what nobody needs is gone. */
void shares_commit(Shares *shares);
void shares_abandon(Shares *shares);

const Share *shares_find(const Shares *shares, const Element *element);
void shares_done(Shares *shares);
