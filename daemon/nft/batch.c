/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/batch.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

/* Enough for most. */
#define BATCH_KEEP (2 * BATCH_MESSAGE_ROOM)

/* The kernel's zero pages: those that are never written to cost nothing. */
static char *batch_allocate(Batch *batch) {
        batch->data = calloc(1, BATCH_KEEP);
        batch->capacity = batch->data ? BATCH_KEEP : 0;
        batch->error = batch->data ? 0 : -ENOMEM;
        return batch->data;
}

/* What is behind the last message is zero: libmnl (before 1.0.5) leaves the padding of attributes as it was, and what
 * the kernel gets is to be what we wrote, and nothing that was in memory before. */
static char *reserve_message(Batch *batch) {
        size_t had = batch->capacity;

        if (had == 0 && batch->error == 0)
                return batch_allocate(batch);
        if (batch->error == 0)
                batch->error = array_reserve(&batch->data, &batch->capacity, batch->size + BATCH_MESSAGE_ROOM, 1);
        if (batch->error < 0)
                return NULL;
        memset(batch->data + had, 0, batch->capacity - had);
        return batch->data + batch->size;
}

static void batch_start(Batch *batch, uint32_t sequence) {
        char *room;

        batch->first_sequence = batch->next_sequence = sequence;
        room = reserve_message(batch);
        if (!room)
                return;
        batch->size += nftnl_batch_begin(room, batch->next_sequence++)->nlmsg_len;
}

void batch_begin(Batch *batch, uint32_t sequence) {
        *batch = (Batch) {};
        batch_start(batch, sequence);
}

struct nlmsghdr *batch_message(Batch *batch, uint16_t type, uint16_t family, uint16_t flags) {
        char *room = reserve_message(batch);

        return room ? nftnl_nlmsg_build_hdr(room, type, family, flags, batch->next_sequence) : NULL;
}

void batch_put(Batch *batch, const struct nlmsghdr *message) {
        if (message->nlmsg_len > BATCH_MESSAGE_SIZE_MAX) {
                batch->error = -EMSGSIZE;
                return;
        }
        batch->last = batch->size;
        batch->last_sequence = batch->next_sequence++;
        batch->size += NLMSG_ALIGN(message->nlmsg_len);
}

int batch_end(Batch *batch) {
        struct nlmsghdr *last;
        char *room = reserve_message(batch);

        if (!room)
                return batch->error;
        if (batch->last == 0)
                return batch->error = -ENODATA;
        last = (struct nlmsghdr *) (void *) (batch->data + batch->last);
        last->nlmsg_flags |= NLM_F_ACK;
        batch->size += nftnl_batch_end(room, batch->next_sequence++)->nlmsg_len;
        return 0;
}

void batch_restart(Batch *batch, uint32_t sequence) {
        /* After a failure it is not known how far the last message went. */
        if (batch->error < 0)
                batch_done(batch);
        else if (batch->size > 0)
                memset(batch->data, 0, batch->size);
        *batch = (Batch) { .data = batch->data, .capacity = batch->capacity };
        batch_start(batch, sequence);
}

void batch_trim(Batch *batch) {
        if (batch->capacity > BATCH_KEEP)
                batch_done(batch);
}

void batch_done(Batch *batch) {
        free(batch->data);
        *batch = (Batch) {};
}
