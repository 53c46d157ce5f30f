/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/etcd.h"

/* Follows all keys below one: reads them, then watches, and reads again when the history is gone or the datastore was
 * away. What is said is what holds: a change may be left out where a later one has undone it. */

typedef struct TreeHandlers {
        /* A key has a value, or another one (node), or is gone (node NULL). May be called in the middle of libcurl's
         * work: only values may be looked at, event sources armed. The node is valid during the call. */
        void (*changed)(void *userdata, const char *key, const EtcdNode *node);
        /* All keys were read; from now on changes come as they happen. Comes again after each further reading. */
        void (*synced)(void *userdata);
        /* The datastore does not answer, or not with this; tried again until synced(). Told when the reason changes. */
        void (*failed)(void *userdata, const char *reason);
} TreeHandlers;

typedef struct Tree Tree;

/* Begins when the loop runs. The client must outlive it. Returns 0 or a negative errno. */
int tree_new(EtcdClient *client, sd_event *event, const char *key, const TreeHandlers *handlers, void *userdata,
             Tree **ret);
Tree *tree_free(Tree *tree);
DEFINE_CLEANUP(Tree, tree_free)

bool tree_is_synced(const Tree *tree);
/* All changes up to this index of the store were told. */
uint64_t tree_get_index(const Tree *tree);
