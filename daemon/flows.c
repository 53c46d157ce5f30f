/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/model/withdrawn.h"

static FlowFilter filter_of(const Exposure *exposure, FlowKind kind) {
        return (FlowFilter) {
                .kind = kind,
                .protocol = exposure->protocol,
                .family = exposure->family,
                .destination = exposure->destination,
                .ports = exposure->ports,
                .container = exposure->container,
                .container_first = exposure->container_first,
        };
}

bool flows_get_withdrawn(const FlowFilter *filter, Element *ret) {
        if (filter->kind != FLOW_TRANSLATED)
                return false;
        *ret = withdrawn_of_exposure(&(Exposure) {
                .protocol = (uint8_t) filter->protocol,
                .family = filter->family,
                .destination = filter->destination,
                .ports = filter->ports,
                .container = filter->container,
                .container_first = filter->container_first,
        });
        return true;
}

FlowFilter flows_filter_of_withdrawn(const Element *withdrawn) {
        Exposure exposure = withdrawn_to_exposure(withdrawn);

        return filter_of(&exposure, FLOW_TRANSLATED);
}

static int compare_element(const void *key, const void *item) {
        return element_compare(key, item);
}

static size_t put_withdrawn(const Elements *before, const Elements *after, FlowFilter *filters) {
        size_t n = 0;

        for (size_t i = 0; i < after->count; i++) {
                const Element *element = &after->items[i];

                if (element->kind == ELEMENT_WITHDRAWN &&
                    (before->count == 0 ||
                     !bsearch(element, before->items, before->count, sizeof(*element), compare_element)))
                        filters[n++] = flows_filter_of_withdrawn(element);
        }
        return n;
}

static size_t put_added(const Exposures *added, FlowFilter *filters) {
        size_t n = 0;

        for (size_t i = 0; i < added->count; i++)
                if (added->items[i].protocol == PROTOCOL_UDP)
                        filters[n++] = filter_of(&added->items[i], FLOW_UNTRANSLATED);
        return n;
}

int flows_between(const Elements *before, const Elements *after, FlowFilter **ret, size_t *ret_count) {
        Exposures old = {}, new = {}, added = {};
        FlowFilter *filters = NULL;
        int r;

        r = exposures_of_elements(before, &old);
        if (r >= 0)
                r = exposures_of_elements(after, &new);
        if (r >= 0)
                r = exposures_subtract(&new, &old, &added);
        if (r >= 0 && !(filters = calloc(after->count + added.count + 1, sizeof(*filters))))
                r = -ENOMEM;
        if (r >= 0) {
                *ret_count = put_withdrawn(before, after, filters);
                *ret_count += put_added(&added, filters + *ret_count);
                *ret = filters;
        }
        exposures_done(&added);
        exposures_done(&new);
        exposures_done(&old);
        return r;
}
