/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"

#include <stdio.h>

#include "daemon/net/flows_read.h"
#include "daemon/verbs/differences.h"
#include "daemon/verbs/elements.h"
#include "daemon/verbs/words.h"

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
                if (survey->published[i].host.protocol == flow->protocol &&
                    survey->published[i].host.port == flow->destination_port)
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

static int tell_flow(const FlowLook *look, const Flow *flow, DifferenceKind kind) {
        char destination[WORDS_PLACE_SIZE], source[WORDS_PLACE_SIZE], text[ELEMENT_WORDS_SIZE];
        const Record *record = survey_find_address(look->survey, &flow->source);

        words_place(&flow->destination, (PortRange) { flow->destination_port, flow->destination_port }, destination);
        words_place(&flow->source, (PortRange) { flow->source_port, flow->source_port }, source);
        snprintf(text, sizeof(text), "an open %s flow to %s still goes to %s%s%s%s, and new ones do not",
                 protocol_to_string(flow->protocol), destination, source, record ? " (" : "", record ? record->name : "",
                 record ? ")" : "");
        if (differences_contain(look->differences, text))
                return 0;
        return differences_add(look->differences, kind, "%s", text);
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
