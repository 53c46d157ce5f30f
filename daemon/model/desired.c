/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/desired.h"

#include <errno.h>

static Prefix full_prefix(const Address *address) {
        return (Prefix) { *address, (uint8_t) (address_size(address->family) * 8) };
}

/* One host port, or one range whose ports keep their numbers. */
static int append_dnat(const Entry *entry, const Address *target, PortRange ports, uint16_t target_port,
                       Elements *elements) {
        Element element = {
                .kind = ELEMENT_DNAT,
                .family = target->family,
                .protocol = (uint8_t) entry->protocol,
                .ports = ports,
                .name = "",
                .target = *target,
                .target_port = target_port,
        };

        if (ports.first != ports.last) {
                element.kind = ELEMENT_DNAT_RANGE;
                element.target_port = 0;
                element.prefix = address_is_set(&entry->host) ? full_prefix(&entry->host)
                                                              : (Prefix) { { .family = target->family }, 0 };
        } else if (address_is_set(&entry->host)) {
                element.kind = ELEMENT_DNAT_HOST;
                element.address = entry->host;
        }
        return elements_append(elements, &element);
}

static int append_translations(const Entry *entry, const Address *target, Elements *elements) {
        unsigned count = port_range_count(entry->host_ports);
        int r = 0;

        if (!entry_is_shifted_range(entry))
                return append_dnat(entry, target, entry->host_ports, entry->container_ports.first, elements);
        for (unsigned i = 0; i < count && r >= 0; i++) {
                uint16_t port = (uint16_t) (entry->host_ports.first + i);

                r = append_dnat(entry, target, (PortRange) { port, port },
                                (uint16_t) (entry->container_ports.first + i), elements);
        }
        return r;
}

static int append_allow(const Entry *entry, const Address *target, const char *profile, Elements *elements) {
        Element element = {
                .kind = ELEMENT_ALLOW,
                .family = target->family,
                .protocol = (uint8_t) entry->protocol,
                .address = *target,
                .ports = entry->container_ports,
                .name = profile,
        };

        return elements_append(elements, &element);
}

/* What an address needs once, however many claims use it. */
static int append_endpoint(const Address *address, const RecordPath *path, const char *profile, Names *names,
                           Elements *elements) {
        Element profile_element = { .kind = ELEMENT_PROFILE, .name = profile };
        Element endpoint = { .kind = ELEMENT_ENDPOINT, .family = address->family, .address = *address,
                             .name = profile };
        Element hairpin = { .kind = ELEMENT_HAIRPIN, .family = address->family, .prefix = path->neighbours,
                            .address = *address, .name = "" };
        Element localnet = { .kind = ELEMENT_LOCALNET };
        int r;

        r = elements_append(elements, &profile_element);
        if (r >= 0)
                r = elements_append(elements, &endpoint);
        if (r >= 0 && path->known)
                r = elements_append(elements, &hairpin);
        if (r >= 0 && path->known && path->localnet && address->family == AF_INET) {
                localnet.name = names_intern(names, path->ifname);
                r = localnet.name ? elements_append(elements, &localnet) : -ENOMEM;
        }
        return r;
}

static int append_address(const Record *record, const Address *address, const RecordPath *path, const char *profile,
                          Names *names, Elements *elements) {
        bool used = false;
        int r = 0;

        if (!address_is_set(address))
                return 0;
        for (size_t i = 0; i < record->n_claims && r >= 0; i++) {
                const Claim *claim = &record->claims[i];
                const Entry *entry = &claim->entry;

                if (claim->state != CLAIM_EXPOSED ||
                    (entry->family != AF_UNSPEC && entry->family != address->family))
                        continue;
                used = true;
                r = append_translations(entry, address, elements);
                if (r >= 0)
                        r = append_allow(entry, address, profile, elements);
        }
        return r < 0 || !used ? r : append_endpoint(address, path, profile, names, elements);
}

int desired_append(const Record *record, Names *names, Elements *elements) {
        char name[PROFILE_NAME_SIZE];
        const char *profile = names_intern(names, element_profile_name(record->profile, name));
        int r;

        if (!profile)
                return -ENOMEM;
        r = append_address(record, &record->ipv4, &record->path4, profile, names, elements);
        if (r >= 0)
                r = append_address(record, &record->ipv6, &record->path6, profile, names, elements);
        return r;
}

/* Sorted neighbours: an allowed range takes in the one that begins inside it. */
static bool merge_ranges(Element *into, const Element *next) {
        if (into->kind != ELEMENT_ALLOW || next->kind != ELEMENT_ALLOW || into->name != next->name ||
            into->protocol != next->protocol || address_compare(&into->address, &next->address) != 0 ||
            next->ports.first > into->ports.last)
                return false;
        into->ports.last = MAX(into->ports.last, next->ports.last);
        return true;
}

void desired_settle(Elements *elements) {
        size_t kept = 0;

        elements_sort(elements);
        for (size_t i = 0; i < elements->count; i++) {
                if (kept > 0 && (element_compare(&elements->items[kept - 1], &elements->items[i]) == 0 ||
                                 merge_ranges(&elements->items[kept - 1], &elements->items[i])))
                        continue;
                elements->items[kept++] = elements->items[i];
        }
        elements->count = kept;
}
