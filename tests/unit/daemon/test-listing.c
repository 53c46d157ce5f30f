/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/listing.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

/* More than are looked at in one go. */
enum { MANY = 1000 };

typedef struct Fixture {
        sd_event *event;
        Model *model;
        Images *images;
        Listing *listing;
        char asked[64]; /* "1 7": the containers that Docker is to be asked for, as far as there is room */
        size_t n_asked;
} Fixture;

static void on_learn(void *userdata, Container *container) {
        Fixture *fixture = userdata;

        assert_true(images_mark(fixture->images, container));
        assert_int_equal(model_put(fixture->model, container), 1);
}

static void on_inspect(void *userdata, const char *id) {
        Fixture *fixture = userdata;
        size_t used = strlen(fixture->asked);

        fixture->n_asked++;
        snprintf(fixture->asked + used, sizeof(fixture->asked) - used, "%s%lu", used > 0 ? " " : "",
                 strtoul(id, NULL, 16));
}

static int setup(void **state) {
        static const ListingHandlers handlers = { .learn = on_learn, .inspect = on_inspect };
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        assert_true(sd_event_new(&fixture->event) >= 0);
        assert_int_equal(model_new(&open_policy, &fixture->model), 0);
        fixture->images = images_new();
        assert_non_null(fixture->images);
        assert_int_equal(images_learn(fixture->images, "sha256:0", NULL, 0), 0);
        assert_int_equal(listing_new(fixture->event, fixture->model, fixture->images, &handlers, fixture,
                                     &fixture->listing), 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        listing_free(fixture->listing);
        images_free(fixture->images);
        model_free(fixture->model);
        sd_event_unref(fixture->event);
        free(fixture);
        return 0;
}

static const char *id_of(unsigned number) {
        static char id[CONTAINER_ID_SIZE + 1];

        snprintf(id, sizeof(id), "%064x", number);
        return id;
}

static void add(Fixture *fixture, unsigned number) {
        listing_add(fixture->listing, build_on_bridge(number, "80"));
}

/* What an event led to: Docker said it when it was asked. */
static void put(Fixture *fixture, unsigned number, const char *expose) {
        assert_true(model_put(fixture->model, build_on_bridge(number, expose)) >= 0);
}

static void forget(Fixture *fixture, unsigned number) {
        assert_true(model_remove(fixture->model, id_of(number)));
}

/* Until it sleeps; returns how often the loop ran. */
static unsigned run(Fixture *fixture) {
        unsigned n = 0;

        while (sd_event_run(fixture->event, 0) > 0)
                n++;
        return n;
}

static void expect_asked(Fixture *fixture, const char *asked) {
        (void) run(fixture);
        assert_string_equal(fixture->asked, asked);
        fixture->asked[0] = '\0';
        fixture->n_asked = 0;
}

static size_t count(const Fixture *fixture) {
        size_t n;

        (void) model_records(fixture->model, &n);
        return n;
}

static void take_first(Fixture *fixture, unsigned n) {
        for (unsigned i = 1; i <= n; i++)
                add(fixture, i);
        assert_int_equal(listing_finish(fixture->listing), 1);
        expect_asked(fixture, "");
        assert_int_equal(count(fixture), n);
}

static void test_first(void **state) {
        Fixture *fixture = *state;

        add(fixture, 2);
        add(fixture, 1);
        add(fixture, 2);
        assert_int_equal(count(fixture), 0);
        assert_false(listing_is_there(fixture->listing));
        assert_int_equal(listing_finish(fixture->listing), 1);
        assert_true(listing_is_there(fixture->listing));
        assert_int_equal(count(fixture), 2);
        expect_asked(fixture, "");
        assert_int_equal(listing_finish(fixture->listing), 0); /* an empty one, and nothing is gone by that */
        assert_int_equal(count(fixture), 2);
        expect_asked(fixture, "1 2");
}

/* It went while the first list came, which is older and has it: nothing but asking once more tells which is true. */
static void test_gone_while_the_first_comes(void **state) {
        Fixture *fixture = *state;

        add(fixture, 1);
        listing_doubt(fixture->listing, id_of(1));
        listing_abandon(fixture->listing);
        listing_doubt(fixture->listing, id_of(2));
        add(fixture, 1);
        add(fixture, 2);
        add(fixture, 3);
        listing_doubt(fixture->listing, id_of(3));
        assert_int_equal(listing_finish(fixture->listing), 1);
        assert_int_equal(count(fixture), 3);
        expect_asked(fixture, "2 3");
        listing_doubt(fixture->listing, id_of(1)); /* the model knows better by now */
        for (unsigned i = 1; i <= 3; i++)
                add(fixture, i);
        assert_int_equal(listing_finish(fixture->listing), 0);
        expect_asked(fixture, "");
}

/* An event came before the first list, or while it was read: what Docker said then is the newer. */
static void test_first_meets_records(void **state) {
        Fixture *fixture = *state;

        put(fixture, 1, "80");
        put(fixture, 2, "81");
        add(fixture, 1);
        add(fixture, 2);
        add(fixture, 3);
        put(fixture, 3, "82");
        put(fixture, 4, "83");
        assert_int_equal(listing_finish(fixture->listing), 1);
        expect_asked(fixture, "2 3");
        assert_int_equal(count(fixture), 4);
        assert_int_equal(model_find(fixture->model, id_of(3))->claims[0].entry.host_ports.first, 82);
}

/* Nothing of it counts, whoever died since. */
static void test_first_breaks_off(void **state) {
        Fixture *fixture = *state;

        add(fixture, 1);
        add(fixture, 2);
        listing_abandon(fixture->listing);
        assert_false(listing_is_there(fixture->listing));
        add(fixture, 2);
        assert_int_equal(listing_finish(fixture->listing), 1);
        assert_int_equal(count(fixture), 1);
        assert_non_null(model_find(fixture->model, id_of(2)));
        expect_asked(fixture, "");
}

static void test_differences(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, 4);
        add(fixture, 1);
        listing_add(fixture->listing, build_on_bridge(2, "81")); /* differs, */
        add(fixture, 9);                                         /* is not known, */
        add(fixture, 4);                                         /* and 3 is missing */
        assert_string_equal(fixture->asked, "2 9");
        assert_int_equal(listing_finish(fixture->listing), 0);
        assert_string_equal(fixture->asked, "2 9");
        expect_asked(fixture, "2 9 3");
        assert_int_equal(count(fixture), 4);
        assert_int_equal(model_find(fixture->model, id_of(2))->claims[0].entry.host_ports.first, 80);
}

