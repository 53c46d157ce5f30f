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
        TYPE_NFPROTO = 2,
        TYPE_INTEGER = 4,
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
#define OF_PROFILE(suffix, af, set, what, ...) \
        TOP(suffix, af, "-" set, what, NULL, .object = &object_schemas[OBJECT_PROFILE], __VA_ARGS__)
#define OF_LIMIT(suffix, af, set, what, ...) \
        TOP(suffix, af, "-" set, what, NULL, .object = &object_schemas[OBJECT_LIMIT], __VA_ARGS__)
/* The family is in the balance's own name. */
#define OF_BALANCE(suffix, af, set, what, ...) \
        TOP("", af, "-" set, what, NULL, .object = &object_schemas[OBJECT_BALANCE], __VA_ARGS__)

#define KEY(...) .key = { __VA_ARGS__ }
#define DATA(...) .data = { __VA_ARGS__ }

#define ONE_HOST_ONE_PORT \
        .shape = SHAPE_ONE_HOST | SHAPE_ONE_PORT, KEY(FIELD_HOST, FIELD_PROTOCOL, FIELD_PORT)
#define ALL_HOSTS_ONE_PORT \
        .shape = SHAPE_ALL_HOSTS | SHAPE_ONE_PORT, KEY(FIELD_PROTOCOL, FIELD_PORT)
#define SOME_HOSTS_PORT_RANGE \
        .shape = SHAPE_SOME_HOSTS | SHAPE_PORT_RANGE, KEY(FIELD_PREFIX, FIELD_PROTOCOL, FIELD_PORTS)
#define ALL_HOSTS_PORT_RANGE \
        .shape = SHAPE_ALL_HOSTS | SHAPE_PORT_RANGE, KEY(FIELD_PROTOCOL, FIELD_PORTS)

const uint8_t address_families[] = { AF_INET, AF_INET6 };

