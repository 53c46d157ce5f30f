/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/container.h"

/* How Calico's datastore says that a container is attached: an endpoint's record, as plain values. It has the last word
 * on the container's address and profile, and may know an address where Docker knows none. */

#define ATTACHMENT_REASON_SIZE 192

typedef struct Attachment Attachment;
struct Attachment {
        char *id;                               /* the endpoint's: Docker's EndpointID, where container is "" */
        char container[CONTAINER_ID_SIZE + 1];  /* the full ID; "": an endpoint of Docker's network plugin */
        Address ipv4, ipv6;                     /* the first of each family; AF_UNSPEC if there is none */
        char *profile;                          /* the first that is not this project's own; "": none */
        bool active;                            /* says the record */
        char reason[ATTACHMENT_REASON_SIZE];    /* why it cannot be read: then it says nothing else; "": it can */
        Attachment *next;                       /* for the model's use */
};

/* Copies the texts; the container's is cut at a full ID. NULL if there is no memory. */
Attachment *attachment_new(const char *container, const char *id, const char *profile);
Attachment *attachment_free(Attachment *attachment);
DEFINE_CLEANUP(Attachment, attachment_free)

typedef enum AttachmentsState {
        ATTACHMENTS_OFF,     /* Calico's datastore is not used */
        ATTACHMENTS_UNKNOWN, /* it was not read yet */
        ATTACHMENTS_KNOWN,   /* what is not here is not there */
} AttachmentsState;

typedef struct Attachments {
        AttachmentsState state;
        Attachment **items; /* sorted by container and ID */
        size_t count, capacity;
} Attachments;

/* Takes the attachment over, on success and failure alike. *ret_old is the one that it replaces, the caller's from now
 * on, or NULL. Returns 0 or -ENOMEM. */
int attachments_put(Attachments *attachments, Attachment *attachment, Attachment **ret_old);
/* Takes it out; the caller's. NULL if there is none. */
Attachment *attachments_take(Attachments *attachments, const char *container, const char *id);
void attachments_done(Attachments *attachments);

/* NULL if there is none, or the ID is "". */
const Attachment *attachments_find(const Attachments *attachments, const char *id);
/* The first of the container's that can be read and has an address; else the first; NULL if there is none. */
const Attachment *attachments_find_container(const Attachments *attachments, const char *container);
