/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/desired.h"
#include "common/hash.h"

#include <errno.h>
#include <string.h>


void desired_done(Desired *desired) {
        elements_done(&desired->elements);
        elements_done(&desired->backends);
}

/* Appending with the first error kept: look once, at the end. */
static void append(Elements *elements, const Element *element, int *error) {
        if (*error >= 0)
                *error = elements_append(elements, element);
}

static const char *intern(const Desired *desired, const char *name, int *error) {
        const char *interned = names_intern(desired->names, name);

        if (!interned && *error >= 0)
                *error = -ENOMEM;
        return interned ?: "";
}

/* The key of an element that all ports of the entry share. */
static Element host_side(ElementKind kind, const Entry *entry, uint8_t family) {
        return (Element) {
                .kind = kind,
                .family = family,
                .protocol = (uint8_t) entry->protocol,
                .prefix = entry_host_prefix(entry, family),
                .ports = entry->host_ports,
                .name = "",
        };
}

static void add_port(Desired *desired, const Entry *entry, const Address *target, unsigned offset, int *error) {
        uint16_t port = (uint16_t) (entry->host_ports.first + offset);
        Element element = {
                .kind = address_is_set(&entry->host) ? ELEMENT_DNAT_HOST : ELEMENT_DNAT,
                .family = target->family,
                .protocol = (uint8_t) entry->protocol,
                .address = entry->host,
                .ports = { port, port },
                .name = "",
                .target = *target,
                .target_port = (uint16_t) (entry->container_ports.first + offset),
        };

        append(&desired->elements, &element, error);
}

static bool entry_is_range(const Entry *entry) {
        return entry->host_ports.first != entry->host_ports.last;
}

/* A range that keeps its ports is one element, however long. */
static void add_translation(Desired *desired, const Entry *entry, const Address *target, int *error) {
        if (entry_is_range(entry) && !entry_is_shifted_range(entry)) {
                Element range = host_side(ELEMENT_DNAT_RANGE, entry, target->family);

                range.target = *target;
                append(&desired->elements, &range, error);
                return;
        }
        for (unsigned i = 0; i < port_range_count(entry->host_ports); i++)
                add_port(desired, entry, target, i, error);
}

static void add_backend(Desired *desired, const Entry *entry, const Address *target, int *error) {
        Element backend = host_side(ELEMENT_DNAT_BALANCE, entry, target->family);

        backend.target = *target;
        backend.target_port = entry_is_range(entry) ? 0 : entry->container_ports.first;
        append(&desired->backends, &backend, error);
}

static void add_allow(Desired *desired, const Entry *entry, const Address *target, const char *profile, int *error) {
        Element allow = {
                .kind = ELEMENT_ALLOW,
                .family = target->family,
                .protocol = (uint8_t) entry->protocol,
                .address = *target,
                .ports = entry->container_ports,
                .name = profile,
        };

        append(&desired->elements, &allow, error);
}

static void add_limit_members(Desired *desired, const Limits *limits, const char *name, int *error) {
        for (size_t i = 0; i < limits->n_from; i++) {
                Element from = { .kind = ELEMENT_LIMIT_FROM, .family = limits->from[i].address.family,
                                 .prefix = limits->from[i], .name = name };

                append(&desired->elements, &from, error);
        }
        for (size_t i = 0; i < limits->n_interfaces; i++) {
                Element interface = { .kind = ELEMENT_LIMIT_INTERFACE, .name = name };

                interface.interface = intern(desired, limits->interfaces[i], error);
                append(&desired->elements, &interface, error);
        }
}

static const char *add_limit(Desired *desired, const Limits *limits, int *error) {
        char text[CHAIN_NAME_SIZE];
        const LimitName name = {
                .from = limits->n_from > 0,
                .interfaces = limits->n_interfaces > 0,
                .local = limits_include_local(limits),
                .hash = limits_hash(limits),
        };
        Element limit = { .kind = ELEMENT_LIMIT, .name = intern(desired, limit_name_format(&name, text), error) };

        append(&desired->elements, &limit, error);
        add_limit_members(desired, limits, limit.name, error);
        return limit.name;
}