const SetSchema set_schemas[] = {
        BOTH_FAMILIES(TOP, "addresses", ELEMENT_HOST_ADDRESS, "host addresses that may be used",
                      KEY(FIELD_NFPROTO, FIELD_PREFIX)),
        BOTH_FAMILIES(TOP, "hostlimit", ELEMENT_DNAT_LIMIT, "ports of one host address that not everybody may use",
                      ONE_HOST_ONE_PORT, DATA(FIELD_GOTO_LIMIT)),
        BOTH_FAMILIES(TOP, "limit", ELEMENT_DNAT_LIMIT, "ports that not everybody may use",
                      ALL_HOSTS_ONE_PORT, DATA(FIELD_GOTO_LIMIT)),
        BOTH_FAMILIES(TOP, "hostrangelimit", ELEMENT_DNAT_LIMIT, "likewise, ranges of ports of one host address",
                      SOME_HOSTS_PORT_RANGE, DATA(FIELD_GOTO_LIMIT)),
        BOTH_FAMILIES(TOP, "rangelimit", ELEMENT_DNAT_LIMIT, "likewise, ranges of ports",
                      ALL_HOSTS_PORT_RANGE, DATA(FIELD_GOTO_LIMIT)),
        BOTH_FAMILIES(TOP, "host", ELEMENT_DNAT_HOST, "ports of one host address",
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORT), DATA(FIELD_TARGET, FIELD_TARGET_PORT)),
        BOTH_FAMILIES(TOP, "dnat", ELEMENT_DNAT, "ports of every host address",
                      KEY(FIELD_PROTOCOL, FIELD_PORT), DATA(FIELD_TARGET, FIELD_TARGET_PORT)),
        BOTH_FAMILIES(TOP, "hostrange", ELEMENT_DNAT_RANGE, "ranges of ports of one host address",
                      SOME_HOSTS_PORT_RANGE, DATA(FIELD_TARGET)),
        BOTH_FAMILIES(TOP, "range", ELEMENT_DNAT_RANGE, "ranges of ports, which keep their numbers",
                      ALL_HOSTS_PORT_RANGE, DATA(FIELD_TARGET)),
        BOTH_FAMILIES(TOP, "hostbalance", ELEMENT_DNAT_BALANCE, "ports of one host address that containers share",
                      ONE_HOST_ONE_PORT, DATA(FIELD_GOTO_BALANCE)),
        BOTH_FAMILIES(TOP, "balance", ELEMENT_DNAT_BALANCE, "ports that containers share",
                      ALL_HOSTS_ONE_PORT, DATA(FIELD_GOTO_BALANCE)),
        BOTH_FAMILIES(TOP, "hostrangebalance", ELEMENT_DNAT_BALANCE, "likewise, ranges of ports of one host address",
                      SOME_HOSTS_PORT_RANGE, DATA(FIELD_GOTO_BALANCE)),
        BOTH_FAMILIES(TOP, "rangebalance", ELEMENT_DNAT_BALANCE, "likewise, ranges of ports",
                      ALL_HOSTS_PORT_RANGE, DATA(FIELD_GOTO_BALANCE)),
        BOTH_FAMILIES(TOP, "endpoint", ELEMENT_ENDPOINT, "containers and their profiles",
                      KEY(FIELD_ADDRESS), DATA(FIELD_GOTO_PROFILE)),
        BOTH_FAMILIES(TOP, "neighbours", ELEMENT_NEIGHBOURS, "networks of containers, twice",
                      KEY(FIELD_PREFIX, FIELD_PREFIX)),
        BOTH_FAMILIES(TOP, "hairpin", ELEMENT_HAIRPIN, "containers without neighbours, twice",
                      KEY(FIELD_ADDRESS, FIELD_ADDRESS)),
        BOTH_FAMILIES(TOP, "balanced", ELEMENT_BALANCED, "backends beside which there are others",
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORT)),
        BOTH_FAMILIES(TOP, "withdrawn", ELEMENT_WITHDRAWN, "what was exposed: its old flows are being deleted",
                      KEY(FIELD_HOST_OR_ALL, FIELD_PROTOCOL, FIELD_FIRST_PORT, FIELD_LAST_PORT, FIELD_ADDRESS),
                      DATA(FIELD_TARGET_PORT)),
        { .name = "localnet", .kind = ELEMENT_LOCALNET, .comment = "interfaces on which we set route_localnet",
          KEY(FIELD_NAME) },
        { .name = "hairpinports", .kind = ELEMENT_HAIRPIN_PORT, .comment = "bridge ports which we set to hairpin",
          KEY(FIELD_NAME) },
        BOTH_FAMILIES(OF_PROFILE, "allow", ELEMENT_ALLOW, .shape = SHAPE_ONE_PORT,
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORT)),
        BOTH_FAMILIES(OF_PROFILE, "range", ELEMENT_ALLOW, .shape = SHAPE_PORT_RANGE,
                      KEY(FIELD_ADDRESS, FIELD_PROTOCOL, FIELD_PORTS)),
        BOTH_FAMILIES(OF_LIMIT, "from", ELEMENT_LIMIT_FROM, KEY(FIELD_NFPROTO, FIELD_PREFIX)),
        OF_LIMIT("", AF_UNSPEC, "interfaces", ELEMENT_LIMIT_INTERFACE, KEY(FIELD_INTERFACE)),
        BOTH_FAMILIES(OF_BALANCE, "backends", ELEMENT_BACKEND, .shape = SHAPE_NEW_PORT,
                      KEY(FIELD_INDEX), DATA(FIELD_TARGET, FIELD_TARGET_PORT)),
        BOTH_FAMILIES(OF_BALANCE, "backends", ELEMENT_BACKEND, .shape = SHAPE_PORTS_KEPT,
                      KEY(FIELD_INDEX), DATA(FIELD_TARGET)),
};

const size_t n_set_schemas = ELEMENTSOF(set_schemas);

