/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/texts.h"

#include <string.h>

#include "common/array.h"

typedef struct SharedText {
        unsigned users; /* the pool is one */
        char text[];
} SharedText;

struct Texts {
        SharedText **items; /* sorted */
        size_t count, capacity;
};

Texts *texts_new(void) {
        return calloc(1, sizeof(Texts));
}

Texts *texts_free(Texts *texts) {
        if (!texts)
                return NULL;
        for (size_t i = 0; i < texts->count; i++)
                text_release(texts->items[i]->text);
        free(texts->items);
        free(texts);
        return NULL;
}

static int compare_text(const void *key, const void *item) {
        return strcmp(key, (*(SharedText *const *) item)->text);
}

static size_t locate(const Texts *texts, const char *text) {
        return array_lower_bound(text, texts->items, texts->count, sizeof(*texts->items), compare_text);
}

static void forget_unused(Texts *texts) {
        size_t kept = 0;

        for (size_t i = 0; i < texts->count; i++)
                if (texts->items[i]->users > 1)
                        texts->items[kept++] = texts->items[i];
                else
                        free(texts->items[i]);
        texts->count = kept;
}

static SharedText *shared_text_new(const char *text, unsigned users) {
        size_t size = strlen(text) + 1;
        SharedText *shared = malloc(sizeof(*shared) + size);

        if (!shared)
                return NULL;
        shared->users = users;
        memcpy(shared->text, text, size);
        return shared;
}

char *texts_share(Texts *texts, const char *text) {
        size_t at = locate(texts, text);
        _cleanup_free_ SharedText *shared = NULL;

        if (at < texts->count && strcmp(texts->items[at]->text, text) == 0) {
                texts->items[at]->users++;
                return texts->items[at]->text;
        }
        if (texts->count == texts->capacity) {
                forget_unused(texts);
                at = locate(texts, text);
        }
        shared = shared_text_new(text, 2);
        if (!shared || array_insert_gap(&texts->items, &texts->count, &texts->capacity, at, sizeof(shared)) < 0)
                return NULL;
        texts->items[at] = TAKE_PTR(shared);
        return texts->items[at]->text;
}

void text_release(char *text) {
        SharedText *shared;

        if (!text)
                return;
        shared = (void *) (text - offsetof(SharedText, text));
        if (--shared->users == 0)
                free(shared);
}

size_t texts_count(const Texts *texts) {
        return texts->count;
}
