/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#include "daemon/nft/decode.h"
#include "daemon/nft/encode.h"

static uint16_t read_port(const uint8_t *bytes) {
        in_port_t port;

        memcpy(&port, bytes, sizeof(port));
        return ntohs(port);
}

/* The leading bits that first and last share; whether it is a prefix at all shows when it is written again. */
static Prefix read_prefix(uint8_t family, const uint8_t *first, const uint8_t *last) {
        size_t bits = address_size(family) * 8;
        size_t length = 0;

        while (length < bits && ((first[length / 8] ^ last[length / 8]) & (0x80 >> length % 8)) == 0)
                length++;
        return (Prefix) { address_from_bytes(family, first), (uint8_t) length };
}

static Prefix read_host_or_all(uint8_t family, const uint8_t *bytes) {
        const Prefix all = { { .family = family }, 0 };
        Address address = address_from_bytes(family, bytes);

        return address_compare(&address, &all.address) == 0 ? all : prefix_of_address(&address);
}

static const char *read_interface(const uint8_t *bytes, char text[static OBJECT_NAME_SIZE]) {
        memcpy(text, bytes, IFNAMSIZ);
        text[IFNAMSIZ] = '\0';
        return text;
}

static PortRange read_index(const uint8_t *bytes) {
        uint32_t index;

        memcpy(&index, bytes, sizeof(index));
        return (PortRange) { (uint16_t) index, (uint16_t) index };
}

static void read_field(SetField field, const uint8_t *first, const uint8_t *last, Element *element,
                       char text[static OBJECT_NAME_SIZE]) {
        switch (field) {
        case FIELD_PROTOCOL:
                element->protocol = *first;
                break;
        case FIELD_PORT:
        case FIELD_PORTS:
                element->ports = (PortRange) { read_port(first), read_port(last) };
                break;
        case FIELD_ADDRESS:
                element->address = address_from_bytes(element->family, first);
                break;
        case FIELD_PREFIX:
        case FIELD_HOST:
                element->prefix = read_prefix(element->family, first, last);
                break;
        case FIELD_HOST_OR_ALL:
                element->prefix = read_host_or_all(element->family, first);
                break;
        case FIELD_FIRST_PORT:
                element->ports.first = read_port(first);
                break;
        case FIELD_LAST_PORT:
                element->ports.last = read_port(first);
                break;
        case FIELD_NAME:
                element->name = read_interface(first, text);
                break;
        case FIELD_INTERFACE:
                element->interface = read_interface(first, text);
                break;
        case FIELD_INDEX:
                element->ports = read_index(first);
                break;
        case FIELD_TARGET:
                element->target = address_from_bytes(element->family, first);
                break;
        case FIELD_TARGET_PORT:
                element->target_port = read_port(first);
                break;
        case FIELD_END:
        case FIELD_NFPROTO: /* the set's own */
        case FIELD_GOTO_PROFILE:
        case FIELD_GOTO_LIMIT:
        case FIELD_GOTO_BALANCE:
        case _FIELD_MAX:
                break;
        }
}

static void read_fields(const SetField *fields, const uint8_t *first, const uint8_t *last, Element *element,
                        char text[static OBJECT_NAME_SIZE]) {
        for (; *fields != FIELD_END; fields++) {
                size_t size = field_padded_size(*fields, element->family);

                read_field(*fields, first, last, element, text);
                first += size;
                last += size;
        }
}

/* Reading is lenient, and what it made is written again: if that gives other bytes (a range of addresses that is no
 * prefix, something in the padding, a single port in a set of ranges), a plan could not deal with it. */
static bool read_key(const SetSchema *schema, struct nftnl_set_elem *elem, Element *element,
                     char text[static OBJECT_NAME_SIZE]) {
        uint32_t size = set_key_layout(schema).size, first_size = 0, last_size = 0;
        const uint8_t *first = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &first_size);
        const uint8_t *last = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY_END, &last_size);
        SetKey key;

        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_KEY) || !first || first_size != size)
                return false;
        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_KEY_END) || !last)
                last = first;
        else if (last_size != size)
                return false;
        read_fields(schema->key, first, last, element, text);
        return encode_key(schema, element, &key) >= 0 && memcmp(key.first, first, size) == 0 &&
               memcmp(key.last, last, size) == 0;
}

static bool read_verdict(const ObjectSchema *object, struct nftnl_set_elem *elem, Element *element,
                         char text[static OBJECT_NAME_SIZE]) {
        const char *chain, *name;

        /* libnftnl (1.2.4) follows a NULL of its own where what is asked for is not there. */
        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_VERDICT) ||
            !nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_CHAIN) ||
            nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_VERDICT) != (uint32_t) NFT_GOTO)
                return false;
        chain = nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN);
        if (object_schema_for_chain(chain, &name) != object || strlen(name) >= OBJECT_NAME_SIZE)
                return false;
        element->name = strcpy(text, name);
        return true;
}

static bool read_data(const SetSchema *schema, struct nftnl_set_elem *elem, Element *element,
                      char text[static OBJECT_NAME_SIZE]) {
        uint32_t wanted = set_data_layout(schema).size, size = 0;
        const uint8_t *bytes;
        SetData data;

        if (schema->data[0] == FIELD_END)
                return true;
        if (field_object(schema->data[0]))
                return read_verdict(field_object(schema->data[0]), elem, element, text);
        bytes = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &size);
        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_DATA) || !bytes || size != wanted)
                return false;
        read_fields(schema->data, bytes, bytes, element, text);
        return encode_data(schema, element, &data) >= 0 && memcmp(data.bytes, bytes, size) == 0;
}

bool decode_element(const SetSchema *schema, struct nftnl_set_elem *elem, Element *ret,
                    char text[static OBJECT_NAME_SIZE]) {
        Element element = { .kind = schema->kind, .family = schema->family, .name = "" };

        if (schema->shape & SHAPE_ALL_HOSTS)
                element.prefix.address.family = schema->family;
        if (!read_key(schema, elem, &element, text) || !read_data(schema, elem, &element, text) ||
            set_schema_for_element(&element) != schema)
                return false;
        *ret = element;
        return true;
}