/* Before -100 and +100, where all others do address translation (and not at a number that Felix uses): the first
 * chain that binds a connection wins. The marks must be there before a forward chain at 0 decides. */
const ChainSchema chain_schemas[] = {
        { .name = "exposed" },
        { .name = "translate" },
        { .name = "allowed" },
        { .name = "prerouting", .type = "nat", .hook = NF_INET_PRE_ROUTING, .priority = -105 },
        { .name = "output", .type = "nat", .hook = NF_INET_LOCAL_OUT, .priority = -105 },
        { .name = "guard", .type = "filter", .hook = NF_INET_PRE_ROUTING, .priority = -300 },
        { .name = "forward", .type = "filter", .hook = NF_INET_FORWARD, .priority = -5 },
        { .name = "postrouting", .type = "nat", .hook = NF_INET_POST_ROUTING, .priority = 95 },
};

const size_t n_chain_schemas = ELEMENTSOF(chain_schemas);

const ObjectSchema *field_object(SetField field) {
        switch (field) {
        case FIELD_GOTO_PROFILE:
                return &object_schemas[OBJECT_PROFILE];
        case FIELD_GOTO_LIMIT:
                return &object_schemas[OBJECT_LIMIT];
        case FIELD_GOTO_BALANCE:
                return &object_schemas[OBJECT_BALANCE];
        default:
                return NULL;
        }
}

size_t field_size(SetField field, uint8_t family) {
        switch (field) {
        case FIELD_PROTOCOL:
        case FIELD_NFPROTO:
                return sizeof(uint8_t);
        case FIELD_PORT:
        case FIELD_PORTS:
        case FIELD_FIRST_PORT:
        case FIELD_LAST_PORT:
        case FIELD_TARGET_PORT:
                return sizeof(in_port_t);
        case FIELD_ADDRESS:
        case FIELD_PREFIX:
        case FIELD_HOST:
        case FIELD_HOST_OR_ALL:
        case FIELD_TARGET:
                return address_size(family);
        case FIELD_NAME:
        case FIELD_INTERFACE:
                return IFNAMSIZ;
        case FIELD_INDEX:
                return sizeof(uint32_t);
        case FIELD_END:
        case FIELD_GOTO_PROFILE: /* the kernel's own structure, not bytes of ours */
        case FIELD_GOTO_LIMIT:
        case FIELD_GOTO_BALANCE:
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
        case FIELD_NFPROTO:
                return TYPE_NFPROTO;
        case FIELD_PORT:
        case FIELD_PORTS:
        case FIELD_FIRST_PORT:
        case FIELD_LAST_PORT:
        case FIELD_TARGET_PORT:
                return TYPE_INET_SERVICE;
        case FIELD_ADDRESS:
        case FIELD_PREFIX:
        case FIELD_HOST:
        case FIELD_HOST_OR_ALL:
        case FIELD_TARGET:
                return family == AF_INET ? TYPE_IPADDR : TYPE_IP6ADDR;
        case FIELD_NAME:
        case FIELD_INTERFACE:
                return TYPE_IFNAME;
        case FIELD_INDEX:
                return TYPE_INTEGER;
        case FIELD_GOTO_PROFILE:
        case FIELD_GOTO_LIMIT:
        case FIELD_GOTO_BALANCE:
                return NFT_DATA_VERDICT;
        case FIELD_END:
        case _FIELD_MAX:
                break;
        }
        return 0;
}

static uint32_t field_byteorder(SetField field) {
        switch (field) {
        case FIELD_NAME:
        case FIELD_INTERFACE:
        case FIELD_INDEX:
                return BYTEORDER_HOST;
        default:
                return field_object(field) ? BYTEORDER_NONE : BYTEORDER_BIG;
        }
}

