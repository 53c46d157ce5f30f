/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/calico/random.h"
#include "daemon/http/backoff.h"

#define MILLISECONDS UINT64_C(1000)
#define BACKOFF_MINIMUM (100 * MILLISECONDS)
#define BACKOFF_MAXIMUM (10000 * MILLISECONDS)

typedef struct TreeKey {
        char *key;
        uint64_t index;
        bool seen; /* by the reading that is under way */
} TreeKey;

struct Tree {
        EtcdClient *client;
        char *root;
        TreeHandlers handlers;
        void *userdata;
        EtcdRequest *request;
        sd_event_source *timer; /* the next reading */
        Backoff backoff;
        TreeKey *keys; /* sorted */
        size_t n_keys, capacity;
        uint64_t index;
        bool synced;
        char reason[HTTP_REASON_SIZE * 2];
};

static int key_compare(const void *key, const void *item) {
        return strcmp(key, ((const TreeKey *) item)->key);
}

static size_t find_key(const Tree *tree, const char *key) {
        return array_lower_bound(key, tree->keys, tree->n_keys, sizeof(*tree->keys), key_compare);
}

static TreeKey *get_key(Tree *tree, const char *key) {
        size_t at = find_key(tree, key);
        _cleanup_free_ char *copy = NULL;

        if (at < tree->n_keys && strcmp(tree->keys[at].key, key) == 0)
                return &tree->keys[at];
        copy = strdup(key);
        if (!copy || array_insert_gap(&tree->keys, &tree->n_keys, &tree->capacity, at, sizeof(*tree->keys)) < 0)
                return NULL;
        tree->keys[at].key = TAKE_PTR(copy);
        return &tree->keys[at];
}

static void drop_key(Tree *tree, size_t at) {
        _cleanup_free_ char *key = tree->keys[at].key;

        array_remove(&tree->keys, &tree->n_keys, at, sizeof(*tree->keys));
        tree->handlers.changed(tree->userdata, key, NULL);
}

/* The key, or the directory with all that is in it. */
static void drop_below(Tree *tree, const char *key) {
        size_t size = strlen(key), at = find_key(tree, key);

        while (at < tree->n_keys && strncmp(tree->keys[at].key, key, size) == 0)
                if (tree->keys[at].key[size] == '\0' || tree->keys[at].key[size] == '/')
                        drop_key(tree, at);
                else
                        at++;
}

static int take_node(Tree *tree, const EtcdNode *node) {
        TreeKey *key = get_key(tree, node->key);

        if (!key)
                return -ENOMEM;
        key->seen = true;
        if (key->index == node->index)
                return 0;
        key->index = node->index;
        tree->handlers.changed(tree->userdata, node->key, node);
        return 0;
}

/* Reading. */

static void start_watch(Tree *tree);

static void retry(Tree *tree, const char *reason) {
        char copy[sizeof(tree->reason)];

        snprintf(copy, sizeof(copy), "%s", reason); /* the request owns it */
        tree->request = etcd_request_free(tree->request);
        tree->synced = false;
        (void) sd_event_source_set_time_relative(tree->timer, backoff_next(&tree->backoff, random_number()));
        (void) sd_event_source_set_enabled(tree->timer, SD_EVENT_ONESHOT);
        if (strcmp(copy, tree->reason) != 0) {
                strcpy(tree->reason, copy);
                tree->handlers.failed(tree->userdata, copy);
        }
}

static int on_node(void *userdata, const EtcdNode *node) {
        return node->value ? take_node(userdata, node) : 0;
}

/* Another endpoint begins anew; what the first has said was true as well. */
static void on_restart(_unused_ void *userdata) {
}

static void drop_unseen(Tree *tree) {
        for (size_t i = 0; i < tree->n_keys;)
                if (tree->keys[i].seen)
                        i++;
                else
                        drop_key(tree, i);
}

static void on_read(void *userdata, const EtcdAnswer *answer) {
        Tree *tree = userdata;

        if (answer->outcome != ETCD_OK && answer->outcome != ETCD_MISSING) {
                retry(tree, answer->reason);
                return;
        }
        tree->index = answer->index;
        tree->synced = true;
        tree->reason[0] = '\0';
        backoff_reset(&tree->backoff);
        drop_unseen(tree);
        tree->request = etcd_request_free(tree->request);
        start_watch(tree);
        if (tree->synced)
                tree->handlers.synced(tree->userdata);
}

static void start_read(Tree *tree) {
        int r;

        tree->request = etcd_request_free(tree->request);
        for (size_t i = 0; i < tree->n_keys; i++)
                tree->keys[i].seen = false;
        r = etcd_get_tree(tree->client, tree->root, on_node, on_restart, on_read, tree, &tree->request);
        if (r < 0)
                retry(tree, strerror(-r));
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        start_read(userdata);
        return 0;
}

/* Watching. */

static int take_event(Tree *tree, const EtcdAnswer *answer) {
        tree->index = MAX(tree->index, answer->node.index);
        if (answer->node.value)
                return take_node(tree, &answer->node);
        drop_below(tree, answer->node.key);
        return 0;
}

static void on_watched(void *userdata, const EtcdAnswer *answer) {
        Tree *tree = userdata;
        int r = 0;

        switch (answer->outcome) {
        case ETCD_OK:
                r = take_event(tree, answer);
                break;
        case ETCD_IDLE:
                /* It waited from this index on, so there was nothing up to it. */
                tree->index = MAX(tree->index, answer->index);
                break;
        case ETCD_CLEARED:
                start_read(tree);
                return;
        default:
                retry(tree, answer->reason);
                return;
        }
        if (r < 0) {
                retry(tree, strerror(-r));
                return;
        }
        tree->request = etcd_request_free(tree->request);
        start_watch(tree);
}

static void start_watch(Tree *tree) {
        int r = etcd_watch(tree->client, tree->root, true, tree->index + 1, on_watched, tree, &tree->request);

        if (r < 0)
                retry(tree, strerror(-r));
}

int tree_new(EtcdClient *client, sd_event *event, const char *key, const TreeHandlers *handlers, void *userdata,
             Tree **ret) {
        _cleanup_(tree_freep) Tree *tree = calloc(1, sizeof(*tree));
        int r;

        if (!tree)
                return -ENOMEM;
        tree->client = client;
        tree->handlers = *handlers;
        tree->userdata = userdata;
        tree->backoff = (Backoff) { .minimum = BACKOFF_MINIMUM, .maximum = BACKOFF_MAXIMUM };
        tree->root = strdup(key);
        if (!tree->root)
                return -ENOMEM;
        r = sd_event_add_time_relative(event, &tree->timer, CLOCK_MONOTONIC, 0, MILLISECONDS, on_timer, tree);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(tree);
        return 0;
}

Tree *tree_free(Tree *tree) {
        if (!tree)
                return NULL;
        etcd_request_free(tree->request);
        sd_event_source_disable_unref(tree->timer);
        for (size_t i = 0; i < tree->n_keys; i++)
                free(tree->keys[i].key);
        free(tree->keys);
        free(tree->root);
        free(tree);
        return NULL;
}

bool tree_is_synced(const Tree *tree) {
        return tree->synced;
}

uint64_t tree_get_index(const Tree *tree) {
        return tree->index;
}
