/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns.h"
#include "tests/cmocka.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

int netns_current(void) {
        int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

void netns_enter_fresh(void) {
        if (unshare(CLONE_NEWNET) < 0) {
                fprintf(stderr, "skipped: no network namespace: %s\n", strerror(errno));
                exit(77);
        }
        if (system("ip link set lo up") != 0) {
                fprintf(stderr, "skipped: ip (iproute2) is needed\n");
                exit(77);
        }
}

void netns_enter(int fd) {
        assert_int_equal(setns(fd, CLONE_NEWNET), 0);
}

int netns_new(void) {
        _cleanup_close_ int back = netns_current();
        int fd;

        assert_int_equal(unshare(CLONE_NEWNET), 0);
        fd = netns_current();
        netns_run("ip link set lo up");
        netns_enter(back);
        return fd;
}

static void _printf_(1, 0) run(const char *format, va_list arguments) {
        char command[1024];
        int status;

        assert_true((size_t) vsnprintf(command, sizeof(command), format, arguments) < sizeof(command));
        status = system(command);
        if (status != 0)
                fail_msg("failed (%d): %s", status, command);
}

void netns_run(const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        run(format, arguments);
        va_end(arguments);
}

void netns_run_in(int netns, const char *format, ...) {
        _cleanup_close_ int back = netns_current();
        va_list arguments;

        netns_enter(netns);
        va_start(arguments, format);
        run(format, arguments);
        va_end(arguments);
        netns_enter(back);
}

void netns_await(const char *command) {
        const struct timespec pause = { .tv_nsec = 10000000 };
        uint64_t deadline = now_usec() + LOOP_SECONDS_MAX * UINT64_C(1000000);

        while (system(command) != 0) {
                if (now_usec() >= deadline)
                        fail_msg("not within %u s: %s", LOOP_SECONDS_MAX, command);
                nanosleep(&pause, NULL);
        }
}

void netns_await_addresses(void) {
        netns_await("for a in $(ip -6 -o addr show scope global | sed 's,.* inet6 \\([^/]*\\)/.*,\\1,');"
                    " do ip -6 route show table local | grep -q \"^local $a \" || exit 1; done");
}

void netns_give(int netns, const char *ifname) {
        netns_run("ip link set %s netns /proc/%d/fd/%d", ifname, (int) getpid(), netns);
}

void netns_sysctl(const char *path, const char *value) {
        char file[256];
        _cleanup_close_ int fd = -1;

        snprintf(file, sizeof(file), "/proc/sys/%s", path);
        fd = open(file, O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, value, strlen(value)) < 0)
                fail_msg("%s: %s", file, strerror(errno));
}

/* The one netlink socket that listens to groups. */
static int find_monitor(void) {
        for (int fd = 3; fd < 256; fd++) {
                struct sockaddr_nl name = {};
                socklen_t size = sizeof(name);

                if (getsockname(fd, (struct sockaddr *) &name, &size) == 0 && name.nl_family == AF_NETLINK &&
                    name.nl_groups != 0)
                        return fd;
        }
        fail_msg("no monitor");
        return -1;
}

void netns_limit_monitor(int size) {
        assert_return_code(setsockopt(find_monitor(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), errno);
}

void netns_crowd_monitor(unsigned n) {
        const struct nlmsghdr nothing = { .nlmsg_len = sizeof(nothing), .nlmsg_type = NLMSG_NOOP };
        _cleanup_close_ int fd = -1;
        struct sockaddr_nl monitor = {};
        socklen_t size = sizeof(monitor), protocol_size = sizeof(int);
        int protocol;

        assert_return_code(getsockopt(find_monitor(), SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_size), errno);
        fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
        assert_return_code(fd, errno);
        assert_return_code(getsockname(find_monitor(), (struct sockaddr *) &monitor, &size), errno);
        monitor.nl_groups = 0;
        for (unsigned i = 0; i < n; i++)
                assert_return_code(sendto(fd, &nothing, sizeof(nothing), 0, (const struct sockaddr *) &monitor, size),
                                   errno);
}

uint64_t now_usec(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

uint64_t spent_usec(void) {
        return clock_usec(CLOCK_THREAD_CPUTIME_ID);
}

/* One turn, with the wait apart from the work. */
static uint64_t loop_turn(sd_event *event, uint64_t wait) {
        uint64_t start;
        int r;

        r = sd_event_prepare(event);
        if (r == 0)
                r = sd_event_wait(event, wait);
        assert_true(r >= 0);
        if (r == 0)
                return 0;
        start = spent_usec();
        assert_true(sd_event_dispatch(event) >= 0);
        return spent_usec() - start;
}

uint64_t loop_until(sd_event *event, bool (*done)(void *userdata), void *userdata) {
        uint64_t deadline = now_usec() + LOOP_SECONDS_MAX * UINT64_C(1000000), longest = 0, took;

        while (!done(userdata)) {
                if (now_usec() >= deadline)
                        fail_msg("not within %u s", LOOP_SECONDS_MAX);
                took = loop_turn(event, deadline - now_usec());
                longest = MAX(longest, took);
        }
        return longest;
}

void loop_settle(sd_event *event) {
        int r;

        do
                r = sd_event_run(event, 0);
        while (r > 0);
        assert_int_equal(r, 0);
}
