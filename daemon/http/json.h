/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

/* What the decoders need of cJSON, with the two things it does not do: a string never ends early, and memory that
 * ended is not taken for bad JSON. Keys compare exactly, as in JSON; of doubled keys the first counts. */

static inline cJSON *json_free(cJSON *json) {
        cJSON_Delete(json);
        return NULL;
}
DEFINE_CLEANUP(cJSON, json_free)

/* Exactly one JSON value, with nothing but blanks around it. A NUL in a string (the escape \u0000) comes out as U+FFFD:
 * in a C string it would end the value, and "80\u00009" would become "80". At most 1000 levels deep
 * (CJSON_NESTING_LIMIT). Returns 0, -EBADMSG, or -ENOMEM. */
int json_parse(const char *text, size_t size, cJSON **ret);

/* All of these take any kind of value, and NULL. */

/* The member of that name; NULL if there is none or it is null. */
const cJSON *json_member(const cJSON *object, const char *name);
/* The member's text; NULL if there is none or it is no string. */
const char *json_text(const cJSON *object, const char *name);
/* A copy of the member's text, cut at JSON_TEXT_SIZE_MAX bytes; "" if there is none or it is no string. For names and
 * IDs, which in truth are far shorter. Returns 0 or -ENOMEM. */
#define JSON_TEXT_SIZE_MAX 4096
int json_copy_text(const cJSON *object, const char *name, char **ret);
/* True only if the member is true. */
bool json_is_true(const cJSON *object, const char *name);
/* The member as an integer; 0 if there is none, it is no number, or it is out of range. cJSON's numbers are doubles:
 * exact up to 2^53, so that nanoseconds since the epoch are right to within 128 ns. */
int64_t json_integer(const cJSON *object, const char *name);
/* A member that is absent or null reads as an empty object or array (NULL); anything but `type` is -EBADMSG. */
int json_container(const cJSON *object, const char *name, int type, const cJSON **ret);
