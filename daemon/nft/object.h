/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/model/element.h"

/* Chains that come and go with what containers ask for, each with sets of its own: an object is both, made and unmade
 * together. Its name says what it is: the rules of the chain, and which sets there are, follow from the name alone. */

/* "profile-" NAME "-range6" and the terminating zero, with room to spare. */
#define OBJECT_NAME_SIZE (PROFILE_NAME_SIZE + 32)

struct SetSchema;

typedef struct ObjectSchema {
        ElementKind kind;
        const char *prefix; /* of the chain's name; the element's name follows */
        bool (*name_is_valid)(const char *name);
        /* An object of that name, which is valid, has this one of the kind's sets. NULL: each has all. */
        bool (*has_set)(const struct SetSchema *schema, const char *name);
} ObjectSchema;

typedef enum ObjectKind {
        OBJECT_PROFILE,
        OBJECT_LIMIT,
        OBJECT_BALANCE,
        _OBJECT_KIND_MAX,
} ObjectKind;

extern const ObjectSchema object_schemas[_OBJECT_KIND_MAX];

/* NULL: elements of that kind are no objects. */
const ObjectSchema *object_schema_for_kind(ElementKind kind);

/* The kind of the chain, NULL if it is none of these. *ret_name: the element's name, inside the argument. */
const ObjectSchema *object_schema_for_chain(const char *chain, const char **ret_name);

/* Returns buffer. */
const char *object_chain_name(const ObjectSchema *object, const char *name, char buffer[static OBJECT_NAME_SIZE]);
