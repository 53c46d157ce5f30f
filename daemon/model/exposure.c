/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/exposure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

static int append(Exposures *exposures, const Exposure *exposure) {
        int r;

        r = array_reserve(&exposures->items, &exposures->capacity, exposures->count + 1, sizeof(*exposure));
        if (r >= 0)
                exposures->items[exposures->count++] = *exposure;
        return r;
}

static Exposure exposure_of(const Element *element) {
        Exposure exposure = {
                .protocol = element->protocol,
                .family = element->family,
                .destination = element->prefix,
                .ports = element->ports,
                .container = element->target,
                .container_first = element->target_port ?: element->ports.first,
        };

        if (element->kind == ELEMENT_DNAT)
                exposure.destination = (Prefix) { { .family = element->family }, 0 };
        else if (element->kind == ELEMENT_DNAT_HOST)
                exposure.destination = prefix_of_address(&element->address);
        return exposure;
}

static int compare_element(const void *key, const void *item) {
        return element_compare(key, item);
}

/* A balance's backends stand together, apart from the ports that lead to them. */
static int append_backends(Exposures *exposures, const Elements *elements, const Element *dnat) {
        const Element first = { .kind = ELEMENT_BACKEND, .name = dnat->name };
        size_t i = array_lower_bound(&first, elements->items, elements->count, sizeof(first), compare_element);
        int r = 0;

        for (; i < elements->count && r >= 0; i++) {
                const Element *backend = &elements->items[i];
                Exposure exposure = exposure_of(dnat);

                if (backend->kind != ELEMENT_BACKEND || strcmp(backend->name, dnat->name) != 0)
                        break;
                exposure.container = backend->target;
                exposure.container_first = backend->target_port ?: dnat->ports.first;
                r = append(exposures, &exposure);
        }
        return r;
}

static int number_compare(unsigned a, unsigned b) {
        return (a > b) - (a < b);
}

static int exposure_compare(const void *a, const void *b) {
        const Exposure *x = a, *y = b;
        int r;

        if ((r = number_compare(x->family, y->family)) != 0 || (r = number_compare(x->protocol, y->protocol)) != 0 ||
            (r = number_compare(x->ports.first, y->ports.first)) != 0 ||
            (r = number_compare(x->ports.last, y->ports.last)) != 0 ||
            (r = prefix_compare(&x->destination, &y->destination)) != 0 ||
            (r = address_compare(&x->container, &y->container)) != 0)
                return r;
        return number_compare(x->container_first, y->container_first);
}

int exposures_of_elements(const Elements *elements, Exposures *ret) {
        Exposures exposures = {};
        int r = 0;

        for (size_t i = 0; i < elements->count && r >= 0; i++) {
                const Element *element = &elements->items[i];
                Exposure exposure = exposure_of(element);

                if (element_is_translation(element))
                        r = append(&exposures, &exposure);
                else if (element->kind == ELEMENT_DNAT_BALANCE)
                        r = append_backends(&exposures, elements, element);
        }
        if (r < 0) {
                exposures_done(&exposures);
                return r;
        }
        array_sort(exposures.items, exposures.count, sizeof(*exposures.items), exposure_compare);
        *ret = exposures;
        return 0;
}

/* Each port of a shifted range is by itself in the table. */
static int append_claim(Exposures *exposures, const Entry *entry, const Address *container) {
        bool shifted = entry_is_shifted_range(entry);
        Exposure exposure = {
                .protocol = (uint8_t) entry->protocol,
                .family = container->family,
                .destination = entry_host_prefix(entry, container->family),
                .ports = shifted ? (PortRange) { entry->host_ports.first, entry->host_ports.first } : entry->host_ports,
                .container = *container,
                .container_first = entry->container_ports.first,
        };
        int r = append(exposures, &exposure);

        while (shifted && r >= 0 && exposure.ports.last < entry->host_ports.last) {
                exposure.ports.first = ++exposure.ports.last;
                exposure.container_first++;
                r = append(exposures, &exposure);
        }
        return r;
}

static bool claim_wants(const Claim *claim, const Address *container) {
        return !claim->refused && address_is_set(container) && entry_has_family(&claim->entry, container->family);
}

int exposures_of_claim(const Record *record, const Claim *claim, Exposures *ret) {
        Exposures exposures = {};
        int r = 0;

        if (claim_wants(claim, &record->ipv4))
                r = append_claim(&exposures, &claim->entry, &record->ipv4);
        if (r >= 0 && claim_wants(claim, &record->ipv6))
                r = append_claim(&exposures, &claim->entry, &record->ipv6);
        if (r < 0) {
                exposures_done(&exposures);
                return r;
        }
        *ret = exposures;
        return 0;
}

void exposures_done(Exposures *exposures) {
        free(exposures->items);
        *exposures = (Exposures) {};
}

static bool is_among(const Exposures *exposures, const Exposure *exposure) {
        return exposures->count > 0 && bsearch(exposure, exposures->items, exposures->count, sizeof(*exposure),
                                               exposure_compare);
}

bool exposures_meet(const Exposures *few, const Exposures *many) {
        for (size_t i = 0; i < few->count; i++)
                if (is_among(many, &few->items[i]))
                        return true;
        return false;
}

bool exposures_include(const Exposures *few, const Exposures *many) {
        for (size_t i = 0; i < few->count; i++)
                if (!is_among(many, &few->items[i]))
                        return false;
        return true;
}

int exposures_subtract(const Exposures *a, const Exposures *b, Exposures *ret) {
        Exposures rest = {};
        size_t k = 0;

        for (size_t i = 0; i < a->count; i++) {
                while (k < b->count && exposure_compare(&b->items[k], &a->items[i]) < 0)
                        k++;
                if (k < b->count && exposure_compare(&b->items[k], &a->items[i]) == 0)
                        continue;
                if (append(&rest, &a->items[i]) < 0) {
                        exposures_done(&rest);
                        return -ENOMEM;
                }
        }
        *ret = rest;
        return 0;
}
