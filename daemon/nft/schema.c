/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/schema.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "common/macros.h"

/* nft's own numbering (enum datatypes in its include/datatype.h), which the kernel stores and gives back unread: with
 * them `nft list` writes "type inet_proto . inet_service". They are the format of nft's dumps and do not change. */
enum {
        TYPE_IPADDR = 7,
        TYPE_IP6ADDR = 8,
        TYPE_INET_PROTOCOL = 12,
        TYPE_INET_SERVICE = 13,
        TYPE_IFNAME = 41,
        TYPE_BITS = 6, /* of each type of a concatenation */
};

/* nft's enum byteorder. A concatenation has none of its own. */
enum {
        BYTEORDER_NONE,
        BYTEORDER_HOST,
        BYTEORDER_BIG,
};

enum { REGISTER_SIZE = 4 };

#define BOTH_FAMILIES(line, ...) line("4", AF_INET, __VA_ARGS__), line("6", AF_INET6, __VA_ARGS__)
#define TOP(suffix, af, set, what, text, ...) \
        { .name = set suffix, .family = af, .kind = what, .comment = text, __VA_ARGS__ }
#define OF_PROFILE(suffix, af, set, what, text, ...) \
        TOP(suffix, af, "-" set, what, text, .per_profile = true, __VA_ARGS__)

#define KEY(...) .key = { __VA_ARGS__ }
#define DATA(...) .data = { __VA_ARGS__ }

const SetSchema set_schemas[] = {
        BOTH_FAMILIES(TOP, "host", ELEMENT_DNAT_HOST, "ports of one host address",
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORT), DATA(FIELD_TARGET, FIELD_TARGET_PORT)),
        BOTH_FAMILIES(TOP, "dnat", ELEMENT_DNAT, "ports of every host address",
                      KEY(FIELD_PROTOCOL, FIELD_PORT), DATA(FIELD_TARGET, FIELD_TARGET_PORT)),
        BOTH_FAMILIES(TOP, "range", ELEMENT_DNAT_RANGE, "ranges of ports, which keep their numbers",
                      KEY(FIELD_PREFIX, FIELD_PROTOCOL, FIELD_PORTS), DATA(FIELD_TARGET)),
        BOTH_FAMILIES(TOP, "endpoint", ELEMENT_ENDPOINT, "containers and their profiles",
                      KEY(FIELD_ADDRESS), DATA(FIELD_PROFILE)),
        BOTH_FAMILIES(TOP, "self", ELEMENT_HAIRPIN, "containers without neighbours, twice", .shape = SHAPE_HOST,
                      KEY(FIELD_HOST, FIELD_ADDRESS)),
        BOTH_FAMILIES(TOP, "hairpin", ELEMENT_HAIRPIN, "neighbours of a container, and the container",
                      .shape = SHAPE_NETWORK, KEY(FIELD_PREFIX, FIELD_ADDRESS)),
        { .name = "localnet", .kind = ELEMENT_LOCALNET, .comment = "interfaces on which we set route_localnet",
          KEY(FIELD_NAME) },
        { .name = "hairpinports", .kind = ELEMENT_HAIRPIN_PORT, .comment = "bridge ports which we set to hairpin",
          KEY(FIELD_NAME) },
        BOTH_FAMILIES(OF_PROFILE, "allow", ELEMENT_ALLOW, NULL, .shape = SHAPE_ONE_PORT,
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORT)),
        BOTH_FAMILIES(OF_PROFILE, "range", ELEMENT_ALLOW, NULL, .shape = SHAPE_PORT_RANGE,
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORTS)),
};

const size_t n_set_schemas = ELEMENTSOF(set_schemas);

/* Before -100 and +100, where all others do address translation (and not at a number that Felix uses): the first
 * chain that binds a connection wins. The marks must be there before a forward chain at 0 decides. */
const ChainSchema chain_schemas[] = {
        { .name = "exposed" },
        { .name = "prerouting", .type = "nat", .hook = NF_INET_PRE_ROUTING, .priority = -105 },
        { .name = "output", .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = -105 },
        { .name = "guard", .type = "filter", .hook = NF_INET_PRE_ROUTING, .priority = -300 },
        { .name = "forward", .type = "filter", .hook = NF_INET_FORWARD, .priority = -5 },
        { .name = "postrouting", .type = "nat", .hook = NF_INET_POST_ROUTING, .priority = 95 },
};

const size_t n_chain_schemas = ELEMENTSOF(chain_schemas);

size_t field_size(SetField field, uint8_t family) {
        switch (field) {
        case FIELD_PROTOCOL:
                return sizeof(uint8_t);
        case FIELD_PORT:
        case FIELD_PORTS:
        case FIELD_TARGET_PORT:
                return sizeof(in_port_t);
        case FIELD_ADDRESS:
        case FIELD_PREFIX:
        case FIELD_HOST:
        case FIELD_TARGET:
                return address_size(family);
        case FIELD_NAME:
                return IFNAMSIZ;
        case FIELD_END:
        case FIELD_PROFILE: /* the kernel's own structure, not bytes of ours */
        case _FIELD_MAX:
                break;
        }
        return 0;
}

size_t field_padded_size(SetField field, uint8_t family) {
        return (field_size(field, family) + REGISTER_SIZE - 1) / REGISTER_SIZE * REGISTER_SIZE;
}

static uint32_t field_type(SetField field, uint8_t family) {
        switch (field) {
        case FIELD_PROTOCOL:
                return TYPE_INET_PROTOCOL;
        case FIELD_PORT:
        case FIELD_PORTS:
        case FIELD_TARGET_PORT:
                return TYPE_INET_SERVICE;
        case FIELD_ADDRESS:
        case FIELD_PREFIX:
        case FIELD_HOST:
        case FIELD_TARGET:
                return family == AF_INET ? TYPE_IPADDR : TYPE_IP6ADDR;
        case FIELD_NAME:
                return TYPE_IFNAME;
        case FIELD_PROFILE:
                return NFT_DATA_VERDICT;
        case FIELD_END:
        case _FIELD_MAX:
                break;
        }
        return 0;
}

