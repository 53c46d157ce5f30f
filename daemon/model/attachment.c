/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/attachment.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"

Attachment *attachment_new(const char *container, const char *id, const char *profile) {
        _cleanup_(attachment_freep) Attachment *attachment = calloc(1, sizeof(*attachment));

        if (!attachment)
                return NULL;
        strncpy(attachment->container, container, CONTAINER_ID_SIZE);
        attachment->id = strdup(id);
        attachment->profile = strdup(profile);
        return attachment->id && attachment->profile ? TAKE_PTR(attachment) : NULL;
}

Attachment *attachment_free(Attachment *attachment) {
        if (!attachment)
                return NULL;
        free(attachment->id);
        free(attachment->profile);
        free(attachment);
        return NULL;
}

typedef struct AttachmentKey {
        const char *container, *id;
} AttachmentKey;

static int compare_key(const void *key, const void *item) {
        const Attachment *attachment = *(Attachment *const *) item;
        const AttachmentKey *wanted = key;
        int r = strcmp(wanted->container, attachment->container);

        return r != 0 ? r : strcmp(wanted->id, attachment->id);
}

static size_t locate(const Attachments *attachments, const char *container, const char *id) {
        const AttachmentKey key = { container, id };

        return array_lower_bound(&key, attachments->items, attachments->count, sizeof(*attachments->items),
                                 compare_key);
}

static bool is_there(const Attachments *attachments, size_t at, const char *container, const char *id) {
        return at < attachments->count && strcmp(attachments->items[at]->container, container) == 0 &&
               strcmp(attachments->items[at]->id, id) == 0;
}

int attachments_put(Attachments *attachments, Attachment *attachment, Attachment **ret_old) {
        size_t at = locate(attachments, attachment->container, attachment->id);
        Attachment *old = NULL;

        if (is_there(attachments, at, attachment->container, attachment->id))
                old = attachments->items[at];
        else if (array_insert_gap(&attachments->items, &attachments->count, &attachments->capacity, at,
                                  sizeof(attachment)) < 0) {
                attachment_free(attachment);
                return -ENOMEM;
        }
        attachments->items[at] = attachment;
        *ret_old = old;
        return 0;
}

Attachment *attachments_take(Attachments *attachments, const char *container, const char *id) {
        size_t at = locate(attachments, container, id);
        Attachment *attachment;

        if (!is_there(attachments, at, container, id))
                return NULL;
        attachment = attachments->items[at];
        array_remove(&attachments->items, &attachments->count, at, sizeof(attachment));
        return attachment;
}

void attachments_done(Attachments *attachments) {
        for (size_t i = 0; i < attachments->count; i++)
                attachment_free(attachments->items[i]);
        free(attachments->items);
        *attachments = (Attachments) {};
}

const Attachment *attachments_find(const Attachments *attachments, const char *id) {
        size_t at = locate(attachments, "", id);

        return *id && is_there(attachments, at, "", id) ? attachments->items[at] : NULL;
}

const Attachment *attachments_find_container(const Attachments *attachments, const char *container) {
        const Attachment *first = NULL;

        for (size_t i = locate(attachments, container, "");
             i < attachments->count && strcmp(attachments->items[i]->container, container) == 0; i++) {
                const Attachment *attachment = attachments->items[i];

                if (!*attachment->reason &&
                    (address_is_set(&attachment->ipv4) || address_is_set(&attachment->ipv6)))
                        return attachment;
                if (!first)
                        first = attachment;
        }
        return first;
}
