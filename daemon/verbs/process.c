/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/macros.h"
#include "common/text.h"
#include "daemon/net/listeners.h"

static DIR *directory_close(DIR *directory) {
        if (directory)
                (void) closedir(directory);
        return NULL;
}
DEFINE_CLEANUP(DIR, directory_close)

/* 1 if a descriptor of the process is what the link says, 0 if not, -EACCES, or -ENOENT if it is gone. */
static int has_open(pid_t pid, const char *wanted) {
        _cleanup_(directory_closep) DIR *directory = NULL;
        const struct dirent *entry;
        char path[64], link[64];

        snprintf(path, sizeof(path), "/proc/%d/fd", pid);
        directory = opendir(path);
        if (!directory)
                return -errno;
        while ((entry = readdir(directory))) {
                ssize_t size = readlinkat(dirfd(directory), entry->d_name, link, sizeof(link) - 1);

                if (size < 0)
                        continue;
                link[size] = '\0';
                if (strcmp(link, wanted) == 0)
                        return 1;
        }
        return 0;
}

static void read_name(Process *process) {
        char path[64], line[32] = "?";
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/comm", process->pid);
        file = fopen(path, "re");
        if (file) {
                if (fgets(line, sizeof(line), file))
                        line[strcspn(line, "\n")] = '\0';
                (void) fclose(file);
        }
        text_escape(line, strlen(line), process->name, sizeof(process->name));
}

static int process_find_by_socket(uint32_t inode, Process *ret) {
        _cleanup_(directory_closep) DIR *processes = opendir("/proc");
        const struct dirent *entry;
        char wanted[32];
        int result = -ENOENT;

        if (!processes)
                return -errno;
        snprintf(wanted, sizeof(wanted), "socket:[%u]", inode);
        while ((entry = readdir(processes))) {
                Process process = { .pid = atoi(entry->d_name) };
                int r = process.pid > 0 ? has_open(process.pid, wanted) : 0;

                if (r > 0) {
                        read_name(&process);
                        *ret = process;
                        return 0;
                }
                if (r == -EACCES)
                        result = r;
        }
        return result;
}

static bool is_that_listener(const Listener *listener, const HostPort *port) {
        return listener->protocol == port->protocol && listener->port == port->port &&
               address_compare(&listener->address, &port->address) == 0 &&
               (port->family == AF_UNSPEC || listener->family == port->family);
}

int process_find_listener(const HostPort *port, Process *ret) {
        _cleanup_(netlink_close) Netlink netlink = NETLINK_CLOSED;
        _cleanup_(listeners_done) Listeners listeners = {};
        int r;

        r = listeners_read(&netlink, PROTOCOLS_ALL, &listeners);
        if (r < 0)
                return r;
        r = -ENOENT;
        for (size_t i = 0; i < listeners.count && r < 0; i++)
                if (is_that_listener(&listeners.items[i], port))
                        r = process_find_by_socket(listeners.items[i].inode, ret);
        return r;
}
