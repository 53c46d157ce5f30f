/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/object.h"

#include <stdio.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/nft/schema.h"

/* What element_profile_name() gives. */
static bool profile_name_is_valid(const char *name) {
        size_t size = strlen(name);

        return size > 0 && size < PROFILE_NAME_SIZE &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == size;
}

static bool limit_name_is_valid(const char *name) {
        return limit_name_parse(name, &(LimitName) {});
}

static bool limit_has_set(const SetSchema *schema, const char *name) {
        LimitName limit;

        if (!limit_name_parse(name, &limit))
                return false;
        return schema->kind == ELEMENT_LIMIT_FROM ? limit.from : limit.interfaces;
}

static bool balance_name_is_valid(const char *name) {
        return balance_name_parse(name, &(BalanceName) {});
}

static bool balance_has_set(const SetSchema *schema, const char *name) {
        BalanceName balance;

        if (!balance_name_parse(name, &balance))
                return false;
        return schema->family == balance.family && (schema->shape == SHAPE_PORTS_KEPT) == balance.range;
}

/* The names of limits and balances have their prefix already. */
const ObjectSchema object_schemas[] = {
        [OBJECT_PROFILE] = { ELEMENT_PROFILE, "profile-", profile_name_is_valid, NULL },
        [OBJECT_LIMIT] = { ELEMENT_LIMIT, "", limit_name_is_valid, limit_has_set },
        [OBJECT_BALANCE] = { ELEMENT_BALANCE, "", balance_name_is_valid, balance_has_set },
};

const ObjectSchema *object_schema_for_kind(ElementKind kind) {
        for (size_t i = 0; i < ELEMENTSOF(object_schemas); i++)
                if (object_schemas[i].kind == kind)
                        return &object_schemas[i];
        return NULL;
}

const ObjectSchema *object_schema_for_chain(const char *chain, const char **ret_name) {
        for (size_t i = 0; i < ELEMENTSOF(object_schemas); i++) {
                const ObjectSchema *object = &object_schemas[i];
                size_t prefix = strlen(object->prefix);

                if (strncmp(chain, object->prefix, prefix) != 0 || !object->name_is_valid(chain + prefix))
                        continue;
                *ret_name = chain + prefix;
                return object;
        }
        return NULL;
}

const char *object_chain_name(const ObjectSchema *object, const char *name, char buffer[static OBJECT_NAME_SIZE]) {
        snprintf(buffer, OBJECT_NAME_SIZE, "%s%s", object->prefix, name);
        return buffer;
}
