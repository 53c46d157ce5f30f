/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/flows.h"

#include <errno.h>

/* Returns false if the element translates nothing. */
static bool translation_to_filter(const Element *element, FlowKind kind, FlowFilter *ret) {
        FlowFilter filter = {
                .kind = kind,
                .protocol = element->protocol,
                .family = element->family,
                .ports = element->ports,
                .container = element->target,
                .container_first = element->target_port,
        };

        switch (element->kind) {
        case ELEMENT_DNAT:
                filter.destination.address.family = element->family;
                break;
        case ELEMENT_DNAT_HOST:
                filter.destination.address = element->address;
                filter.destination.length = (uint8_t) (address_size(element->family) * 8);
                break;
        case ELEMENT_DNAT_RANGE:
                filter.destination = element->prefix;
                filter.container_first = element->ports.first;
                break;
        default:
                return false;
        }
        *ret = filter;
        return true;
}

int flows_of_plan(const Plan *plan, FlowFilter **ret, size_t *ret_count) {
        FlowFilter *filters = calloc(plan->remove.count + plan->add.count + 1, sizeof(*filters));
        size_t n = 0;

        if (!filters)
                return -ENOMEM;
        for (size_t i = 0; i < plan->remove.count; i++)
                n += translation_to_filter(&plan->remove.items[i], FLOW_TRANSLATED, &filters[n]);
        for (size_t i = 0; i < plan->add.count; i++)
                if (plan->add.items[i].protocol == PROTOCOL_UDP)
                        n += translation_to_filter(&plan->add.items[i], FLOW_UNTRANSLATED, &filters[n]);
        *ret = filters;
        *ret_count = n;
        return 0;
}
