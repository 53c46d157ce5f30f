/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/share.h"

#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/macros.h"

bool element_is_shared(ElementKind kind) {
        switch (kind) {
        case ELEMENT_PROFILE:
        case ELEMENT_LIMIT:
        case ELEMENT_LIMIT_FROM:
        case ELEMENT_LIMIT_INTERFACE:
        case ELEMENT_DNAT_LIMIT: /* of a port that several balance */
        case ELEMENT_NEIGHBOURS:
        case ELEMENT_LOCALNET:
        case ELEMENT_HAIRPIN_PORT:
                return true;
        default:
                return false;
        }
}

static int compare_share(const void *key, const void *item) {
        return element_compare(key, &(*(Share *const *) item)->element);
}

static size_t locate(const Shares *shares, const Element *element) {
        return array_lower_bound(element, shares->items, shares->count, sizeof(*shares->items), compare_share);
}

const Share *shares_find(const Shares *shares, const Element *element) {
        size_t at = locate(shares, element);

        return at < shares->count && compare_share(element, &shares->items[at]) == 0 ? shares->items[at] : NULL;
}

/* There is room: see share_make(). */
static Share *touch(Shares *shares, Share *share) {
        if (share->touched)
                return share;
        share->touched = true;
        share->next = share->users;
        shares->touched[shares->n_touched++] = share;
        return share;
}

static Share *share_make(Shares *shares, const Element *element, size_t at) {
        Share *share;

        if (array_reserve(&shares->touched, &shares->touched_capacity, shares->count + 1, sizeof(Share *)) < 0)
                return NULL;
        share = calloc(1, sizeof(*share));
        if (!share || array_insert_gap(&shares->items, &shares->count, &shares->capacity, at, sizeof(Share *)) < 0) {
                free(share);
                return NULL;
        }
        share->element = *element;
        return shares->items[at] = share;
}

Share *shares_touch(Shares *shares, const Element *element) {
        size_t at = locate(shares, element);
        Share *share;

        if (at < shares->count && compare_share(element, &shares->items[at]) == 0)
                return touch(shares, shares->items[at]);
        share = share_make(shares, element, at);
        return share ? touch(shares, share) : NULL;
}

void shares_touch_again(Shares *shares, Share *share) {
        (void) touch(shares, share);
}

static bool share_will_have_users(const Share *share) {
        return (share->touched ? share->next : share->users) > 0;
}

/* They stand together, a network before those that lie in it. */
static void decide_neighbours(Shares *shares) {
        const Element first = { .kind = ELEMENT_NEIGHBOURS, .name = "" };
        const Element *last = NULL;

        for (size_t i = locate(shares, &first); i < shares->count; i++) {
                Share *share = shares->items[i];
                bool wanted = share_will_have_users(share);

                if (share->element.kind != ELEMENT_NEIGHBOURS)
                        return;
                if (wanted && last && last->family == share->element.family &&
                    prefix_contains(&last->prefix, &share->element.prefix.address))
                        wanted = false;
                if (wanted)
                        last = &share->element;
                if (share->touched || wanted != share->present)
                        touch(shares, share)->wanted = wanted;
        }
}

void shares_decide(Shares *shares) {
        bool neighbours = false;

        for (size_t i = 0; i < shares->n_touched; i++) {
                Share *share = shares->touched[i];

                share->wanted = share->next > 0;
                neighbours |= share->element.kind == ELEMENT_NEIGHBOURS && share->wanted != (share->users > 0);
                if (share->element.kind == ELEMENT_NEIGHBOURS && share->wanted && share->users > 0)
                        share->wanted = share->present; /* unless another network changes that */
        }
        if (neighbours)
                decide_neighbours(shares);
}

static int compare_pointers(const void *a, const void *b) {
        return compare_share(&(*(Share *const *) a)->element, b);
}

int shares_append_touched(const Shares *shares, Elements *before, Elements *after) {
        int r = 0;

        array_sort(shares->touched, shares->n_touched, sizeof(Share *), compare_pointers);
        for (size_t i = 0; i < shares->n_touched && r >= 0; i++) {
                const Share *share = shares->touched[i];

                if (share->present)
                        r = elements_append(before, &share->element);
                if (r >= 0 && share->wanted)
                        r = elements_append(after, &share->element);
        }
        return r;
}

static void remove_unused(Shares *shares, Share *share) {
        if (share->users == 0 && !share->present) {
                array_remove(&shares->items, &shares->count, locate(shares, &share->element), sizeof(Share *));
                free(share);
        }
}

static void finish(Shares *shares, bool carried_out) {
        for (size_t i = 0; i < shares->n_touched; i++) {
                Share *share = shares->touched[i];

                share->touched = false;
                if (carried_out) {
                        share->users = share->next;
                        share->present = share->wanted;
                }
                remove_unused(shares, share);
        }
        shares->n_touched = 0;
}

void shares_commit(Shares *shares) {
        finish(shares, true);
}

void shares_abandon(Shares *shares) {
        finish(shares, false);
}

void shares_done(Shares *shares) {
        for (size_t i = 0; i < shares->count; i++)
                free(shares->items[i]);
        free(shares->items);
        free(shares->touched);
        *shares = (Shares) {};
}
