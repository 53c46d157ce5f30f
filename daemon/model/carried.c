/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/carried.h"

#include <errno.h>
#include <stdlib.h>

#include "common/macros.h"

static size_t count_shared(const Elements *elements) {
        size_t n = 0;

        for (size_t i = 0; i < elements->count; i++)
                n += element_is_shared(elements->items[i].kind);
        return n;
}

/* No larger than need be: there is one for each container. */
static int carried_allocate(Carried *carried, size_t n_shared, size_t n_own) {
        carried->shares = calloc(n_shared + 1, sizeof(Share *)); /* nearly all share their profile */
        carried->own.items = n_own > 0 ? calloc(n_own, sizeof(Element)) : NULL;
        carried->own.capacity = n_own;
        return !carried->shares || (n_own > 0 && !carried->own.items) ? -ENOMEM : 0;
}

static Share *take_share(Shares *shares, const Element *element) {
        Share *share = shares_touch(shares, element);

        if (share)
                share->next++;
        return share;
}

/* There is room in both arrays. */
static int carried_add(Carried *carried, const Element *element, Shares *shares) {
        Share *share;

        if (!element_is_shared(element->kind))
                return elements_append(&carried->own, element);
        share = take_share(shares, element);
        if (!share)
                return -ENOMEM;
        carried->shares[carried->n_shares++] = share;
        return 0;
}

Carried *carried_new(const Elements *elements, Shares *shares) {
        size_t n_shared = count_shared(elements);
        Carried *carried = calloc(1, sizeof(*carried));

        if (!carried || carried_allocate(carried, n_shared, elements->count - n_shared) < 0)
                return carried_free(carried);
        for (size_t i = 0; i < elements->count; i++)
                if (carried_add(carried, &elements->items[i], shares) < 0)
                        return carried_free(carried);
        return carried;
}

Carried *carried_free(Carried *carried) {
        if (!carried)
                return NULL;
        elements_done(&carried->own);
        free(carried->shares);
        free(carried);
        return NULL;
}

void carried_release(const Carried *carried, Shares *shares) {
        for (size_t i = 0; i < carried->n_shares; i++) {
                shares_touch_again(shares, carried->shares[i]);
                carried->shares[i]->next--;
        }
}
