/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Preloaded into a test on the kernel (tests/kernel), keeps what the kernel says to it, so that corpora begin with real
 * messages: each datagram of a netlink socket becomes a file $CAPTURE/<protocol>-<pid>-<number>. See tests/fuzz/seed */
#include <dlfcn.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the test starts (ip, nft) is left alone. */
__attribute__((constructor)) static void forget(void) {
        unsetenv("LD_PRELOAD");
}

static int netlink_protocol(int fd) {
        int domain = 0, protocol = -1;
        socklen_t size = sizeof(domain);

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 || domain != AF_NETLINK)
                return -1;
        (void) getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
        return protocol;
}

static void keep(int protocol, const struct msghdr *message, size_t size) {
        const char *directory = getenv("CAPTURE");
        static unsigned number;
        char path[4096];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%d-%d-%05u", directory ? directory : ".", protocol, (int) getpid(), number++);
        file = fopen(path, "we");
        if (!file)
                return;
        fwrite(message->msg_iov[0].iov_base, 1, size, file);
        fclose(file);
}

__attribute__((visibility("default"))) ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        static ssize_t (*real)(int, struct msghdr *, int);
        ssize_t size;
        int protocol;

        if (!real)
                *(void **) &real = dlsym(RTLD_NEXT, "recvmsg");
        size = real(fd, message, flags);
        protocol = size > 0 ? netlink_protocol(fd) : -1;
        if (protocol >= 0)
                keep(protocol, message, (size_t) size);
        return size;
}
