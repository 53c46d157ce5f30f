/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/nft/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/nft/attribute.h"
#include "daemon/nft/nfnl.h"

/* The kernel has answered when sendmsg() returns; this is for what we do not foresee. */
enum { REPLY_TIMEOUT_MSEC = 1000 };

struct NftSocket {
        int fd;
        uint32_t port;
        uint32_t sequence; /* of the next message */
        bool shared;
        Batch batch; /* used again and again */
        char buffer[NFNL_BUFFER_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
};

/* Takes the descriptor only on success. */
static int socket_from_fd(int fd, uint32_t port, NftSocket **ret) {
        NftSocket *nft = calloc(1, sizeof(*nft));

        if (!nft)
                return -ENOMEM;
        /* An error need not repeat the message that caused it, which may be 64 KiB long. */
        if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &(int) { 1 }, sizeof(int)) < 0) {
                free(nft);
                return -errno;
        }
        *nft = (NftSocket) { .fd = fd, .port = port };
        /* Different from what an earlier owner of the socket may have counted from. */
        nft->sequence = (uint32_t) time(NULL);
        *ret = nft;
        return 0;
}

int nft_socket_new(NftSocket **ret) {
        uint32_t port = 0;
        _cleanup_close_ int fd = nfnl_open(&port);
        int r;

        if (fd < 0)
                return fd;
        r = socket_from_fd(fd, port, ret);
        if (r >= 0)
                (void) take_fd(&fd);
        return r;
}

int nft_socket_adopt(int fd, NftSocket **ret) {
        _cleanup_(nft_socket_freep) NftSocket *nft = NULL;
        uint32_t port = 0;
        int r;

        r = nfnl_get_port(fd, &port);
        if (r < 0)
                return r;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return -errno;
        r = socket_from_fd(fd, port, &nft);
        if (r < 0)
                return r;
        r = nfnl_drain(fd, nft->buffer, sizeof(nft->buffer));
        if (r < 0) {
                /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): errno is never 0 after a failure */
                nft->fd = -1; /* remains the caller's */
                return r;
        }
        *ret = TAKE_PTR(nft);
        return 0;
}

NftSocket *nft_socket_free(NftSocket *nft) {
        if (!nft)
                return NULL;
        (void) close_fd(nft->fd);
        batch_done(&nft->batch);
        free(nft);
        return NULL;
}

int nft_socket_fd(const NftSocket *nft) {
        return nft->fd;
}

uint32_t nft_socket_port(const NftSocket *nft) {
        return nft->port;
}

void nft_socket_set_shared(NftSocket *nft, bool shared) {
        nft->shared = shared;
}

bool nft_socket_is_shared(const NftSocket *nft) {
        return nft->shared;
}

/* The next datagram; waits for it, but not long. */
static ssize_t receive(NftSocket *nft) {
        ssize_t size = nfnl_receive(nft->fd, nft->buffer, sizeof(nft->buffer));
        int r;

        if (size != -EAGAIN)
                return size;
        r = nfnl_wait(nft->fd, REPLY_TIMEOUT_MSEC);
        return r < 0 ? r : nfnl_receive(nft->fd, nft->buffer, sizeof(nft->buffer));
}

/* What is left of an answer that was given up on would be taken for the next one's, and an unfinished dump would make
 * the next one fail with EBUSY. */
static int send_afresh(NftSocket *nft, const void *data, size_t size) {
        int r = nfnl_drain(nft->fd, nft->buffer, sizeof(nft->buffer));

        return r < 0 ? r : nfnl_send(nft->fd, data, size);
}

/* 0 for an acknowledgement. */
static int error_of(const struct nlmsghdr *message) {
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
                return -EBADMSG;
        return error->error <= 0 ? error->error : -EBADMSG;
}

typedef struct Verdict {
        bool acknowledged;
        bool overrun;
        int error; /* the first */
} Verdict;

static void verdict_take_message(Verdict *verdict, const Batch *batch, const struct nlmsghdr *message) {
        int r;

        if (message->nlmsg_type != NLMSG_ERROR ||
            message->nlmsg_seq - batch->first_sequence >= batch->next_sequence - batch->first_sequence)
                return;
        r = error_of(message);
        if (r < 0 && verdict->error == 0)
                verdict->error = r;
        if (r == 0 && message->nlmsg_seq == batch->last_sequence)
                verdict->acknowledged = true;
}

static void verdict_take(Verdict *verdict, const Batch *batch, const char *buffer, ssize_t size) {
        const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) buffer;
        size_t left = size > 0 ? (size_t) size : 0;

        for (; message_is_whole(message, left); message = message_next(message, &left))
                verdict_take_message(verdict, batch, message);
}