/* What an address needs once, however many claims use it. */
static void add_endpoint(Desired *desired, const Address *address, const RecordPath *path, const char *profile,
                         int *error) {
        const Element profile_element = { .kind = ELEMENT_PROFILE, .name = profile };
        const Element endpoint = { .kind = ELEMENT_ENDPOINT, .family = address->family, .address = *address,
                                   .name = profile };
        const Element hairpin = { .kind = ELEMENT_HAIRPIN, .family = address->family, .address = *address,
                                  .name = "" };
        const Element neighbours = { .kind = ELEMENT_NEIGHBOURS, .family = address->family, .name = "",
                                     .prefix = { address_masked(address, path->neighbours), path->neighbours } };
        Element localnet = { .kind = ELEMENT_LOCALNET };

        append(&desired->elements, &profile_element, error);
        append(&desired->elements, &endpoint, error);
        if (!path->known)
                return;
        append(&desired->elements,
               path->neighbours == address_size(address->family) * 8 ? &hairpin : &neighbours, error);
        if (path->localnet && address->family == AF_INET) {
                localnet.name = intern(desired, path->ifname, error);
                append(&desired->elements, &localnet, error);
        }
}

static void add_claim(Desired *desired, const Record *record, const Entry *entry, const Address *address,
                      const char *profile, const char *limit, int *error) {
        if (record->labels.balance)
                add_backend(desired, entry, address, error);
        else
                add_translation(desired, entry, address, error);
        add_allow(desired, entry, address, profile, error);
        if (limit) {
                Element limited = host_side(ELEMENT_DNAT_LIMIT, entry, address->family);

                limited.name = limit;
                append(&desired->elements, &limited, error);
        }
}

static void add_address(Desired *desired, const Record *record, const Address *address, const RecordPath *path,
                        const char *profile, const char *limit, int *error) {
        bool used = false;

        for (size_t i = 0; i < record->n_claims; i++) {
                const Claim *claim = &record->claims[i];

                if (claim->state != CLAIM_EXPOSED || !entry_has_family(&claim->entry, address->family))
                        continue;
                used = true;
                add_claim(desired, record, &claim->entry, address, profile, limit, error);
        }
        if (used)
                add_endpoint(desired, address, path, profile, error);
}

static bool record_is_exposed(const Record *record) {
        for (size_t i = 0; i < record->n_claims; i++)
                if (record->claims[i].state == CLAIM_EXPOSED)
                        return true;
        return false;
}

int desired_add_record(Desired *desired, const Record *record) {
        char text[PROFILE_NAME_SIZE];
        const char *profile, *limit = NULL;
        int error = 0;

        if (!record_is_exposed(record))
                return 0;
        profile = intern(desired, element_profile_name(record->profile, text), &error);
        if (limits_are_set(&record->labels.limits))
                limit = add_limit(desired, &record->labels.limits, &error);
        if (address_is_set(&record->ipv4))
                add_address(desired, record, &record->ipv4, &record->path4, profile, limit, &error);
        if (address_is_set(&record->ipv6))
                add_address(desired, record, &record->ipv6, &record->path6, profile, limit, &error);
        return error;
}

static void add_host_addresses(Desired *desired, const Prefix *prefix, int *error) {
        const Element element = { .kind = ELEMENT_HOST_ADDRESS, .family = prefix->address.family, .prefix = *prefix,
                                  .name = "" };

        append(&desired->elements, &element, error);
}

int desired_add_policy(Desired *desired, const Policy *policy) {
        static const Prefix all4 = { { .family = AF_INET }, 0 }, all6 = { { .family = AF_INET6 }, 0 };
        static const Prefix loopback = { { .family = AF_INET, .bytes = { 127 } }, 8 };
        int error = 0;

        for (size_t i = 0; i < policy->n_addresses; i++)
                add_host_addresses(desired, &policy->addresses[i], &error);
        if (policy->n_addresses == 0) {
                add_host_addresses(desired, &all4, &error);
                add_host_addresses(desired, &all6, &error);
        } else if (policy->localhost)
                add_host_addresses(desired, &loopback, &error);
        return error;
}

