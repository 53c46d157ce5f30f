/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/index.h"

#include <errno.h>
#include <stdlib.h>

#include "common/array.h"

struct IndexedPort {
        uint32_t key; /* protocol and first port */
        uint16_t last;
        Record *record;
};

struct IndexedAddress {
        Address address;
        Record *record;
};

static uint32_t port_key(Protocol protocol, unsigned port) {
        return (uint32_t) protocol << 16 | port;
}

static int compare_key(const void *key, const void *item) {
        uint32_t wanted = *(const uint32_t *) key, found = ((const IndexedPort *) item)->key;

        return (wanted > found) - (wanted < found);
}

static int compare_address(const void *key, const void *item) {
        return address_compare(key, &((const IndexedAddress *) item)->address);
}

static size_t find_port(const Index *index, uint32_t key) {
        return array_lower_bound(&key, index->ports, index->n_ports, sizeof(*index->ports), compare_key);
}

static size_t find_address(const Index *index, const Address *address) {
        return array_lower_bound(address, index->addresses, index->n_addresses, sizeof(*index->addresses),
                                 compare_address);
}

static size_t take_addresses(Record *record, IndexedAddress addresses[static 2]) {
        size_t n = 0;

        if (address_is_set(&record->ipv4))
                addresses[n++] = (IndexedAddress) { record->ipv4, record };
        if (address_is_set(&record->ipv6))
                addresses[n++] = (IndexedAddress) { record->ipv6, record };
        return n;
}

static IndexedPort indexed_port(Index *index, const Entry *entry, Record *record) {
        index->longest = MAX(index->longest, (unsigned) (entry->host_ports.last - entry->host_ports.first));
        return (IndexedPort) { port_key(entry->protocol, entry->host_ports.first), entry->host_ports.last, record };
}

static int reserve(Index *index, size_t n_ports, size_t n_addresses) {
        int r;

        r = array_reserve(&index->ports, &index->ports_capacity, index->n_ports + n_ports, sizeof(*index->ports));
        return r < 0 ? r : array_reserve(&index->addresses, &index->addresses_capacity,
                                         index->n_addresses + n_addresses, sizeof(*index->addresses));
}

/* There is room. */

static void insert_port(Index *index, IndexedPort port) {
        size_t at = find_port(index, port.key);

        (void) array_insert_gap(&index->ports, &index->n_ports, &index->ports_capacity, at, sizeof(port));
        index->ports[at] = port;
}

static void insert_address(Index *index, const IndexedAddress *address) {
        size_t at = find_address(index, &address->address);

        (void) array_insert_gap(&index->addresses, &index->n_addresses, &index->addresses_capacity, at,
                                sizeof(*address));
        index->addresses[at] = *address;
}

int index_add(Index *index, Record *record) {
        IndexedAddress addresses[2];
        size_t n = take_addresses(record, addresses);
        int r = reserve(index, record->n_claims, n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < record->n_claims; i++)
                if (!record->claims[i].refused)
                        insert_port(index, indexed_port(index, &record->claims[i].entry, record));
        for (size_t i = 0; i < n; i++)
                insert_address(index, &addresses[i]);
        return 0;
}

static void remove_port(Index *index, const Entry *entry, const Record *record) {
        size_t at = find_port(index, port_key(entry->protocol, entry->host_ports.first));

        while (index->ports[at].record != record)
                at++;
        array_remove(&index->ports, &index->n_ports, at, sizeof(*index->ports));
}

static void remove_address(Index *index, const Address *address, const Record *record) {
        size_t at = find_address(index, address);

        while (index->addresses[at].record != record)
                at++;
        array_remove(&index->addresses, &index->n_addresses, at, sizeof(*index->addresses));
}

void index_remove(Index *index, const Record *record) {
        for (size_t i = 0; i < record->n_claims; i++)
                if (!record->claims[i].refused)
                        remove_port(index, &record->claims[i].entry, record);
        if (address_is_set(&record->ipv4))
                remove_address(index, &record->ipv4, record);
        if (address_is_set(&record->ipv6))
                remove_address(index, &record->ipv6, record);
}

int index_move(Index *index, Record *record, const Address *ipv4, const Address *ipv6) {
        IndexedAddress addresses[2];
        size_t n = take_addresses(record, addresses);
        int r;

        if (address_is_set(ipv4))
                remove_address(index, ipv4, record);
        if (address_is_set(ipv6))
                remove_address(index, ipv6, record);
        r = reserve(index, 0, n);
        for (size_t i = 0; i < n && r >= 0; i++)
                insert_address(index, &addresses[i]);
        return r;
}

static int compare_ports(const void *a, const void *b) {
        return compare_key(&((const IndexedPort *) a)->key, b);
}

static int compare_addresses(const void *a, const void *b) {
        return compare_address(&((const IndexedAddress *) a)->address, b);
}

static void append(Index *index, Record *record) {
        IndexedAddress addresses[2];
        size_t n = take_addresses(record, addresses);

        for (size_t k = 0; k < record->n_claims; k++)
                if (!record->claims[k].refused)
                        index->ports[index->n_ports++] = indexed_port(index, &record->claims[k].entry, record);
        for (size_t i = 0; i < n; i++)
                index->addresses[index->n_addresses++] = addresses[i];
}

int index_build(Index *index, Record *const *records, size_t n_records) {
        size_t n_claims = 0, n_addresses = 0;
        int r;

        index->n_ports = index->n_addresses = index->longest = 0;
        for (size_t i = 0; i < n_records; i++) {
                n_claims += records[i]->n_claims;
                n_addresses += address_is_set(&records[i]->ipv4) + address_is_set(&records[i]->ipv6);
        }
        r = reserve(index, n_claims, n_addresses);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_records; i++)
                append(index, records[i]);
        array_sort(index->ports, index->n_ports, sizeof(*index->ports), compare_ports);
        array_sort(index->addresses, index->n_addresses, sizeof(*index->addresses), compare_addresses);
        return 0;
}

void index_done(Index *index) {
        free(index->ports);
        free(index->addresses);
        *index = (Index) {};
}

void index_visit_ports(const Index *index, Protocol protocol, PortRange ports, IndexVisit visit, void *userdata) {
        uint32_t start = port_key(protocol, ports.first > index->longest ? ports.first - index->longest : 0);
        uint32_t end = port_key(protocol, ports.last);

        for (size_t i = find_port(index, start); i < index->n_ports && index->ports[i].key <= end; i++)
                if (index->ports[i].last >= ports.first)
                        visit(userdata, index->ports[i].record);
}

void index_visit_addresses(const Index *index, const Prefix *prefix, IndexVisit visit, void *userdata) {
        for (size_t i = find_address(index, &prefix->address);
             i < index->n_addresses && prefix_contains(prefix, &index->addresses[i].address); i++)
                visit(userdata, index->addresses[i].record);
}