/* That the last message is acknowledged does not say yet that all went well: what is wrong with an earlier message, or
 * with the commit itself (then it is the batch's begin that is answered), are answers of their own. All are there at
 * once, and the verdict is what they say together. */
static int collect_verdict(NftSocket *nft, const Batch *batch) {
        Verdict verdict = {};

        for (;;) {
                bool known = verdict.acknowledged || verdict.error < 0;
                ssize_t size = known ? nfnl_receive(nft->fd, nft->buffer, sizeof(nft->buffer)) : receive(nft);

                if (size == -EAGAIN && known)
                        return verdict.error < 0 ? verdict.error : verdict.overrun ? -ENOBUFS : 0;
                if (size == -ENOBUFS)
                        verdict.overrun = true;
                else if (size == -ETIMEDOUT && verdict.overrun)
                        return -ENOBUFS;
                else if (size < 0 && size != -EAGAIN)
                        return (int) size;
                verdict_take(&verdict, batch, nft->buffer, size);
        }
}

Batch *nft_socket_begin(NftSocket *nft) {
        batch_restart(&nft->batch, nft->sequence);
        return &nft->batch;
}

int nft_socket_commit(NftSocket *nft) {
        Batch *batch = &nft->batch;
        int r = batch_end(batch);

        if (r < 0)
                return r;
        nft->sequence = batch->next_sequence;
        r = send_afresh(nft, batch->data, batch->size);
        if (r >= 0)
                r = collect_verdict(nft, batch);
        batch_trim(batch);
        return r;
}

typedef struct Answer {
        NftMessageHandler handler;
        void *userdata;
        uint32_t sequence;
        bool complete;
        int result;
} Answer;

/* The end of a dump carries what became of it. */
static int result_of_done(const struct nlmsghdr *message) {
        int result = 0;

        if (mnl_nlmsg_get_payload_len(message) >= sizeof(result))
                memcpy(&result, mnl_nlmsg_get_payload(message), sizeof(result));
        return MIN(result, 0);
}

static void answer_take_message(Answer *answer, const struct nlmsghdr *message) {
        int r = 0;

        if (message->nlmsg_seq != answer->sequence || answer->complete)
                return;
        if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
                answer->complete = true;
                r = message->nlmsg_type == NLMSG_ERROR ? error_of(message) : result_of_done(message);
        } else if (message->nlmsg_type >= NLMSG_MIN_TYPE && answer->handler && answer->result == 0)
                r = answer->handler(message, answer->userdata);
        if (answer->result == 0)
                answer->result = r;
}

static void answer_take(Answer *answer, const char *buffer, ssize_t size) {
        const struct nlmsghdr *message = (const struct nlmsghdr *) (const void *) buffer;
        size_t left = size > 0 ? (size_t) size : 0;

        for (; message_is_whole(message, left); message = message_next(message, &left))
                answer_take_message(answer, message);
        if (left > 0 && answer->result == 0) /* cut: what is missing must not pass for what is not there */
                answer->result = -EBADMSG;
}

int nft_socket_request(NftSocket *nft, struct nlmsghdr *request, NftMessageHandler handler, void *userdata) {
        Answer answer = { .handler = handler, .userdata = userdata, .sequence = nft->sequence++ };
        int r;

        request->nlmsg_seq = answer.sequence;
        if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
                request->nlmsg_flags |= NLM_F_ACK; /* a single answer has no other end */
        r = send_afresh(nft, request, request->nlmsg_len);
        if (r < 0)
                return r;
        while (!answer.complete) {
                ssize_t size = receive(nft);

                if (size < 0 && size != -EAGAIN)
                        return (int) size;
                answer_take(&answer, nft->buffer, size);
        }
        return answer.result;
}

static int take_generation(const struct nlmsghdr *message, void *userdata) {
        const struct nlattr *attribute = attribute_find(message, NFTA_GEN_ID, MNL_TYPE_U32);
        uint32_t *generation = userdata;

        if (!attribute)
                return -EBADMSG;
        *generation = ntohl(mnl_attr_get_u32(attribute));
        return 0;
}

int nft_socket_get_generation(NftSocket *nft, uint32_t *ret) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        uint32_t generation = 0; /* which the kernel never uses */
        int r;

        r = nft_socket_request(nft, nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETGEN, NFPROTO_UNSPEC, 0, 0),
                               take_generation, &generation);
        if (r < 0)
                return r;
        if (generation == 0)
                return -EBADMSG;
        *ret = generation;
        return 0;
}

_Static_assert(sizeof(struct nlmsgerr) == 20 && sizeof(struct nfgenmsg) == 4, "the kernel's layouts");
