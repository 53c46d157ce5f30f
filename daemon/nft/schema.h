/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/element.h"
#include "daemon/nft/object.h"

/* What the table `inet calico-exposed` consists of, as data: encode, decode and the check of what stands in the
 * kernel are all driven by these tables. A further map is a further line here (and the rule that looks it up, in
 * ruleset.c). */

#define CALICO_EXPOSED_TABLE "calico-exposed"

/* One part of a set's key or data, and the member of Element that it is made from. In the kernel each part begins on
 * a four-byte boundary (a register) and is in network byte order, the index alone in the host's. */
typedef enum SetField {
        FIELD_END,
        FIELD_PROTOCOL,     /* protocol */
        FIELD_PORT,         /* ports.first, which is ports.last */
        FIELD_PORTS,        /* ports: an interval */
        FIELD_ADDRESS,      /* address */
        FIELD_PREFIX,       /* prefix: an interval */
        FIELD_HOST,         /* prefix, of full length: one address */
        FIELD_HOST_OR_ALL,  /* prefix: one address, or of length 0: no address at all, 0.0.0.0 or :: */
        FIELD_FIRST_PORT,   /* ports.first */
        FIELD_LAST_PORT,    /* ports.last */
        FIELD_NFPROTO,      /* family, for intervals of addresses alone: see SetSchema */
        FIELD_NAME,         /* name: an interface's */
        FIELD_INTERFACE,    /* interface */
        FIELD_INDEX,        /* ports.first, as 32 bits: what numgen gives */
        FIELD_TARGET,       /* target */
        FIELD_TARGET_PORT,  /* target_port */
        FIELD_GOTO_PROFILE, /* name, as a verdict: goto the object's chain */
        FIELD_GOTO_LIMIT,
        FIELD_GOTO_BALANCE,
        _FIELD_MAX,
} SetField;

#define SET_KEY_FIELDS_MAX 5 /* nft's own limit */
#define SET_DATA_FIELDS_MAX 2

/* The object that a verdict leads to; NULL: the field is none. */
const ObjectSchema *field_object(SetField field);

/* Which elements of a kind the set holds: those to which all of it applies. Intervals of concatenations are a matter
 * of their own for the kernel (pipapo): a commit copies the whole set, and it looks for what it removes by trying one
 * after the other, which with 1,000 elements takes 2 ms each, with an address in the key 4 (IPv4) to 20 (IPv6). So only
 * what is a range is kept as one, and an address is in the key only where it says something. */
typedef enum SetShape {
        SHAPE_ANY = 0,
        SHAPE_ONE_PORT = 1 << 0,
        SHAPE_PORT_RANGE = 1 << 1,
        SHAPE_ALL_HOSTS = 1 << 2,  /* prefix of length 0, which is not in the key then */
        SHAPE_SOME_HOSTS = 1 << 3, /* of any other */
        SHAPE_ONE_HOST = 1 << 4,   /* of full length */
        SHAPE_NEW_PORT = 1 << 5,   /* there is a target_port */
        SHAPE_PORTS_KEPT = 1 << 6, /* there is none */
} SetShape;

/* Intervals of one field alone are kept by the kernel in a tree, as two elements each, which overlap and merge in ways
 * of their own; a second field, though it is the same in all, makes them like the other intervals here. */
typedef struct SetSchema {
        const char *name;    /* of an object's set: what follows the chain's name */
        const char *comment; /* for who lists the table, or NULL */
        ElementKind kind;
        uint8_t family; /* of its elements; AF_UNSPEC where they have none */
        const ObjectSchema *object; /* each of these has one; NULL: it is the table's own */
        unsigned shape; /* SetShape */
        SetField key[SET_KEY_FIELDS_MAX + 1];
        SetField data[SET_DATA_FIELDS_MAX + 1]; /* empty: a set, not a map */
} SetSchema;

/* AF_INET, AF_INET6 */
extern const uint8_t address_families[2];

/* In the order in which those of one kind are looked up: the narrower claim first. */
extern const SetSchema set_schemas[];
extern const size_t n_set_schemas;

/* What the kernel and nft know of a key or of data: see NFTA_SET_KEY_TYPE and NFTA_SET_KEY_LEN. */
typedef struct SetLayout {
        uint32_t type; /* nft's numbers of data types, six bits each where there are several */
        uint32_t size; /* in bytes, padding included */
        uint8_t field_sizes[SET_KEY_FIELDS_MAX]; /* without padding (NFTA_SET_FIELD_LEN) */
        size_t n_fields;
        uint32_t byteorder; /* nft's enum byteorder, for its user data */
        bool interval;
} SetLayout;

#define SET_KEY_SIZE_MAX 44 /* two IPv6 addresses, protocol, two ports */
#define SET_DATA_SIZE_MAX 20

SetLayout set_key_layout(const SetSchema *schema);
SetLayout set_data_layout(const SetSchema *schema);

/* NFT_SET_MAP, NFT_SET_INTERVAL, NFT_SET_CONCAT. */
uint32_t set_flags(const SetSchema *schema);

/* Bytes of that field for elements of that family, without padding; padded to the next register. */
size_t field_size(SetField field, uint8_t family);
size_t field_padded_size(SetField field, uint8_t family);

/* The set that holds the element, or NULL: it is none (an object), or holds what no set can. */
const SetSchema *set_schema_for_element(const Element *element);

/* The set is one of that object's; name: the object's, which is valid. */
bool set_is_of_object(const SetSchema *schema, const ObjectSchema *object, const char *name);

/* The name of the set in the kernel; object: the name of the object that it belongs to, "" if it belongs to none.
 * Returns buffer. */
const char *set_name(const SetSchema *schema, const char *object, char buffer[static OBJECT_NAME_SIZE]);

/* The set of that kind and family which the object of that name has; "" if it has none. Returns buffer. */
const char *object_set_name(ObjectKind object, ElementKind kind, uint8_t family, const char *name,
                            char buffer[static OBJECT_NAME_SIZE]);

/* The table's own set "<name>4" or "<name>6". Returns buffer. */
const char *family_set_name(const char *name, uint8_t family, char buffer[static OBJECT_NAME_SIZE]);

/* The other way round. object receives the object's name, "" if the set is none's. NULL: not one of our names. */
const SetSchema *set_schema_for_name(const char *name, char object[static OBJECT_NAME_SIZE]);

/* A chain that is there whatever containers there are. */
typedef struct ChainSchema {
        const char *name;
        const char *type; /* "nat", "filter"; NULL: not a base chain, reached by goto alone */
        uint32_t hook;    /* NF_INET_... */
        int32_t priority;
} ChainSchema;

extern const ChainSchema chain_schemas[];
extern const size_t n_chain_schemas;

/* NULL: no such chain. */
const ChainSchema *chain_schema_for_name(const char *name);
