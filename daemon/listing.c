/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/listing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

/* So many records in one go: some 50 us. */
#define CHECK_MAX 256
/* After the pass, and before a further list is read (docker/lister.h). */
#define CHECK_PRIORITY (SD_EVENT_PRIORITY_IDLE + 40)

typedef struct ContainerId {
        char text[CONTAINER_ID_SIZE + 1];
} ContainerId;

struct Listing {
        Model *model;
        Images *images;
        ListingHandlers handlers;
        void *userdata;
        unsigned number; /* of the list that is under way, or comes next: Record.listed */
        bool there;      /* see listing_is_there() */
        bool begun;      /* a row of it came already */
        bool first;      /* it is a first one: */
        bool incomplete; /* there was no memory for one of its */
        Container **rows;
        size_t n_rows, capacity;
        ContainerId *doubted; /* see listing_doubt() */
        size_t n_doubted, doubted_capacity;
        sd_event_source *check;
        unsigned checked;                    /* the number of the list that the records are compared with, */
        char cursor[CONTAINER_ID_SIZE + 1];  /* after the one with that ID */
};

static void listing_drop_rows(Listing *listing) {
        for (size_t i = 0; i < listing->n_rows; i++)
                container_free(listing->rows[i]);
        free(TAKE_PTR(listing->rows));
        free(TAKE_PTR(listing->doubted));
        listing->n_rows = listing->capacity = listing->n_doubted = listing->doubted_capacity = 0;
}

/* The list is over; the next one is another. */
static void listing_next(Listing *listing) {
        listing_drop_rows(listing);
        listing->number++;
        listing->begun = false;
        listing->first = !listing->there;
        listing->incomplete = false;
}

/* The row is handed over. */
static void listing_compare(Listing *listing, Container *row) {
        bool marked = images_mark(listing->images, row);
        Record *record = model_find(listing->model, row->id);

        if (record)
                record->listed = listing->number;
        if (!record || !marked || !container_equal(record->container, row))
                listing->handlers.inspect(listing->userdata, row->id);
        container_free(row);
}

static void listing_keep(Listing *listing, Container *row) {
        if (array_reserve(&listing->rows, &listing->capacity, listing->n_rows + 1, sizeof(row)) < 0) {
                container_free(row);
                listing->incomplete = true;
        } else
                listing->rows[listing->n_rows++] = row;
}

void listing_add(Listing *listing, Container *row) {
        listing->begun = true;
        if (listing->first)
                listing_keep(listing, row);
        else
                listing_compare(listing, row);
}

void listing_doubt(Listing *listing, const char *id) {
        ContainerId *doubted;

        if (!listing->first)
                return;
        if (array_reserve(&listing->doubted, &listing->doubted_capacity, listing->n_doubted + 1, sizeof(*doubted)) < 0) {
                listing->incomplete = true;
                return;
        }
        doubted = &listing->doubted[listing->n_doubted++];
        snprintf(doubted->text, sizeof(doubted->text), "%s", id);
}

/* What an inspect told meanwhile is the newer. */
static void listing_take(Listing *listing, Container *row) {
        if (model_find(listing->model, row->id))
                listing_compare(listing, row);
        else
                listing->handlers.learn(listing->userdata, row);
}

static int compare_rows(const void *a, const void *b) {
        return strcmp((*(Container *const *) a)->id, (*(Container *const *) b)->id);
}

/* In order, so that each of them comes behind the others in what is sorted. */
static void listing_take_all(Listing *listing) {
        array_sort(listing->rows, listing->n_rows, sizeof(*listing->rows), compare_rows);
        for (size_t i = 0; i < listing->n_rows; i++)
                listing_take(listing, listing->rows[i]);
        listing->n_rows = 0;
        for (size_t i = 0; i < listing->n_doubted; i++)
                listing->handlers.inspect(listing->userdata, listing->doubted[i].text);
}

static void listing_check_soon(Listing *listing) {
        int r = sd_event_source_set_enabled(listing->check, SD_EVENT_ONESHOT);

        if (r < 0)
                (void) sd_event_exit(sd_event_source_get_event(listing->check), r);
}

int listing_finish(Listing *listing) {
        bool first = listing->first;

        if (listing->incomplete) {
                listing_next(listing);
                return -ENOMEM;
        }
        if (first) {
                listing->there = true;
                listing_take_all(listing);
        } else {
                listing->checked = listing->number;
                listing->cursor[0] = '\0';
                listing_check_soon(listing);
        }
        listing_next(listing);
        return first;
}

void listing_abandon(Listing *listing) {
        listing_next(listing);
}

void listing_start_over(Listing *listing) {
        listing->there = false;
        listing->first |= !listing->begun;
}

bool listing_is_there(const Listing *listing) {
        return listing->there;
}

static bool record_is_doubtful(const Record *record) {
        if (record->doubted || record_is_vague(record))
                return true;
        for (size_t i = 0; i < record->n_claims; i++)
                if (record->claims[i].reason == REASON_DUPLICATE_ADDRESS)
                        return true;
        return false;
}

/* A list that came since may have it already. */
static bool listing_lacks(const Listing *listing, const Record *record) {
        return (int) (record->listed - listing->checked) < 0;
}

/* The cursor's own record is before it. */
static int compare_cursor(const void *cursor, const void *item) {
        return strcmp(cursor, (*(Record *const *) item)->container->id) < 0 ? -1 : 1;
}

static int on_check(sd_event_source *source _unused_, void *userdata) {
        Listing *listing = userdata;
        size_t n, first, end;
        Record *const *records = model_records(listing->model, &n);

        first = array_lower_bound(listing->cursor, records, n, sizeof(*records), compare_cursor);
        end = MIN(n, first + CHECK_MAX);
        for (size_t i = first; i < end; i++)
                if (record_is_doubtful(records[i]) || listing_lacks(listing, records[i]))
                        listing->handlers.inspect(listing->userdata, records[i]->container->id);
        if (end < n) {
                strcpy(listing->cursor, records[end - 1]->container->id);
                listing_check_soon(listing);
        }
        return 0;
}

int listing_new(sd_event *event, Model *model, Images *images, const ListingHandlers *handlers, void *userdata,
                Listing **ret) {
        _cleanup_(listing_freep) Listing *listing = calloc(1, sizeof(*listing));
        int r;

        if (!listing)
                return -ENOMEM;
        *listing = (Listing) {
                .model = model,
                .images = images,
                .handlers = *handlers,
                .userdata = userdata,
                .number = 1,
                .first = true,
        };
        r = sd_event_add_defer(event, &listing->check, on_check, listing);
        if (r >= 0)
                r = sd_event_source_set_priority(listing->check, CHECK_PRIORITY);
        if (r >= 0)
                r = sd_event_source_set_enabled(listing->check, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(listing);
        return 0;
}

Listing *listing_free(Listing *listing) {
        if (!listing)
                return NULL;
        listing_drop_rows(listing);
        sd_event_source_disable_unref(listing->check);
        free(listing);
        return NULL;
}
