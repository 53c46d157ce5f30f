/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/differences.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/verbs/elements.h"
#include "daemon/verbs/words.h"

static const char *const kind_names[_DIFFERENCE_KIND_MAX] = {
        [DIFFERENCE_MISSING] = "missing", [DIFFERENCE_EXTRA] = "extra", [DIFFERENCE_CHANGED] = "changed",
};

const char *difference_kind_to_string(DifferenceKind kind) {
        return kind_names[kind];
}

void differences_done(Differences *differences) {
        for (size_t i = 0; i < differences->count; i++)
                free(differences->items[i].text);
        free(differences->items);
        *differences = (Differences) {};
}

int differences_add(Differences *differences, DifferenceKind kind, const char *format, ...) {
        Difference difference = { .kind = kind };
        va_list arguments;
        int r;

        va_start(arguments, format);
        r = vasprintf(&difference.text, format, arguments);
        va_end(arguments);
        if (r < 0)
                return -ENOMEM;
        r = array_reserve(&differences->items, &differences->capacity, differences->count + 1, sizeof(difference));
        if (r < 0) {
                free(difference.text);
                return r;
        }
        differences->items[differences->count++] = difference;
        return 0;
}

/* Elements */

static int add_element(const Survey *survey, const Element *element, DifferenceKind kind, Differences *differences) {
        char text[ELEMENT_WORDS_SIZE];

        /* A memory of the daemon's, which comes and goes by itself. */
        if (element->kind == ELEMENT_WITHDRAWN)
                return 0;
        return differences_add(differences, kind, "%s", element_describe(survey, element, text));
}

static int add_changed(const Survey *survey, const Element *is, const Element *should, Differences *differences) {
        char text[ELEMENT_WORDS_SIZE], data[ELEMENT_WORDS_SIZE];

        if (is->kind == ELEMENT_WITHDRAWN)
                return 0;
        return differences_add(differences, DIFFERENCE_CHANGED, "%s, should be %s", element_describe(survey, is, text),
                   element_describe_data(survey, should, data));
}

/* Both are sorted by kind and key: what is in both has other data. */
static int compare_elements(const Survey *survey, Differences *differences) {
        const Elements *extra = &survey->plan.remove, *missing = &survey->plan.add;
        size_t i = 0, k = 0;
        int r = 0;

        while (r >= 0 && (i < extra->count || k < missing->count)) {
                int order = i == extra->count     ? 1
                            : k == missing->count ? -1
                                                  : element_compare_key(&extra->items[i], &missing->items[k]);

                if (order < 0)
                        r = add_element(survey, &extra->items[i++], DIFFERENCE_EXTRA, differences);
                else if (order > 0)
                        r = add_element(survey, &missing->items[k++], DIFFERENCE_MISSING, differences);
                else
                        r = add_changed(survey, &extra->items[i++], &missing->items[k++], differences);
        }
        return r;
}

/* Ports come last among the kinds, and are what a person looks for first. */
static void reverse(Difference *items, size_t n) {
        for (size_t i = 0; i < n / 2; i++) {
                Difference other = items[i];

                items[i] = items[n - 1 - i];
                items[n - 1 - i] = other;
        }
}

/* A daemon that was stopped has taken its table away, and with it all that would differ one by one. */
static int compare_table(const Survey *survey, Differences *differences) {
        size_t n = survey->desired.count;
        int r = 0;

        if (survey->table == TABLE_ABSENT)
                return n == 0 ? 0
                              : differences_add(differences, DIFFERENCE_MISSING,
                                                "the table inet calico-exposed, with %zu exposure%s", n,
                                                n == 1 ? "" : "s");
        if (!survey->skeleton_intact)
                r = differences_add(differences, DIFFERENCE_CHANGED,
                        "chains, sets or rules of the table inet calico-exposed are not what they must be");
        if (r >= 0)
                r = compare_elements(survey, differences);
        reverse(differences->items, differences->count);
        return r;
}

/* DOCKER-USER and interfaces */

