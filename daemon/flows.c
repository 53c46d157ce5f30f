/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"

#include <errno.h>

#include "daemon/model/exposure.h"

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

static int make_filters(const Exposures *withdrawn, const Exposures *added, FlowFilter **ret, size_t *ret_count) {
        FlowFilter *filters = calloc(withdrawn->count + added->count + 1, sizeof(*filters));
        size_t n = 0;

        if (!filters)
                return -ENOMEM;
        for (size_t i = 0; i < withdrawn->count; i++)
                filters[n++] = filter_of(&withdrawn->items[i], FLOW_TRANSLATED);
        for (size_t i = 0; i < added->count; i++)
                if (added->items[i].protocol == PROTOCOL_UDP)
                        filters[n++] = filter_of(&added->items[i], FLOW_UNTRANSLATED);
        *ret = filters;
        *ret_count = n;
        return 0;
}

int flows_between(const Elements *before, const Elements *after, FlowFilter **ret, size_t *ret_count) {
        Exposures old = {}, new = {}, withdrawn = {}, added = {};
        int r;

        r = exposures_of_elements(before, &old);
        if (r >= 0)
                r = exposures_of_elements(after, &new);
        if (r >= 0)
                r = exposures_subtract(&old, &new, &withdrawn);
        if (r >= 0)
                r = exposures_subtract(&new, &old, &added);
        if (r >= 0)
                r = make_filters(&withdrawn, &added, ret, ret_count);
        exposures_done(&added);
        exposures_done(&withdrawn);
        exposures_done(&new);
        exposures_done(&old);
        return r;
}
