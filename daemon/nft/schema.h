/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/model/element.h"

/* What the table `inet calico-exposed` consists of, as data: encode, decode and the check of what stands in the
 * kernel are all driven by these tables. A further map is a further line here (and the rule that looks it up, in
 * ruleset.c). */

#define CALICO_EXPOSED_TABLE "calico-exposed"
#define PROFILE_CHAIN_PREFIX "profile-"

/* "profile-" NAME "-range6" and the terminating zero, with room to spare. */
#define OBJECT_NAME_SIZE (PROFILE_NAME_SIZE + 32)

/* One part of a set's key or data, and the member of Element that it is made from. In the kernel each part begins on
 * a four-byte boundary (a register) and is in network byte order. */
typedef enum SetField {
        FIELD_END,
        FIELD_PROTOCOL,    /* protocol */
        FIELD_PORT,        /* ports.first, which is ports.last */
        FIELD_PORTS,       /* ports: an interval */
        FIELD_ADDRESS,     /* address */
        FIELD_PREFIX,      /* prefix: an interval */
        FIELD_HOST,        /* prefix of full length: one address */
        FIELD_NAME,        /* name: an interface's */
        FIELD_TARGET,      /* target */
        FIELD_TARGET_PORT, /* target_port */
        FIELD_PROFILE,     /* name: a verdict, goto profile-<name> */
        _FIELD_MAX,
} SetField;

#define SET_KEY_FIELDS_MAX 3
#define SET_DATA_FIELDS_MAX 2

/* Which elements of a kind the set holds. Intervals of concatenations are a matter of their own for the kernel
 * (pipapo): a commit copies the whole set, and taking out one of 1,000 elements costs 3 ms, 1,000 of them 3 s. So only
 * what is a range is kept as one. */
typedef enum SetShape {
        SHAPE_ANY,
        SHAPE_ONE_PORT,
        SHAPE_PORT_RANGE,
        SHAPE_HOST,    /* prefix of full length */
        SHAPE_NETWORK, /* of any other */
} SetShape;

typedef struct SetSchema {
        const char *name;    /* of a profile's set: what follows profile-<name> */
        const char *comment; /* for who lists the table, or NULL */
        ElementKind kind;
        uint8_t family;   /* of its elements; AF_UNSPEC where they have none */
        bool per_profile; /* each profile has one */
        SetShape shape;
        SetField key[SET_KEY_FIELDS_MAX + 1];
        SetField data[SET_DATA_FIELDS_MAX + 1]; /* empty: a set, not a map */
} SetSchema;

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

#define SET_KEY_SIZE_MAX 36 /* two IPv6 addresses, or one with protocol and port */
#define SET_DATA_SIZE_MAX 20

SetLayout set_key_layout(const SetSchema *schema);
SetLayout set_data_layout(const SetSchema *schema);

/* NFT_SET_MAP, NFT_SET_INTERVAL, NFT_SET_CONCAT. */
uint32_t set_flags(const SetSchema *schema);

/* Bytes of that field for elements of that family, without padding; padded to the next register. */
size_t field_size(SetField field, uint8_t family);
size_t field_padded_size(SetField field, uint8_t family);

/* The set that holds the element, or NULL: it is none (a profile), or holds what no set can. */
const SetSchema *set_schema_for_element(const Element *element);

/* The name of the set in the kernel; profile: "" unless the set is a profile's. Returns buffer. */
const char *set_name(const SetSchema *schema, const char *profile, char buffer[static OBJECT_NAME_SIZE]);

/* The other way round. profile receives the profile's name, "" if the set is none's. NULL: not one of our names. */
const SetSchema *set_schema_for_name(const char *name, char profile[static PROFILE_NAME_SIZE]);

/* "profile-<name>"; returns buffer. */
const char *profile_chain_name(const char *profile, char buffer[static OBJECT_NAME_SIZE]);

/* Made of [A-Za-z0-9_.-], not empty, shorter than PROFILE_NAME_SIZE: what element_profile_name() gives. */
bool profile_name_is_valid(const char *profile);

/* The <name> in "profile-<name>", inside the argument; NULL if it is not a name of that kind. */
const char *profile_of_chain(const char *chain);

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
