/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "daemon/model/protocol.h"

/* Which flows of the kernel's connection tracking belong to an exposure: values and a search, no socket. */

typedef enum FlowKind {
        FLOW_TRANSLATED,   /* sent on by a withdrawn exposure: original destination and translated address match */
        FLOW_UNTRANSLATED, /* UDP that came before an exposure and is pinned to "no NAT": it would never reach it */
        _FLOW_KIND_MAX,
} FlowKind;

typedef struct FlowFilter {
        FlowKind kind;
        Protocol protocol;
        uint8_t family;
        Prefix destination; /* original destination: a host address, or length 0 for any */
        PortRange ports;    /* original destination ports */
        Address container;  /* FLOW_TRANSLATED: where it was sent to (source address of the reply direction) */
        uint16_t container_first; /* FLOW_TRANSLATED: the container's port that belongs to ports.first */
} FlowFilter;

/* What a filter looks at in an entry of connection tracking. */
typedef struct Flow {
        uint8_t protocol;
        Address destination; /* of the original direction */
        uint16_t destination_port;
        Address source; /* of the reply direction: who answers */
        uint16_t source_port;
} Flow;

/* Filters made ready for a search: for each flow it costs the logarithm of their number, and not their number. */
typedef struct FlowIndex {
        struct FlowIndexItem *items;
        size_t count;
} FlowIndex;

/* Returns 0 or -ENOMEM. */
int flow_index_new(const FlowFilter *filters, size_t n_filters, FlowIndex *ret);
void flow_index_done(FlowIndex *index);

/* True if a filter of the index matches the flow; *ret_kind says of which kind it is. What goes to a container's own
 * address is never FLOW_TRANSLATED, and TCP never FLOW_UNTRANSLATED: that is a process of the host. */
bool flow_index_match(const FlowIndex *index, const Flow *flow, FlowKind *ret_kind);
