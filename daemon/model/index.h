/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/record.h"

/* Which records a host port, or an address, is of: so that a decision about one container need not look at all. Claims
 * that were refused do not count. It points to the records; who changes one in place takes it out before. */

typedef struct IndexedPort IndexedPort;
typedef struct IndexedAddress IndexedAddress;

typedef struct Index {
        IndexedPort *ports; /* sorted by protocol and first port */
        size_t n_ports, ports_capacity;
        unsigned longest; /* range so far, less one */
        IndexedAddress *addresses; /* sorted */
        size_t n_addresses, addresses_capacity;
} Index;

/* Forgets what it held. Returns 0, or -ENOMEM with nothing in it. */
int index_build(Index *index, Record *const *records, size_t n_records);
void index_done(Index *index);

/* Returns 0, or -ENOMEM with the index as it was. */
int index_add(Index *index, Record *record);
/* It was added. */
void index_remove(Index *index, const Record *record);

/* The same for its addresses alone, which were others before. -ENOMEM: its addresses are not in there any more. */
int index_move(Index *index, Record *record, const Address *ipv4, const Address *ipv6);

/* Calls visit(userdata, record) for each that has one of the ports (which it may do several times), or an address in
 * the prefix. */
typedef void (*IndexVisit)(void *userdata, Record *record);
void index_visit_ports(const Index *index, Protocol protocol, PortRange ports, IndexVisit visit, void *userdata);
void index_visit_addresses(const Index *index, const Prefix *prefix, IndexVisit visit, void *userdata);