static SetLayout layout_of(const SetField *fields, uint8_t family) {
        SetLayout layout = {};

        for (; *fields != FIELD_END; fields++) {
                layout.type = layout.type << TYPE_BITS | field_type(*fields, family);
                layout.size += (uint32_t) field_padded_size(*fields, family);
                layout.field_sizes[layout.n_fields++] = (uint8_t) field_size(*fields, family);
                layout.byteorder = layout.n_fields > 1 ? BYTEORDER_NONE : field_byteorder(*fields);
                layout.interval |= *fields == FIELD_PREFIX || *fields == FIELD_PORTS;
        }
        if (layout.n_fields == 1) /* padding belongs to concatenations alone */
                layout.size = layout.field_sizes[0];
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

static bool is_of_all_hosts(const Element *element) {
        const Prefix all = { { .family = element->family }, 0 };

        return prefix_compare(&element->prefix, &all) == 0;
}

static unsigned shape_of(const Element *element) {
        unsigned shape = element->ports.first == element->ports.last ? SHAPE_ONE_PORT : SHAPE_PORT_RANGE;

        shape |= is_of_all_hosts(element) ? SHAPE_ALL_HOSTS : SHAPE_SOME_HOSTS;
        if (element->prefix.length == address_size(element->family) * 8)
                shape |= SHAPE_ONE_HOST;
        return shape | (element->target_port != 0 ? SHAPE_NEW_PORT : SHAPE_PORTS_KEPT);
}

const SetSchema *set_schema_for_element(const Element *element) {
        unsigned shape = shape_of(element);

        for (size_t i = 0; i < n_set_schemas; i++) {
                const SetSchema *schema = &set_schemas[i];

                if (schema->kind == element->kind && schema->family == element->family &&
                    (schema->shape & ~shape) == 0)
                        return schema;
        }
        return NULL;
}

bool set_is_of_object(const SetSchema *schema, const ObjectSchema *object, const char *name) {
        return schema->object == object && (!object->has_set || object->has_set(schema, name));
}

const char *set_name(const SetSchema *schema, const char *object, char buffer[static OBJECT_NAME_SIZE]) {
        snprintf(buffer, OBJECT_NAME_SIZE, "%s%s%s", schema->object ? schema->object->prefix : "",
                 schema->object ? object : "", schema->name);
        return buffer;
}

const char *object_set_name(ObjectKind object, ElementKind kind, uint8_t family, const char *name,
                            char buffer[static OBJECT_NAME_SIZE]) {
        for (size_t i = 0; i < n_set_schemas; i++)
                if (set_schemas[i].kind == kind && set_schemas[i].family == family &&
                    set_is_of_object(&set_schemas[i], &object_schemas[object], name))
                        return set_name(&set_schemas[i], name, buffer);
        return strcpy(buffer, "");
}

const char *family_set_name(const char *name, uint8_t family, char buffer[static OBJECT_NAME_SIZE]) {
        snprintf(buffer, OBJECT_NAME_SIZE, "%s%s", name, family == AF_INET ? "4" : "6");
        return buffer;
}

/* An object's set is its chain's name and a suffix of ours. Of one kind of object no suffix ends like another, so that
 * a profile whose own name ends like a suffix is not mistaken. */
static bool name_matches(const SetSchema *schema, const char *name, char object[static OBJECT_NAME_SIZE]) {
        size_t size = strlen(name), suffix = strlen(schema->name);
        size_t prefix = schema->object ? strlen(schema->object->prefix) : 0;

        object[0] = '\0';
        if (!schema->object)
                return strcmp(schema->name, name) == 0;
        if (size >= OBJECT_NAME_SIZE || size <= prefix + suffix ||
            strncmp(name, schema->object->prefix, prefix) != 0 || strcmp(name + size - suffix, schema->name) != 0)
                return false;
        memcpy(object, name + prefix, size - prefix - suffix);
        object[size - prefix - suffix] = '\0';
        return schema->object->name_is_valid(object) && set_is_of_object(schema, schema->object, object);
}

const SetSchema *set_schema_for_name(const char *name, char object[static OBJECT_NAME_SIZE]) {
        for (size_t i = 0; i < n_set_schemas; i++)
                if (name_matches(&set_schemas[i], name, object))
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
