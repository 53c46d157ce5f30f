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

static void read_field(SetField field, const uint8_t *first, const uint8_t *last, Element *element,
                       char name[static OBJECT_NAME_SIZE]) {
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
        case FIELD_NAME:
                memcpy(name, first, IFNAMSIZ);
                name[IFNAMSIZ] = '\0';
                break;
        case FIELD_TARGET:
                element->target = address_from_bytes(element->family, first);
                break;
        case FIELD_TARGET_PORT:
                element->target_port = read_port(first);
                break;
        case FIELD_END:
        case FIELD_PROFILE:
        case _FIELD_MAX:
                break;
        }
}

static void read_fields(const SetField *fields, const uint8_t *first, const uint8_t *last, Element *element,
                        char name[static OBJECT_NAME_SIZE]) {
        for (; *fields != FIELD_END; fields++) {
                size_t size = field_padded_size(*fields, element->family);

                read_field(*fields, first, last, element, name);
                first += size;
                last += size;
        }
}

/* Reading is lenient, and what it made is written again: if that gives other bytes (a range of addresses that is no
 * prefix, something in the padding, a single port in a set of ranges), a plan could not deal with it. */
static bool read_key(const SetSchema *schema, struct nftnl_set_elem *elem, Element *element,
                     char name[static OBJECT_NAME_SIZE]) {
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
        read_fields(schema->key, first, last, element, name);
        return set_schema_for_element(element) == schema && encode_key(schema, element, &key) >= 0 &&
               memcmp(key.first, first, size) == 0 && memcmp(key.last, last, size) == 0;
}

static bool read_verdict(struct nftnl_set_elem *elem, char name[static OBJECT_NAME_SIZE]) {
        const char *profile;

        /* libnftnl (1.2.4) follows a NULL of its own where what is asked for is not there. */
        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_VERDICT) ||
            !nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_CHAIN) ||
            nftnl_set_elem_get_u32(elem, NFTNL_SET_ELEM_VERDICT) != (uint32_t) NFT_GOTO)
                return false;
        profile = profile_of_chain(nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN));
        if (!profile)
                return false;
        strcpy(name, profile);
        return true;
}

static bool read_data(const SetSchema *schema, struct nftnl_set_elem *elem, Element *element,
                      char name[static OBJECT_NAME_SIZE]) {
        uint32_t wanted = set_data_layout(schema).size, size = 0;
        const uint8_t *bytes;
        SetData data;

        if (schema->data[0] == FIELD_END)
                return true;
        if (schema->data[0] == FIELD_PROFILE)
                return read_verdict(elem, name);
        bytes = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &size);
        if (!nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_DATA) || !bytes || size != wanted)
                return false;
        read_fields(schema->data, bytes, bytes, element, name);
        return encode_data(schema, element, &data) >= 0 && memcmp(data.bytes, bytes, size) == 0;
}

bool decode_element(const SetSchema *schema, struct nftnl_set_elem *elem, Element *ret,
                    char name[static OBJECT_NAME_SIZE]) {
        Element element = { .kind = schema->kind, .family = schema->family, .name = name };

        name[0] = '\0';
        if (!read_key(schema, elem, &element, name) || !read_data(schema, elem, &element, name))
                return false;
        *ret = element;
        return true;
}