static SetLayout layout_of(const SetField *fields, uint8_t family) {
        SetLayout layout = {};

        for (; *fields != FIELD_END; fields++) {
                layout.type = layout.type << TYPE_BITS | field_type(*fields, family);
                layout.size += (uint32_t) field_padded_size(*fields, family);
                layout.field_sizes[layout.n_fields++] = (uint8_t) field_size(*fields, family);
                layout.byteorder = layout.n_fields > 1        ? BYTEORDER_NONE
                                   : *fields == FIELD_NAME    ? BYTEORDER_HOST
                                   : *fields == FIELD_PROFILE ? BYTEORDER_NONE
                                                              : BYTEORDER_BIG;
                layout.interval |= *fields == FIELD_PREFIX || *fields == FIELD_PORTS;
        }
        return layout;
}

SetLayout set_key_layout(const SetSchema *schema) {
        return layout_of(schema->key, schema->family);
}

SetLayout set_data_layout(const SetSchema *schema) {
        return layout_of(schema->data, schema->family);
}

uint32_t set_flags(const SetSchema *schema) {
        SetLayout key = set_key_layout(schema);
        uint32_t flags = 0;

        if (schema->data[0] != FIELD_END)
                flags |= NFT_SET_MAP;
        /* A hash of a concatenation is just bytes to the kernel; nft, too, says it of intervals alone. */
        if (key.interval)
                flags |= NFT_SET_INTERVAL | NFT_SET_CONCAT;
        return flags;
}

static bool has_shape(const Element *element, SetShape shape) {
        switch (shape) {
        case SHAPE_ONE_PORT:
                return element->ports.first == element->ports.last;
        case SHAPE_PORT_RANGE:
                return element->ports.first != element->ports.last;
        case SHAPE_HOST:
                return element->prefix.length == address_size(element->family) * 8;
        case SHAPE_NETWORK:
                return element->prefix.length != address_size(element->family) * 8;
        case SHAPE_ANY:
                break;
        }
        return true;
}

const SetSchema *set_schema_for_element(const Element *element) {
        for (size_t i = 0; i < n_set_schemas; i++) {
                const SetSchema *schema = &set_schemas[i];

                if (schema->kind == element->kind && schema->family == element->family &&
                    has_shape(element, schema->shape))
                        return schema;
        }
        return NULL;
}

const char *profile_chain_name(const char *profile, char buffer[static OBJECT_NAME_SIZE]) {
        snprintf(buffer, OBJECT_NAME_SIZE, PROFILE_CHAIN_PREFIX "%s", profile);
        return buffer;
}

bool profile_name_is_valid(const char *profile) {
        size_t size = strlen(profile);

        return size > 0 && size < PROFILE_NAME_SIZE &&
               strspn(profile, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == size;
}

const char *profile_of_chain(const char *chain) {
        size_t prefix = strlen(PROFILE_CHAIN_PREFIX);

        if (strncmp(chain, PROFILE_CHAIN_PREFIX, prefix) != 0 || !profile_name_is_valid(chain + prefix))
                return NULL;
        return chain + prefix;
}

const char *set_name(const SetSchema *schema, const char *profile, char buffer[static OBJECT_NAME_SIZE]) {
        snprintf(buffer, OBJECT_NAME_SIZE, "%s%s%s", schema->per_profile ? PROFILE_CHAIN_PREFIX : "",
                 schema->per_profile ? profile : "", schema->name);
        return buffer;
}

/* A profile's set is the profile's chain name and a suffix of ours; the suffixes have one length, so that a profile
 * whose own name ends like a suffix is not mistaken. */
static bool name_matches(const SetSchema *schema, const char *name, char profile[static PROFILE_NAME_SIZE]) {
        size_t size = strlen(name), suffix = strlen(schema->name);
        size_t prefix = strlen(PROFILE_CHAIN_PREFIX);

        profile[0] = '\0';
        if (!schema->per_profile)
                return strcmp(schema->name, name) == 0;
        if (size <= prefix + suffix || size - prefix - suffix >= PROFILE_NAME_SIZE ||
            strncmp(name, PROFILE_CHAIN_PREFIX, prefix) != 0 || strcmp(name + size - suffix, schema->name) != 0)
                return false;
        memcpy(profile, name + prefix, size - prefix - suffix);
        profile[size - prefix - suffix] = '\0';
        return profile_name_is_valid(profile);
}

const SetSchema *set_schema_for_name(const char *name, char profile[static PROFILE_NAME_SIZE]) {
        for (size_t i = 0; i < n_set_schemas; i++)
                if (name_matches(&set_schemas[i], name, profile))
                        return &set_schemas[i];
        return NULL;
}

const ChainSchema *chain_schema_for_name(const char *name) {
        for (size_t i = 0; i < n_chain_schemas; i++)
                if (strcmp(chain_schemas[i].name, name) == 0)
                        return &chain_schemas[i];
        return NULL;
}

_Static_assert(SET_KEY_SIZE_MAX <= NFT_DATA_VALUE_MAXLEN && SET_DATA_SIZE_MAX <= NFT_DATA_VALUE_MAXLEN,
               "the kernel's registers hold no more");
_Static_assert(OBJECT_NAME_SIZE <= NFT_NAME_MAXLEN, "a name that the kernel refuses");
_Static_assert(AF_INET == NFPROTO_IPV4 && AF_INET6 == NFPROTO_IPV6, "families are passed on as they are");
