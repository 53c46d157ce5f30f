/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/images.h"
#include "daemon/model/model.h"

/* What Docker's lists say, beside the records. A list comes row by row, and other things happen in between: nothing
 * here takes longer the more containers there are, but for the first list, before which nothing is decided.
 *
 * That one is kept until it is known to be whole, and taken as it is then. Of a later one, a row that says something
 * else than the record may be the older of the two; and so may the list that does not have it. All that it leads to is
 * that Docker is asked for that container. */
typedef struct Listing Listing;

typedef struct ListingHandlers {
        void (*learn)(void *userdata, Container *container); /* handed over: of the first list, and without a record */
        void (*inspect)(void *userdata, const char *id);     /* Docker is to be asked */
} ListingHandlers;

/* Copies the handlers. Returns 0 or a negative errno. */
int listing_new(sd_event *event, Model *model, Images *images, const ListingHandlers *handlers, void *userdata,
                Listing **ret);
Listing *listing_free(Listing *listing);
DEFINE_CLEANUP(Listing, listing_free)

/* A row of the list that is under way; handed over. */
void listing_add(Listing *listing, Container *row);

/* Docker said that it is gone, or does not run. A first list that is under way may have it still, and say that it runs:
 * it is asked for once more when that is taken. */
void listing_doubt(Listing *listing, const char *id);

/* All rows were there. The records that it does not have, or does not say enough of, are looked for when nothing else
 * is to be done. Returns 1 if it was a first list, else 0; or -ENOMEM: a row of the first list is lost, and so all of
 * it. */
int listing_finish(Listing *listing);

/* It broke off: what is not in it is not gone, and a first list counts for nothing. */
void listing_abandon(Listing *listing);

/* The next list that begins is a first one once more: what was taken of the last one was lost. */
void listing_start_over(Listing *listing);

/* A first list was taken. */
bool listing_is_there(const Listing *listing);
