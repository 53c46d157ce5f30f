/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/docker/decode-parts.h"
#include "daemon/docker/label-prefix.h"

/* The labels of ours that stay, before anything is copied: they can be as many as fit into an answer. */
typedef struct FoundLabels {
        const cJSON *items[CONTAINER_LABELS_MAX]; /* sorted by key */
        size_t n;
} FoundLabels;

static int compare_key(const void *key, const void *item) {
        return strcmp(key, (*(const cJSON *const *) item)->string);
}

/* Of doubled keys the first counts, as everywhere. Returns false if one had to go. */
static bool found_labels_add(FoundLabels *found, const cJSON *label) {
        size_t i = array_lower_bound(label->string, found->items, found->n, sizeof(cJSON *), compare_key);
        bool full = found->n == CONTAINER_LABELS_MAX;

        if (i < found->n && strcmp(found->items[i]->string, label->string) == 0)
                return true;
        if (i == CONTAINER_LABELS_MAX)
                return false;
        found->n += full ? 0 : 1;
        memmove(&found->items[i + 1], &found->items[i], (found->n - 1 - i) * sizeof(cJSON *));
        found->items[i] = label;
        return !full;
}

static int copy_label(const cJSON *from, ContainerLabel *label, bool *truncated) {
        label->key = strdup(from->string);
        label->value = strndup(from->valuestring, CONTAINER_LABEL_SIZE_MAX);
        label->cut = strlen(from->valuestring) > CONTAINER_LABEL_SIZE_MAX;
        *truncated |= label->cut;
        return label->key && label->value ? 0 : -ENOMEM;
}

int decode_labels(const cJSON *labels, ContainerLabel **ret, size_t *ret_count, bool *dropped, bool *truncated) {
        FoundLabels found = {};
        ContainerLabel *copies;
        const cJSON *label;
        int r = 0;

        cJSON_ArrayForEach(label, labels) {
                if (!is_label_of_ours(label->string))
                        continue;
                /* A key that is cut would be another key. */
                if (!cJSON_GetStringValue(label) || strlen(label->string) > CONTAINER_LABEL_SIZE_MAX ||
                    !found_labels_add(&found, label))
                        *dropped = *truncated = true;
        }
        if (found.n == 0)
                return 0;
        copies = calloc(found.n, sizeof(*copies));
        if (!copies)
                return -ENOMEM;
        for (size_t i = 0; i < found.n && r >= 0; i++)
                r = copy_label(found.items[i], &copies[i], truncated);
        if (r < 0) {
                container_labels_free(copies, found.n);
                return r;
        }
        *ret = copies;
        *ret_count = found.n;
        return 0;
}
