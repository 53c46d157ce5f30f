/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/netlink.h"

#define REPLY_SECONDS_MAX 1

static int netlink_set_options(int fd) {
        const struct timeval limit = { .tv_sec = REPLY_SECONDS_MAX };
        const int on = 1;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
                return -errno;
        /* Acknowledgements without a copy of the request; dumps that honour what the request asks for. Kernels
         * from 4.20 on have both. */
        if (setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on)) < 0 ||
            setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0)
                return -errno;
        return 0;
}

int netlink_open(int protocol, Netlink *ret) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        if (fd < 0)
                return -errno;
        r = netlink_set_options(fd);
        if (r < 0)
                return r;
        *ret = (Netlink) { .fd = take_fd(&fd) };
        return 0;
}

void netlink_close(Netlink *netlink) {
        netlink->fd = close_fd(netlink->fd);
}

static int netlink_send(int fd, const void *data, size_t size) {
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        ssize_t sent;

        do
                sent = sendto(fd, data, size, 0, (const struct sockaddr *) &kernel, sizeof(kernel));
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : 0;
}

ssize_t netlink_receive(int fd, void *buffer, size_t size, int flags) {
        struct sockaddr_nl sender = {};
        struct iovec part = { .iov_base = buffer, .iov_len = size };
        struct msghdr message = {
                .msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &part, .msg_iovlen = 1,
        };
        ssize_t received;

        do
                received = recvmsg(fd, &message, flags);
        while (received < 0 && errno == EINTR);
        if (received < 0)
                return -errno;
        if (sender.nl_pid != 0)
                return 0;
        return (message.msg_flags & MSG_TRUNC) ? -EMSGSIZE : received;
}

int netlink_error(const struct nlmsghdr *message) {
        int error = 0;

        /* The error stands first in the payload of both; a DONE of old kernels may have none. */
        if (mnl_nlmsg_get_payload_len(message) >= sizeof(error))
                memcpy(&error, mnl_nlmsg_get_payload(message), sizeof(error));
        else if (message->nlmsg_type == NLMSG_ERROR)
                return -EBADMSG;
        return error > 0 ? -EBADMSG : error;
}

/* Where the reading of one answer stands. */
typedef struct Answer {
        uint32_t sequence;
        NetlinkReader reader;
        void *userdata;
        bool single; /* one message is all */
        int result; /* the first thing that went wrong */
        bool finished;
} Answer;

static void answer_fail(Answer *answer, int error) {
        if (answer->result >= 0)
                answer->result = error;
}

static void answer_take(Answer *answer, const struct nlmsghdr *message) {
        int r = 0;

        /* A late answer to an earlier request that had timed out. */
        if (message->nlmsg_seq != answer->sequence)
                return;
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                answer_fail(answer, -EINTR);

        switch (message->nlmsg_type) {
        case NLMSG_NOOP:
                return;
        case NLMSG_OVERRUN:
                r = -ENOBUFS;
                break;
        case NLMSG_ERROR:
        case NLMSG_DONE:
                answer->finished = true;
                r = netlink_error(message);
                break;
        default:
                answer->finished = answer->single;
                if (answer->reader)
                        r = answer->reader(message, answer->userdata);
                break;
        }
        if (r < 0)
                answer_fail(answer, r);
}

static int answer_read(int fd, Answer *answer) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
        const struct nlmsghdr *message = (const struct nlmsghdr *) buffer;
        ssize_t size;
        size_t left;

        size = netlink_receive(fd, buffer, sizeof(buffer), 0);
        if (size < 0)
                return size == -EAGAIN ? -ETIMEDOUT : (int) size;
        for (left = (size_t) size; message_is_whole(message, left); message = message_next(message, &left))
                answer_take(answer, message);
        if (left > 0) /* cut: what is missing must not pass for what is not there */
                answer_fail(answer, -EBADMSG);
        return 0;
}

int netlink_request(Netlink *netlink, struct nlmsghdr *request, NetlinkReader reader, void *userdata) {
        Answer answer = { .reader = reader, .userdata = userdata };
        int r;

        request->nlmsg_flags |= NLM_F_REQUEST;
        if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) {
                answer.single = reader;
                request->nlmsg_flags |= reader ? 0 : NLM_F_ACK;
        }
        request->nlmsg_seq = answer.sequence = ++netlink->sequence;

        r = netlink_send(netlink->fd, request, request->nlmsg_len);
        while (r >= 0 && !answer.finished)
                r = answer_read(netlink->fd, &answer);
        return r < 0 ? r : answer.result;
}

/* Where the reading of many answers stands. */
typedef struct Answers {
        uint32_t first; /* sequence number */
        uint32_t count;
        uint32_t seen; /* those before are answered, or will not be */
        uint32_t taken;
        bool acks; /* only acknowledgements count */
        NetlinkAnswer answer;
        void *userdata;
} Answers;

static void answers_expect(Netlink *netlink, void *requests, size_t size, Answers *answers) {
        const uint16_t flags = answers->acks ? NLM_F_REQUEST | NLM_F_ACK : NLM_F_REQUEST;
        struct nlmsghdr *request = requests;

        answers->first = netlink->sequence + 1;
        for (int left = (int) size; mnl_nlmsg_ok(request, left); request = mnl_nlmsg_next(request, &left)) {
                request->nlmsg_flags |= flags;
                request->nlmsg_seq = ++netlink->sequence;
                answers->count++;
        }
}

static void answers_take(Answers *answers, const struct nlmsghdr *message) {
        bool error = message->nlmsg_type == NLMSG_ERROR;
        uint32_t number = message->nlmsg_seq - answers->first;

        if (number >= answers->count || number < answers->seen)
                return;
        if (!error && (answers->acks || message->nlmsg_type < NLMSG_MIN_TYPE))
                return;
        answers->seen = number + 1;
        answers->taken++;
        answers->answer(number, error ? NULL : message, error ? netlink_error(message) : 0, answers->userdata);
}

static int netlink_send_many(Netlink *netlink, void *requests, size_t size, Answers *answers) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
        int r;

        answers_expect(netlink, requests, size, answers);
        if (answers->count == 0)
                return 0;
        r = netlink_send(netlink->fd, requests, size);
        if (r < 0)
                return r;
        while (answers->seen < answers->count) {
                const struct nlmsghdr *message = (const struct nlmsghdr *) buffer;
                ssize_t received = netlink_receive(netlink->fd, buffer, sizeof(buffer), 0);
                size_t left = (size_t) received;

                if (received < 0)
                        return received == -EAGAIN ? -ETIMEDOUT : (int) received;
                for (; message_is_whole(message, left); message = message_next(message, &left))
                        answers_take(answers, message);
        }
        return 0;
}

int netlink_ask_many(Netlink *netlink, void *requests, size_t size, NetlinkAnswer answer, void *userdata) {
        Answers answers = { .answer = answer, .userdata = userdata };

        return netlink_send_many(netlink, requests, size, &answers);
}

typedef struct Acks {
        NetlinkResult result;
        void *userdata;
} Acks;

static void acks_take(_unused_ size_t number, _unused_ const struct nlmsghdr *message, int error, void *userdata) {
        const Acks *acks = userdata;

        acks->result(error, acks->userdata);
}

int netlink_request_many(Netlink *netlink, void *requests, size_t size, NetlinkResult result, void *userdata) {
        Acks acks = { .result = result, .userdata = userdata };
        Answers answers = { .acks = true, .answer = acks_take, .userdata = &acks };
        int r = netlink_send_many(netlink, requests, size, &answers);

        return r < 0 ? r : answers.taken == answers.count ? 0 : -EBADMSG;
}