static int compare_docker_user(const Survey *survey, Differences *differences) {
        static const char *const tables[SURVEY_FAMILIES] = { "ip filter", "ip6 filter" };
        bool wanted = survey->table != TABLE_ABSENT || survey->desired.count > 0;
        int r = 0;

        for (size_t i = 0; i < SURVEY_FAMILIES && r >= 0; i++)
                if (wanted && survey->docker_user[i] == DOCKER_USER_PUT)
                        r = differences_add(differences, DIFFERENCE_MISSING,
                                "the rule for marked packets at the top of %s DOCKER-USER", tables[i]);
                else if (!wanted && survey->docker_user[i] == DOCKER_USER_IN_PLACE)
                        r = differences_add(differences, DIFFERENCE_EXTRA,
                                "the rule for marked packets at the top of %s DOCKER-USER", tables[i]);
        return r;
}

static bool is_planned(const Plan *plan, const Element *element) {
        for (size_t i = 0; i < plan->add.count; i++)
                if (element_compare(&plan->add.items[i], element) == 0)
                        return true;
        return false;
}

/* The table says that it is on, for us; so it must be. */
static int compare_localnet(const Survey *survey, Differences *differences) {
        const Elements *desired = model_after(survey->model);
        int r = 0;

        for (size_t i = 0; i < desired->count && r >= 0; i++) {
                const Element *element = &desired->items[i];
                char text[ELEMENT_WORDS_SIZE];
                bool on;

                if (element->kind == ELEMENT_LOCALNET && !is_planned(&survey->plan, element) &&
                    paths_get_localnet(survey->paths, element->name, &on) >= 0 && !on)
                        r = differences_add(differences, DIFFERENCE_MISSING, "%s",
                                            element_describe(survey, element, text));
        }
        return r;
}

/* The other switch: without it a container does not reach itself by the host's address. Where the bridge has not heard
 * of the container yet, the daemon waits for that as well; of one that was joined by hand nobody knows the MAC. */
static int compare_hairpin_at(const Survey *survey, const Record *record, const Address *address,
                              Differences *differences) {
        char port[IF_NAMESIZE], shown[4 * IF_NAMESIZE];
        Path path;
        bool on;

        if (!record->network || paths_find(survey->paths, address, &path) < 0 || !path.bridge ||
            paths_get_hairpin(survey->paths, path.ifindex, record->network->mac, port, &on) < 0 || on)
                return 0;
        return differences_add(differences, DIFFERENCE_MISSING, "hairpin mode on %s, by which %s reaches itself",
                               words_escape(port, shown, sizeof(shown)), record->name);
}

/* 1, 0 or -ENOMEM. */
static int record_is_exposed(const Survey *survey, const Record *record) {
        for (size_t i = 0; i < record->n_claims; i++) {
                ClaimFacts facts;
                int r;

                r = survey_get_facts(survey, record, &record->claims[i], &facts);
                if (r < 0 || facts.state == CLAIM_EXPOSED)
                        return r < 0 ? r : 1;
        }
        return 0;
}

static int compare_hairpin(const Survey *survey, Differences *differences) {
        size_t n;
        Record *const *records = model_records(survey->model, &n);
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                const Record *record = records[i];

                if (!record->path4.known && !record->path6.known)
                        continue;
                r = record_is_exposed(survey, record);
                if (r > 0)
                        r = compare_hairpin_at(survey, record, record->path4.known ? &record->ipv4 : &record->ipv6,
                                               differences);
        }
        return r;
}

int differences_find(const Survey *survey, Differences *ret) {
        Differences differences = {};
        int r;

        r = compare_table(survey, &differences);
        if (r >= 0)
                r = compare_docker_user(survey, &differences);
        if (r >= 0 && survey->table != TABLE_ABSENT)
                r = compare_localnet(survey, &differences);
        if (r >= 0 && survey->table != TABLE_ABSENT)
                r = compare_hairpin(survey, &differences);
        if (r < 0) {
                differences_done(&differences);
                return r;
        }
        *ret = differences;
        return 0;
}

bool differences_contain(const Differences *differences, const char *text) {
        for (size_t i = 0; i < differences->count; i++)
                if (strcmp(differences->items[i].text, text) == 0)
                        return true;
        return false;
}

void differences_intersect(Differences *differences, const Differences *others) {
        size_t kept = 0;

        for (size_t i = 0; i < differences->count; i++)
                if (differences_contain(others, differences->items[i].text))
                        differences->items[kept++] = differences->items[i];
                else
                        free(differences->items[i].text);
        differences->count = kept;
}
