/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "daemon/nft/batch.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/objects.h"

/* The elements' values, field by field. */

static bool address_fits(const Address *address, uint8_t family) {
        return address->family == family && address_is_set(address);
}

static int write_address(const Address *address, uint8_t family, uint8_t *first, uint8_t *last) {
        if (!address_fits(address, family))
                return -EINVAL;
        memcpy(first, address->bytes, address_size(family));
        memcpy(last, address->bytes, address_size(family));
        return 0;
}

/* From the prefix's first address to its last. */
static int write_prefix(const Prefix *prefix, uint8_t family, uint8_t *first, uint8_t *last) {
        size_t size = address_size(family);
        Address masked = address_masked(&prefix->address, prefix->length);

        if (!address_fits(&prefix->address, family) || prefix->length > size * 8 ||
            address_compare(&masked, &prefix->address) != 0)
                return -EINVAL;
        memcpy(first, masked.bytes, size);
        memcpy(last, masked.bytes, size);
        for (size_t bit = prefix->length; bit < size * 8; bit++)
                last[bit / 8] |= (uint8_t) (0x80 >> bit % 8);
        return 0;
}

static int write_ports(PortRange ports, uint8_t *first, uint8_t *last) {
        in_port_t low = htons(ports.first), high = htons(ports.last);

        if (ports.first > ports.last)
                return -EINVAL;
        memcpy(first, &low, sizeof(low));
        memcpy(last, &high, sizeof(high));
        return 0;
}

static int write_one_port(uint16_t port, uint8_t *first, uint8_t *last) {
        return write_ports((PortRange) { port, port }, first, last);
}

static int write_host_or_all(const Prefix *prefix, uint8_t family, uint8_t *first, uint8_t *last) {
        const Prefix all = { { .family = family }, 0 };

        if (prefix_compare(prefix, &all) == 0)
                return 0;
        return prefix->length == address_size(family) * 8 ? write_prefix(prefix, family, first, last) : -EINVAL;
}

/* In the byte order of the machine: as the kernel counts. */
static int write_index(PortRange ports, uint8_t *first, uint8_t *last) {
        uint32_t index = ports.first;

        if (ports.first != ports.last)
                return -EINVAL;
        memcpy(first, &index, sizeof(index));
        memcpy(last, &index, sizeof(index));
        return 0;
}

static int write_interface(const char *name, uint8_t *first, uint8_t *last) {
        if (!name || name[0] == '\0' || strlen(name) >= IFNAMSIZ)
                return -EINVAL;
        memcpy(first, name, strlen(name));
        memcpy(last, name, strlen(name));
        return 0;
}

/* first and last are zeroed and long enough. */
static int write_field(SetField field, const Element *element, uint8_t *first, uint8_t *last) {
        switch (field) {
        case FIELD_PROTOCOL:
                *first = *last = element->protocol;
                return 0;
        case FIELD_NFPROTO:
                *first = *last = element->family;
                return 0;
        case FIELD_PORT:
                return element->ports.first == element->ports.last ? write_ports(element->ports, first, last) : -EINVAL;
        case FIELD_PORTS:
                return write_ports(element->ports, first, last);
        case FIELD_ADDRESS:
                return write_address(&element->address, element->family, first, last);
        case FIELD_PREFIX:
        case FIELD_HOST:
                return write_prefix(&element->prefix, element->family, first, last);
        case FIELD_HOST_OR_ALL:
                return write_host_or_all(&element->prefix, element->family, first, last);
        case FIELD_FIRST_PORT:
                return write_one_port(element->ports.first, first, last);
        case FIELD_LAST_PORT:
                return element->ports.first <= element->ports.last ? write_one_port(element->ports.last, first, last)
                                                                   : -EINVAL;
        case FIELD_NAME:
                return write_interface(element->name, first, last);
        case FIELD_INTERFACE:
                return write_interface(element->interface, first, last);
        case FIELD_INDEX:
                return write_index(element->ports, first, last);
        case FIELD_TARGET:
                return write_address(&element->target, element->family, first, last);
        case FIELD_TARGET_PORT:
                return write_one_port(element->target_port, first, last);
        case FIELD_END:
        case FIELD_GOTO_PROFILE:
        case FIELD_GOTO_LIMIT:
        case FIELD_GOTO_BALANCE:
        case _FIELD_MAX:
                break;
        }
        return -EINVAL;
}

