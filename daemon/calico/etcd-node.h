/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/etcd.h"
#include "daemon/http/buffer.h"
#include "daemon/http/json.h"

/* etcd's answers to values. Pure. */

/* The body of an answer about a whole tree, in chunks of any size, cut into its innermost objects: these are the keys,
 * and the directories that hold none. Only one of them is in memory at a time. */
typedef struct NodeSplitter {
        TextBuffer object;
        uint64_t total;
        unsigned depth;
        bool innermost; /* no object has begun and ended since the last one began */
        bool in_string, escaped;
} NodeSplitter;

/* A piece is the text of one object. Returns 0; -EBADMSG, -EMSGSIZE if it is over a cap, -ENOMEM; or what the handler
 * returned, if negative. After a failure the splitter is only good for node_splitter_done(). */
int node_splitter_feed(NodeSplitter *splitter, const char *data, size_t size,
                       int (*handler)(void *userdata, const char *text, size_t size), void *userdata);
void node_splitter_done(NodeSplitter *splitter);

static inline bool node_splitter_is_complete(const NodeSplitter *splitter) {
        return splitter->total > 0 && splitter->depth == 0;
}

/* Points into the JSON. Returns 0 or -EBADMSG. */
int etcd_node_decode(const cJSON *json, EtcdNode *ret);

/* "errorCode" of the body of an error; 0 if it is none of etcd's. */
unsigned etcd_error_code(const char *text, size_t size);
