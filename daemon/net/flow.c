/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/flow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/macros.h"

/* Sorted by what must be equal (kind, protocol, container: a group), then by first port. Within a group, `reach` is
 * the highest last port up to here, so that a search going back from a port's place knows where it may stop. */
typedef struct FlowIndexItem {
        FlowFilter filter;
        uint16_t reach;
} FlowIndexItem;

static int filter_compare_group(const FlowFilter *a, const FlowFilter *b) {
        if (a->kind != b->kind)
                return a->kind < b->kind ? -1 : 1;
        if (a->protocol != b->protocol)
                return a->protocol < b->protocol ? -1 : 1;
        if (a->family != b->family)
                return a->family < b->family ? -1 : 1;
        return address_compare(&a->container, &b->container);
}

static int item_compare(const void *key, const void *item) {
        const FlowIndexItem *a = key, *b = item;
        int r = filter_compare_group(&a->filter, &b->filter);

        return r != 0 ? r : (int) a->filter.ports.first - (int) b->filter.ports.first;
}

static void flow_index_set_reach(FlowIndexItem *items, size_t count) {
        for (size_t i = 0; i < count; i++) {
                items[i].reach = items[i].filter.ports.last;
                if (i > 0 && filter_compare_group(&items[i - 1].filter, &items[i].filter) == 0)
                        items[i].reach = MAX(items[i].reach, items[i - 1].reach);
        }
}

int flow_index_new(const FlowFilter *filters, size_t n_filters, FlowIndex *ret) {
        FlowIndexItem *items;

        if (n_filters == 0) {
                *ret = (FlowIndex) {};
                return 0;
        }
        items = calloc(n_filters, sizeof(*items));
        if (!items)
                return -ENOMEM;
        for (size_t i = 0; i < n_filters; i++) {
                items[i].filter = filters[i];
                if (filters[i].kind == FLOW_UNTRANSLATED)
                        items[i].filter.container = (Address) {};
        }
        array_sort(items, n_filters, sizeof(*items), item_compare);
        flow_index_set_reach(items, n_filters);
        *ret = (FlowIndex) { .items = items, .count = n_filters };
        return 0;
}

void flow_index_done(FlowIndex *index) {
        free(index->items);
        *index = (FlowIndex) {};
}

static bool filter_match(const FlowFilter *filter, const Flow *flow) {
        uint16_t port = flow->destination_port;

        if (port < filter->ports.first || port > filter->ports.last)
                return false;
        if (filter->destination.length > 0 && !prefix_contains(&filter->destination, &flow->destination))
                return false;
        return filter->kind == FLOW_UNTRANSLATED ||
               flow->source_port == filter->container_first + (port - filter->ports.first);
}

bool flow_index_match(const FlowIndex *index, const Flow *flow, FlowKind *ret_kind) {
        FlowIndexItem key = { .filter = {
                .protocol = flow->protocol, .family = flow->destination.family,
                .ports.first = flow->destination_port,
        } };
        size_t place;

        if (address_compare(&flow->source, &flow->destination) != 0 || flow->source_port != flow->destination_port) {
                key.filter.kind = FLOW_TRANSLATED;
                key.filter.container = flow->source;
        } else if (flow->protocol != PROTOCOL_TCP)
                key.filter.kind = FLOW_UNTRANSLATED;
        else
                return false;

        /* Back from the last one that begins at or before the port. */
        place = array_lower_bound(&key, index->items, index->count, sizeof(key), item_compare);
        while (place < index->count && item_compare(&key, &index->items[place]) == 0)
                place++;
        while (place-- > 0) {
                const FlowIndexItem *item = &index->items[place];

                if (filter_compare_group(&key.filter, &item->filter) != 0 || item->reach < flow->destination_port)
                        return false;
                if (filter_match(&item->filter, flow)) {
                        *ret_kind = item->filter.kind;
                        return true;
                }
        }
        return false;
}
