/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/macros.h"
#include "tests/etcd/server.h"

/* etcd's API as a person uses it, with curl: blocking, and nothing of the product. */

typedef struct Reply {
        long status; /* 0: no answer */
        char *body;
        cJSON *json; /* NULL if it is none */
} Reply;

void reply_done(Reply *reply);

/* path: "/a/b?recursive=true"; form: "value=...", or NULL. user: "name:password", or NULL. */
Reply api_call(const Server *server, const char *method, const char *path, const char *form);
Reply api_call_as(const Server *server, const char *user, const char *method, const char *path, const char *form);
/* The same beyond /v2/keys, with a body of JSON. */
Reply api_admin(const Server *server, const char *user, const char *method, const char *path, const char *json);

/* A value; NULL if there is none. The caller's. index may be NULL. */
char *api_get(const Server *server, const char *key, uint64_t *ret_index);
void api_put(const Server *server, const char *key, const char *value);
/* False if the key has another index by now. */
bool api_put_if(const Server *server, const char *key, const char *value, uint64_t index);
/* A key, or a directory with all that is in it. False if there was none. */
bool api_delete(const Server *server, const char *key);