/* A process that ends leaves its port closed for a moment before Docker says so. With others there to answer, clients
 * need not see that. Ranges keep it simple: there a refusal is passed on. */
static void add_balanced(Desired *desired, const Element *backend, int *error) {
        const Element balanced = {
                .kind = ELEMENT_BALANCED,
                .family = backend->family,
                .protocol = backend->protocol,
                .address = backend->target,
                .ports = { backend->target_port, backend->target_port },
                .name = "",
        };

        if (backend->protocol == PROTOCOL_TCP && backend->target_port != 0)
                append(&desired->elements, &balanced, error);
}

/* One balance for each host side: as many backends as follow each other with the same key. */
static size_t add_balance(Desired *desired, const Element *backends, size_t n, int *error) {
        char text[CHAIN_NAME_SIZE];
        Element balance = { .kind = ELEMENT_BALANCE }, dnat = backends[0];
        BalanceName name = { .family = backends[0].family, .range = backends[0].target_port == 0 };
        size_t count = 1;

        while (count < n && element_compare_key(&backends[0], &backends[count]) == 0)
                count++;
        name.backends = (unsigned) count;
        name.hash = hash_bytes(HASH_START, &dnat.protocol, sizeof(dnat.protocol));
        name.hash = hash_bytes(name.hash, &dnat.prefix, sizeof(dnat.prefix));
        name.hash = hash_bytes(name.hash, &dnat.ports, sizeof(dnat.ports));
        balance.name = dnat.name = intern(desired, balance_name_format(&name, text), error);
        append(&desired->elements, &balance, error);
        for (size_t i = 0; i < count; i++) {
                Element backend = backends[i];

                if (count > 1)
                        add_balanced(desired, &backend, error);
                backend.kind = ELEMENT_BACKEND;
                backend.protocol = 0;
                backend.prefix = (Prefix) {};
                backend.ports = (PortRange) { (uint16_t) i, (uint16_t) i };
                backend.name = balance.name;
                append(&desired->elements, &backend, error);
        }
        dnat.target = (Address) {};
        dnat.target_port = 0;
        append(&desired->elements, &dnat, error);
        return count;
}

/* Sorted neighbours: an allowed range takes in the one that begins inside it, a network the one that lies in it. */
static bool merge(Element *into, const Element *next) {
        if (into->kind != next->kind || strcmp(into->name, next->name) != 0 || into->family != next->family)
                return false;
        switch (into->kind) {
        case ELEMENT_NEIGHBOURS:
        case ELEMENT_HOST_ADDRESS:
                return prefix_contains(&into->prefix, &next->prefix.address);
        case ELEMENT_ALLOW:
                if (into->protocol != next->protocol || address_compare(&into->address, &next->address) != 0 ||
                    next->ports.first > into->ports.last)
                        return false;
                into->ports.last = MAX(into->ports.last, next->ports.last);
                return true;
        default:
                return false;
        }
}

int desired_settle(Desired *desired) {
        Elements *elements = &desired->elements;
        size_t kept = 0;
        int error = 0;

        elements_sort(&desired->backends);
        for (size_t i = 0; i < desired->backends.count && error >= 0;)
                i += add_balance(desired, &desired->backends.items[i], desired->backends.count - i, &error);
        if (error < 0)
                return error;
        elements_sort(elements);
        for (size_t i = 0; i < elements->count; i++) {
                if (kept > 0 && (element_compare(&elements->items[kept - 1], &elements->items[i]) == 0 ||
                                 merge(&elements->items[kept - 1], &elements->items[i])))
                        continue;
                elements->items[kept++] = elements->items[i];
        }
        elements->count = kept;
        return 0;
}
