/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

/* One nfnetlink transaction as bytes: NFNL_MSG_BATCH_BEGIN, messages, NFNL_MSG_BATCH_END (linux/netfilter/nfnetlink.h).
 * No I/O. The first failure stays in `error`: look once, at the end. */
typedef struct Batch {
        char *data;
        size_t size;
        size_t capacity;
        uint32_t first_sequence; /* of the batch's begin */
        uint32_t next_sequence;
        uint32_t last_sequence; /* of the last message: the one that the kernel is asked to acknowledge */
        size_t last; /* where that message begins; 0 if there is none yet */
        int error;
} Batch;

/* libnftnl does not look at the room it has. No message of ours gets near this: see BATCH_ELEMENTS_SIZE_MAX. */
#define BATCH_MESSAGE_ROOM ((size_t) 128 * 1024)

/* A netlink attribute's length has 16 bits, and libnftnl (1.2.4) lets it wrap without a word. Messages with lists of
 * elements stay below this. */
#define BATCH_MESSAGE_SIZE_MAX 65000u

void batch_begin(Batch *batch, uint32_t sequence);

/* The header of a further message, with BATCH_MESSAGE_ROOM behind it for attributes; NULL after a failure. type:
 * NFT_MSG_..., family: NFPROTO_..., flags: NLM_F_... but for NLM_F_REQUEST. batch_put() must follow. */
struct nlmsghdr *batch_message(Batch *batch, uint16_t type, uint16_t family, uint16_t flags);

/* The message has its attributes. One that is too large to be true fails the batch with -EMSGSIZE. */
void batch_put(Batch *batch, const struct nlmsghdr *message);

/* Ends it and asks for an answer on the last message (one on each would overrun the socket; on the end itself the
 * kernel gives none before 6.13). Returns 0 or what failed: -ENOMEM, -EMSGSIZE, -ENODATA where it is empty. */
int batch_end(Batch *batch);

/* Begins another with the memory of this one, which may be all zero or at any stage. */
void batch_restart(Batch *batch, uint32_t sequence);

/* It was sent: gives memory back that few batches need. */
void batch_trim(Batch *batch);

void batch_done(Batch *batch);
