/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/carried.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/macros.h"

/* What each has. Behind it come the bytes of its addresses, as many as their families have. */
typedef struct PackedElement {
        const char *name;
        PortRange ports;
        uint16_t target_port;
        uint8_t kind, family, protocol;
        uint8_t prefix_family, prefix_length, address_family, target_family;
} _packed_ PackedElement;

static size_t packed_size(const Element *element) {
        return sizeof(PackedElement) + address_size(element->prefix.address.family) +
               address_size(element->address.family) + address_size(element->target.family);
}

static uint8_t *pack_address(const Address *address, uint8_t *to) {
        size_t size = address_size(address->family);

        memcpy(to, address->bytes, size);
        return to + size;
}

/* It has no interface: those that have are shared. */
static uint8_t *pack(const Element *element, uint8_t *to) {
        const PackedElement packed = {
                .name = element->name,
                .ports = element->ports,
                .target_port = element->target_port,
                .kind = (uint8_t) element->kind,
                .family = element->family,
                .protocol = element->protocol,
                .prefix_family = element->prefix.address.family,
                .prefix_length = element->prefix.length,
                .address_family = element->address.family,
                .target_family = element->target.family,
        };

        memcpy(to, &packed, sizeof(packed));
        to = pack_address(&element->prefix.address, to + sizeof(packed));
        to = pack_address(&element->address, to);
        return pack_address(&element->target, to);
}

static const uint8_t *unpack_address(uint8_t family, const uint8_t *from, Address *ret) {
        *ret = address_from_bytes(family, from);
        return from + address_size(family);
}

static const uint8_t *unpack(const uint8_t *from, Element *ret) {
        PackedElement packed;

        memcpy(&packed, from, sizeof(packed));
        *ret = (Element) {
                .kind = packed.kind,
                .family = packed.family,
                .protocol = packed.protocol,
                .ports = packed.ports,
                .name = packed.name,
                .target_port = packed.target_port,
        };
        ret->prefix.length = packed.prefix_length;
        from = unpack_address(packed.prefix_family, from + sizeof(packed), &ret->prefix.address);
        from = unpack_address(packed.address_family, from, &ret->address);
        return unpack_address(packed.target_family, from, &ret->target);
}

/* All shares are there, and there is room. */
static void put_own(Carried *carried, const Element *element) {
        uint8_t *packed = (uint8_t *) (carried->shares + carried->n_shares);

        carried->size = (unsigned) (pack(element, packed + carried->size) - packed);
        carried->n_own++;
}

static int put_share(Carried *carried, const Element *element, Shares *shares) {
        Share *share = shares_touch(shares, element);

        if (!share)
                return -ENOMEM;
        share->next++;
        carried->shares[carried->n_shares++] = share;
        return 0;
}

static Carried *allocate(const Elements *elements) {
        size_t size = sizeof(Carried);

        for (size_t i = 0; i < elements->count; i++)
                size += element_is_shared(elements->items[i].kind) ? sizeof(Share *) : packed_size(&elements->items[i]);
        return calloc(1, size);
}

Carried *carried_new(const Elements *elements, Shares *shares) {
        Carried *carried = allocate(elements);

        for (size_t i = 0; carried && i < elements->count; i++)
                if (element_is_shared(elements->items[i].kind) && put_share(carried, &elements->items[i], shares) < 0)
                        return carried_free(carried);
        for (size_t i = 0; carried && i < elements->count; i++)
                if (!element_is_shared(elements->items[i].kind))
                        put_own(carried, &elements->items[i]);
        return carried;
}

Carried *carried_free(Carried *carried) {
        free(carried);
        return NULL;
}

int carried_add_own(Carried **carried, const Element *element) {
        const Carried *old = *carried;
        size_t size = sizeof(Carried) + old->n_shares * sizeof(Share *) + old->size + packed_size(element);
        Carried *larger = realloc(*carried, size);

        if (!larger)
                return -ENOMEM;
        put_own(larger, element);
        *carried = larger;
        return 0;
}

int carried_append_own(const Carried *carried, Elements *to) {
        const uint8_t *from = (const uint8_t *) (carried->shares + carried->n_shares);
        int r = array_reserve(&to->items, &to->capacity, to->count + carried->n_own, sizeof(Element));

        for (unsigned i = 0; i < carried->n_own && r >= 0; i++)
                from = unpack(from, &to->items[to->count++]);
        return r;
}

void carried_release(const Carried *carried, Shares *shares) {
        for (size_t i = 0; i < carried->n_shares; i++) {
                shares_touch_again(shares, carried->shares[i]);
                carried->shares[i]->next--;
        }
}
