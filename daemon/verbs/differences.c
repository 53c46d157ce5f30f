/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/differences.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/flows.h"
#include "daemon/net/flows_read.h"
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

static int add(Differences *differences, DifferenceKind kind, const char *format, ...) _printf_(3, 4);

static int add(Differences *differences, DifferenceKind kind, const char *format, ...) {
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
        return add(differences, kind, "%s", element_describe(survey, element, text));
}

static int add_changed(const Survey *survey, const Element *is, const Element *should, Differences *differences) {
        char text[ELEMENT_WORDS_SIZE], data[ELEMENT_WORDS_SIZE];

        if (is->kind == ELEMENT_WITHDRAWN)
                return 0;
        return add(differences, DIFFERENCE_CHANGED, "%s, should be %s", element_describe(survey, is, text),
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
                              : add(differences, DIFFERENCE_MISSING, "the table inet calico-exposed, with %zu exposure%s",
                                    n, n == 1 ? "" : "s");
        if (!survey->skeleton_intact)
                r = add(differences, DIFFERENCE_CHANGED,
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
                        r = add(differences, DIFFERENCE_MISSING,
                                "the rule for marked packets at the top of %s DOCKER-USER", tables[i]);
                else if (!wanted && survey->docker_user[i] == DOCKER_USER_IN_PLACE)
                        r = add(differences, DIFFERENCE_EXTRA,
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
                        r = add(differences, DIFFERENCE_MISSING, "%s", element_describe(survey, element, text));
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
        if (r < 0) {
                differences_done(&differences);
                return r;
        }
        *ret = differences;
        return 0;
}

/* Flows */

static bool exposure_takes(const Exposure *exposure, const Flow *flow) {
        return exposure->protocol == flow->protocol && exposure->family == flow->destination.family &&
               flow->destination_port >= exposure->ports.first && flow->destination_port <= exposure->ports.last &&
               (exposure->destination.length == 0 || prefix_contains(&exposure->destination, &flow->destination));
}

static bool exposure_leads(const Exposure *exposure, const Flow *flow) {
        return exposure_takes(exposure, flow) && address_compare(&exposure->container, &flow->source) == 0 &&
               flow->source_port == exposure->container_first + (flow->destination_port - exposure->ports.first);
}

static bool any_exposure(const Exposures *exposures, const Flow *flow,
                         bool (*test)(const Exposure *exposure, const Flow *flow)) {
        for (size_t i = 0; i < exposures->count; i++)
                if (test(&exposures->items[i], flow))
                        return true;
        return false;
}

static bool docker_publishes(const Survey *survey, const Flow *flow) {
        for (size_t i = 0; i < survey->n_published; i++)
                if (survey->published[i].protocol == flow->protocol &&
                    survey->published[i].port == flow->destination_port)
                        return true;
        return false;
}

/* By an entry of the container's label, exposed or not. */
static bool record_asks_for(const Record *record, const Flow *flow) {
        for (size_t i = 0; i < record->n_claims; i++) {
                const Entry *entry = &record->claims[i].entry;

                if (record->claims[i].error == ENTRY_OK && entry->protocol == flow->protocol &&
                    flow->destination_port >= entry->host_ports.first &&
                    flow->destination_port <= entry->host_ports.last &&
                    flow->source_port ==
                            entry->container_ports.first + (flow->destination_port - entry->host_ports.first))
                        return true;
        }
        return false;
}

static bool flow_is_translated(const Flow *flow) {
        return address_compare(&flow->source, &flow->destination) != 0 || flow->source_port != flow->destination_port;
}

bool differences_flow_is_stale(const Survey *survey, const FlowIndex *withdrawn, const Flow *flow,
                               DifferenceKind *ret_kind) {
        const Record *record;
        FlowKind kind;

        if (!flow_is_translated(flow) || any_exposure(&survey->desired, flow, exposure_leads))
                return false;
        *ret_kind = DIFFERENCE_CHANGED;
        if (any_exposure(&survey->actual, flow, exposure_takes) && any_exposure(&survey->desired, flow, exposure_takes))
                return true;
        *ret_kind = DIFFERENCE_EXTRA;
        if (flow_index_match(withdrawn, flow, &kind))
                return true;
        record = survey_find_address(survey, &flow->source);
        return record && record_asks_for(record, flow) && !docker_publishes(survey, flow);
}

static int collect_withdrawn(const Survey *survey, FlowIndex *ret) {
        const Elements *actual = model_before(survey->model);
        _cleanup_free_ FlowFilter *filters = calloc(actual->count + 1, sizeof(*filters));
        size_t n = 0;

        if (!filters)
                return -ENOMEM;
        for (size_t i = 0; i < actual->count; i++)
                if (actual->items[i].kind == ELEMENT_WITHDRAWN)
                        filters[n++] = flows_filter_of_withdrawn(&actual->items[i]);
        return flow_index_new(filters, n, ret);
}

typedef struct FlowLook {
        const Survey *survey;
        FlowIndex withdrawn;
        Differences *differences;
} FlowLook;

static bool is_told(const Differences *differences, const char *text) {
        for (size_t i = 0; i < differences->count; i++)
                if (strcmp(differences->items[i].text, text) == 0)
                        return true;
        return false;
}

static int tell_flow(const FlowLook *look, const Flow *flow, DifferenceKind kind) {
        char destination[WORDS_PLACE_SIZE], source[WORDS_PLACE_SIZE], text[ELEMENT_WORDS_SIZE];
        const Record *record = survey_find_address(look->survey, &flow->source);

        words_place(&flow->destination, (PortRange) { flow->destination_port, flow->destination_port }, destination);
        words_place(&flow->source, (PortRange) { flow->source_port, flow->source_port }, source);
        snprintf(text, sizeof(text), "an open %s flow to %s still goes to %s%s%s%s, and new ones do not",
                 protocol_to_string(flow->protocol), destination, source, record ? " (" : "", record ? record->name : "",
                 record ? ")" : "");
        return is_told(look->differences, text) ? 0 : add(look->differences, kind, "%s", text);
}

static int on_flow(const Flow *flow, void *userdata) {
        FlowLook *look = userdata;
        DifferenceKind kind;
        int r;

        if (!differences_flow_is_stale(look->survey, &look->withdrawn, flow, &kind))
                return 0;
        r = flows_address_is_local(&flow->destination);
        return r > 0 ? tell_flow(look, flow, kind) : r;
}

int differences_find_flows(const Survey *survey, Differences *differences) {
        FlowLook look = { .survey = survey, .differences = differences };
        int r;

        r = collect_withdrawn(survey, &look.withdrawn);
        if (r >= 0)
                r = flows_read(on_flow, &look);
        flow_index_done(&look.withdrawn);
        return r;
}

void differences_intersect(Differences *differences, const Differences *others) {
        size_t kept = 0;

        for (size_t i = 0; i < differences->count; i++)
                if (is_told(others, differences->items[i].text))
                        differences->items[kept++] = differences->items[i];
                else
                        free(differences->items[i].text);
        differences->count = kept;
}
