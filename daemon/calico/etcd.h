/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/http/http.h"

/* etcd's v2 keys API (etcd 2.0 to 3.4, there with --enable-v2), in the caller's event loop. Nothing blocks.
 *
 * A request goes to the endpoint that answered last, and where that fails (no connection, no answer in time, a server's
 * error) to the next one, each once. A write that was sent to one that then failed may have been made: compare-and-swap
 * makes it safe to send it again, for then it does not hold any more. So there are no others here.
 *
 * Redirects are not followed, for our password would go wherever they point: the endpoint counts as failed. Only etcd
 * before 2.0 sent any, to the leader, which is then asked as the next endpoint. */

#define ETCD_VALUE_MAX ((size_t) 16 * 1024 * 1024)   /* an answer about one key: a value of 1.5 MiB is etcd's largest */
#define ETCD_TREE_MAX ((uint64_t) 256 * 1024 * 1024) /* an answer about a whole tree */

typedef struct EtcdClient EtcdClient;
typedef struct EtcdRequest EtcdRequest;

typedef struct EtcdOptions {
        const char *const *endpoints; /* "http://192.0.2.1:2379", without a path */
        size_t n_endpoints;           /* at least one */
        const char *ca_file, *cert_file, *key_file, *user, *password; /* as HttpPeer */
} EtcdOptions;

/* Copies the options. Returns 0 or a negative errno. */
int etcd_client_new(sd_event *event, const EtcdOptions *options, EtcdClient **ret);
/* All its requests must have been freed. */
EtcdClient *etcd_client_free(EtcdClient *client);
DEFINE_CLEANUP(EtcdClient, etcd_client_free)

typedef struct EtcdNode {
        const char *key;   /* "/calico/v1/policy/profile/web/rules"; NULL: no node at all */
        const char *value; /* NULL: a directory, or a key that was deleted */
        uint64_t index;    /* modifiedIndex */
} EtcdNode;

typedef enum EtcdOutcome {
        ETCD_OK,
        ETCD_MISSING,     /* no such key */
        ETCD_CONFLICT,    /* the condition does not hold: read again */
        ETCD_CLEARED,     /* the history that a watch asks for is gone: read again */
        ETCD_IDLE,        /* a watch was told of nothing: watch again, from answer->index + 1 */
        ETCD_REFUSED,     /* not permitted, not possible, over a cap */
        ETCD_UNAVAILABLE, /* no endpoint answered */
} EtcdOutcome;

typedef struct EtcdAnswer {
        EtcdOutcome outcome;
        uint64_t index; /* of the whole store (X-Etcd-Index) when it answered */
        EtcdNode node;
        EtcdNode previous; /* what it was before, in answers to writes and watches */
        const char *reason; /* one line for the log, without times and counts; "" for OK */
} EtcdAnswer;

/* Called from the loop, where everything may be called and freed, the request too. The answer is valid during the
 * call. */
typedef void (*EtcdHandler)(void *userdata, const EtcdAnswer *answer);

/* What a write asks for. */
typedef enum EtcdConditionKind {
        ETCD_IF_ABSENT,   /* there is no such key */
        ETCD_IF_INDEX_IS, /* the key's modifiedIndex is this one */
} EtcdConditionKind;

typedef struct EtcdCondition {
        EtcdConditionKind kind;
        uint64_t index;
} EtcdCondition;

/* All of these return 0, -ENOMEM, or -EINVAL for a key that is not made of '/' and valid names. The request is the
 * caller's; freeing it breaks it off (a write may be made all the same). */

/* Reads are linearizable (quorum=true): what was written is seen, whichever member answers. */
int etcd_get(EtcdClient *client, const char *key, EtcdHandler done, void *userdata, EtcdRequest **ret);
/* All keys below this one, each handed to `node` as it comes in, in the middle of libcurl's work (nothing may be called
 * there but what looks at values; a negative value returned breaks off); then done. After anything but OK, some may be
 * missing, or come again from the next endpoint. `restart` says that they do. */
int etcd_get_tree(EtcdClient *client, const char *key, int (*node)(void *userdata, const EtcdNode *node),
                  void (*restart)(void *userdata), EtcdHandler done, void *userdata, EtcdRequest **ret);
int etcd_put(EtcdClient *client, const char *key, const char *value, const EtcdCondition *condition, EtcdHandler done,
             void *userdata, EtcdRequest **ret);
/* condition NULL: a directory, which must be empty. */
int etcd_delete(EtcdClient *client, const char *key, const EtcdCondition *condition, EtcdHandler done, void *userdata,
                EtcdRequest **ret);
/* The first change of the key, or below it, at `index` or later: at once if there is one, else when it comes, or IDLE
 * after a minute. */
int etcd_watch(EtcdClient *client, const char *key, bool recursive, uint64_t index, EtcdHandler done, void *userdata,
               EtcdRequest **ret);
EtcdRequest *etcd_request_free(EtcdRequest *request);
DEFINE_CLEANUP(EtcdRequest, etcd_request_free)