static int write_fields(const SetField *fields, const Element *element, uint8_t *first, uint8_t *last) {
        for (; *fields != FIELD_END; fields++) {
                int r = write_field(*fields, element, first, last);

                if (r < 0)
                        return r;
                first += field_padded_size(*fields, element->family);
                last += field_padded_size(*fields, element->family);
        }
        return 0;
}

int encode_key(const SetSchema *schema, const Element *element, SetKey *ret) {
        SetKey key = { .size = set_key_layout(schema).size };
        int r = write_fields(schema->key, element, key.first, key.last);

        if (r < 0)
                return r;
        *ret = key;
        return 0;
}

int encode_data(const SetSchema *schema, const Element *element, SetData *ret) {
        SetData data = { .size = set_data_layout(schema).size };
        uint8_t unused[SET_DATA_SIZE_MAX] = {};
        int r = write_fields(schema->data, element, data.bytes, unused);

        if (r < 0)
                return r;
        *ret = data;
        return 0;
}

static int fill_key(struct nftnl_set_elem *elem, const SetSchema *schema, const Element *element) {
        SetKey key;
        int r = encode_key(schema, element, &key);

        if (r < 0)
                return r;
        if (nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY, key.first, key.size) < 0 ||
            (set_key_layout(schema).interval &&
             nftnl_set_elem_set(elem, NFTNL_SET_ELEM_KEY_END, key.last, key.size) < 0))
                return -ENOMEM;
        return 0;
}

static int fill_verdict(struct nftnl_set_elem *elem, const ObjectSchema *object, const char *name) {
        char chain[OBJECT_NAME_SIZE];

        if (!object->name_is_valid(name))
                return -EINVAL;
        nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (uint32_t) NFT_GOTO);
        object_chain_name(object, name, chain);
        return nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, chain) < 0 ? -ENOMEM : 0;
}

static int fill_data(struct nftnl_set_elem *elem, const SetSchema *schema, const Element *element) {
        SetData data;
        int r;

        if (schema->data[0] == FIELD_END)
                return 0;
        if (field_object(schema->data[0]))
                return fill_verdict(elem, field_object(schema->data[0]), element->name);
        r = encode_data(schema, element, &data);
        if (r < 0)
                return r;
        return nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, data.bytes, data.size) < 0 ? -ENOMEM : 0;
}

int encode_element(const SetSchema *schema, const Element *element, bool with_data, struct nftnl_set_elem **ret) {
        _cleanup_set_elem_ struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
        int r;

        if (!elem)
                return -ENOMEM;
        r = fill_key(elem, schema, element);
        if (r >= 0 && with_data)
                r = fill_data(elem, schema, element);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(elem);
        return 0;
}

/* What an element takes in its message: see enum nft_set_elem_attributes. */
static size_t wire_size(const SetSchema *schema) {
        enum {
                ATTRIBUTE = 4,
                NUMBER = ATTRIBUTE + sizeof(uint32_t),
                VALUE = ATTRIBUTE + ATTRIBUTE, /* NFTA_SET_ELEM_KEY { NFTA_DATA_VALUE ... */
        };
        SetLayout key = set_key_layout(schema);
        size_t size = ATTRIBUTE + VALUE + key.size;

        if (key.interval)
                size += VALUE + key.size;
        if (field_object(schema->data[0]))
                size += VALUE + NUMBER + ATTRIBUTE + OBJECT_NAME_SIZE;
        else if (schema->data[0] != FIELD_END)
                size += VALUE + set_data_layout(schema).size;
        return size;
}

size_t encode_elements_per_message(const SetSchema *schema) {
        enum {
                COUNT_MAX = 1000,
                REST = 4096, /* headers, names, padding: generously */
        };

        return MIN((size_t) COUNT_MAX, (BATCH_MESSAGE_SIZE_MAX - REST) / wire_size(schema));
}