/* Of an image that is not known any more: whose its labels are cannot be said. */
static void test_unknown_image(void **state) {
        Fixture *fixture = *state;
        Container *row = build_on_bridge(1, "80");

        take_first(fixture, 1);
        free(row->image_id);
        row->image_id = strdup("sha256:1");
        listing_add(fixture->listing, row);
        expect_asked(fixture, "1");
}

static void test_doubted(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, 2);
        model_find(fixture->model, id_of(2))->doubted = true;
        add(fixture, 1);
        add(fixture, 2);
        assert_int_equal(listing_finish(fixture->listing), 0);
        expect_asked(fixture, "2");
}

/* Half a list says nothing of what is not in it; and what was in it does not count for the next. */
static void test_breaks_off(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, 3);
        add(fixture, 1);
        add(fixture, 2);
        listing_abandon(fixture->listing);
        expect_asked(fixture, "");
        add(fixture, 2);
        add(fixture, 3);
        assert_int_equal(listing_finish(fixture->listing), 0);
        expect_asked(fixture, "1");
}

static void test_events_meanwhile(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, 4);
        add(fixture, 1);
        add(fixture, 2);
        forget(fixture, 1);        /* it died after its row, */
        forget(fixture, 3);        /* before it: the list is older */
        put(fixture, 2, "81");     /* it changed after its row, and is not missing by that */
        put(fixture, 5, "80");     /* it came, and the list may be older, or not */
        add(fixture, 3);
        add(fixture, 4);
        assert_string_equal(fixture->asked, "3");
        assert_int_equal(listing_finish(fixture->listing), 0);
        expect_asked(fixture, "3 5");
        assert_int_equal(count(fixture), 3);
}

/* Records that come and go between two looks. */
static void test_events_during_the_check(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, MANY);
        for (unsigned i = 1; i <= MANY; i++)
                if (i != 10 && i != MANY - 1)
                        add(fixture, i);
        assert_int_equal(listing_finish(fixture->listing), 0);
        assert_true(sd_event_run(fixture->event, 0) > 0);
        assert_string_equal(fixture->asked, "10");
        for (unsigned i = 1; i < MANY / 2; i++)
                forget(fixture, i);
        put(fixture, 0, "80");
        assert_in_range(run(fixture), 2, 5);
        expect_asked(fixture, "10 999");
}

/* However many are missing, others get their turn. */
static void test_all_are_missing(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, MANY);
        assert_int_equal(listing_finish(fixture->listing), 0);
        assert_int_equal(fixture->n_asked, 0);
        assert_true(sd_event_run(fixture->event, 0) > 0);
        assert_in_range(fixture->n_asked, 1, MANY / 2);
        (void) run(fixture);
        assert_int_equal(fixture->n_asked, MANY);
}

/* Rows of the next list come, and that list ends, before all was looked through. */
static void test_two_lists(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, MANY);
        for (unsigned i = 1; i < MANY; i++)
                add(fixture, i);
        assert_int_equal(listing_finish(fixture->listing), 0);
        for (unsigned i = 2; i <= MANY; i++)
                add(fixture, i);
        assert_true(sd_event_run(fixture->event, 0) > 0);
        assert_string_equal(fixture->asked, "");
        assert_int_equal(listing_finish(fixture->listing), 0);
        expect_asked(fixture, "1");
        add(fixture, 3);
        listing_abandon(fixture->listing);
        expect_asked(fixture, "");
}

/* Something of the first list was lost: the next one is taken as it is, but not the one that is under way. */
static void test_starts_over(void **state) {
        Fixture *fixture = *state;

        take_first(fixture, 2);
        listing_start_over(fixture->listing);
        assert_false(listing_is_there(fixture->listing));
        take_first(fixture, 2);
        add(fixture, 1);
        listing_start_over(fixture->listing);
        add(fixture, 3);
        assert_int_equal(listing_finish(fixture->listing), 0);
        assert_false(listing_is_there(fixture->listing));
        expect_asked(fixture, "3 2");
        add(fixture, 3);
        assert_int_equal(listing_finish(fixture->listing), 1);
        assert_int_equal(count(fixture), 3);
}

int main(void) {
#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        const struct CMUnitTest tests[] = {
                test(test_first),
                test(test_gone_while_the_first_comes),
                test(test_first_meets_records),
                test(test_first_breaks_off),
                test(test_differences),
                test(test_unknown_image),
                test(test_doubted),
                test(test_breaks_off),
                test(test_events_meanwhile),
                test(test_events_during_the_check),
                test(test_all_are_missing),
                test(test_two_lists),
                test(test_starts_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
