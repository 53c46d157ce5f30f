/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/fuzz/fake-kernel.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "common/netlink.h"

/* The linker puts these in the place of the functions without __wrap_. */
int __wrap_socket(int domain, int type, int protocol);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *size);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *size);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t size);
int __wrap_poll(struct pollfd *fds, nfds_t n_fds, int timeout);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *header, int flags);

enum { PORT = 17 };

static struct {
        FuzzInput input;
        void (*on_request)(const struct nlmsghdr *message);
        uint32_t sequence; /* of the last request's first message */
        bool pause;
        const char *datagram; /* the last one, where it was received */
        size_t datagram_size;
} kernel;

void fake_kernel_begin(FuzzInput input, void (*on_request)(const struct nlmsghdr *message)) {
        memset(&kernel, 0, sizeof(kernel));
        kernel.input = input;
        kernel.on_request = on_request;
}

bool fake_kernel_is_done(void) {
        return kernel.input.size == 0;
}

bool fake_kernel_holds(const struct nlmsghdr *message) {
        const char *begin = (const char *) message, *end = kernel.datagram + kernel.datagram_size;

        return begin >= kernel.datagram && begin <= end && (size_t) (end - begin) >= sizeof(*message) &&
               message->nlmsg_len <= (size_t) (end - begin);
}

static size_t take_frame(FuzzInput *input, unsigned *ret_flags) {
        unsigned frame = fuzz_take_u16(input);

        *ret_flags = frame & (FAKE_ERROR | FAKE_PAUSE);
        return frame & FAKE_ERROR ? frame & FAKE_SIZE : MIN((size_t) (frame & FAKE_SIZE), input->size);
}

void fake_kernel_for_each(FuzzInput input, void (*call)(const struct nlmsghdr *message)) {
        while (input.size > 0) {
                unsigned flags;
                size_t left = take_frame(&input, &flags), size = left;
                _cleanup_free_ void *datagram = flags & FAKE_ERROR ? NULL : fuzz_copy(input.data, size);
                const struct nlmsghdr *message = datagram;

                if (!datagram)
                        continue;
                for (; message_is_whole(message, left); message = message_next(message, &left)) {
                        _cleanup_free_ struct nlmsghdr *copy = fuzz_copy(message, message->nlmsg_len);

                        call(copy);
                }
                input.data += size;
                input.size -= size;
        }
}

/* Always readable, so that a loop asks, too. */
int __wrap_socket(_unused_ int domain, _unused_ int type, _unused_ int protocol) {
        return eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

int __wrap_bind(_unused_ int fd, _unused_ const struct sockaddr *address, _unused_ socklen_t size) {
        return 0;
}

int __wrap_getsockname(_unused_ int fd, struct sockaddr *address, _unused_ socklen_t *size) {
        ((struct sockaddr_nl *) (void *) address)->nl_pid = PORT;
        return 0;
}

int __wrap_getsockopt(_unused_ int fd, _unused_ int level, int option, void *value, _unused_ socklen_t *size) {
        *(int *) value = option == SO_DOMAIN     ? AF_NETLINK
                         : option == SO_PROTOCOL ? NETLINK_NETFILTER
                                                 : INT32_MAX;
        return 0;
}

int __wrap_setsockopt(_unused_ int fd, _unused_ int level, _unused_ int option, _unused_ const void *value,
                      _unused_ socklen_t size) {
        return 0;
}

/* Nobody waits: what does not come at once does not come. */
int __wrap_poll(_unused_ struct pollfd *fds, _unused_ nfds_t n_fds, _unused_ int timeout) {
        return !fake_kernel_is_done();
}

ssize_t __wrap_sendto(_unused_ int fd, const void *data, size_t size, _unused_ int flags,
                      _unused_ const struct sockaddr *to, _unused_ socklen_t to_size) {
        const struct nlmsghdr *message = data;
        size_t left = size;

        CHECK(message_is_whole(message, left));
        kernel.sequence = message->nlmsg_seq;
        for (; left > 0; message = message_next(message, &left)) {
                CHECK(message_is_whole(message, left));
                if (kernel.on_request)
                        kernel.on_request(message);
        }
        return (ssize_t) size;
}

/* What stands in a header as the sequence number is counted from that of the last request; large ones, as they stand
 * in what was captured, are the request's own. */
static void answer_request(struct nlmsghdr *message, size_t size) {
        enum { SMALL = 64 };

        for (; message_is_whole(message, size);
             message = (struct nlmsghdr *) (uintptr_t) message_next(message, &size))
                message->nlmsg_seq = kernel.sequence + (message->nlmsg_seq < SMALL ? message->nlmsg_seq : 0);
}

static ssize_t fail(int error) {
        errno = error;
        return -1;
}

static ssize_t receive_error(struct msghdr *header, unsigned which) {
        static const int errors[] = { EAGAIN, ENOBUFS, EINTR, ENOMEM };

        which %= ELEMENTSOF(errors) + 2;
        if (which < ELEMENTSOF(errors))
                return fail(errors[which]);
        if (which == ELEMENTSOF(errors))
                header->msg_flags |= MSG_TRUNC;
        else
                ((struct sockaddr_nl *) header->msg_name)->nl_pid = PORT; /* not the kernel's */
        return 0;
}

ssize_t __wrap_recvmsg(_unused_ int fd, struct msghdr *header, _unused_ int flags) {
        bool pause = kernel.pause;
        unsigned frame_flags;
        size_t size;

        kernel.pause = false;
        header->msg_flags = 0;
        kernel.datagram_size = 0;
        if (pause || fake_kernel_is_done())
                return fail(EAGAIN);
        size = take_frame(&kernel.input, &frame_flags);
        kernel.pause = frame_flags & FAKE_PAUSE;
        if (frame_flags & FAKE_ERROR)
                return receive_error(header, (unsigned) size);
        CHECK(size <= header->msg_iov->iov_len);
        fuzz_take(&kernel.input, header->msg_iov->iov_base, size);
        answer_request(header->msg_iov->iov_base, size);
        kernel.datagram = header->msg_iov->iov_base;
        kernel.datagram_size = size;
        return (ssize_t) size;
}
