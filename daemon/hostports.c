/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostports.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "common/text.h"

#define PASSWD "/etc/passwd"

static bool is_same_file(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void users_check(UserNames *users) {
        struct stat file = {};

        (void) stat(PASSWD, &file);
        if (!is_same_file(&file, &users->file))
                *users = (UserNames) { .file = file };
}

/* From the file alone: the name service could ask a server, and nothing here may wait. */
static void user_read(uid_t uid, char buffer[static HOST_PORT_USER_SIZE]) {
        FILE *file = fopen(PASSWD, "re");
        const struct passwd *entry;
        char name[32];

        snprintf(buffer, HOST_PORT_USER_SIZE, "a process of user %u", uid);
        if (!file)
                return;
        while ((entry = fgetpwent(file)))
                if (entry->pw_uid == uid) {
                        text_escape(entry->pw_name, strlen(entry->pw_name), name, sizeof(name));
                        snprintf(buffer, HOST_PORT_USER_SIZE, "a process of user %s", name);
                        break;
                }
        fclose(file);
}

static const char *user_find(UserNames *users, uid_t uid) {
        size_t i = 0;

        while (i < users->count && users->items[i].uid != uid)
                i++;
        if (i < users->count)
                return users->items[i].text;
        if (i == USER_NAMES_MAX)
                i = users->count = 0;
        users->items[i].uid = uid;
        user_read(uid, users->items[i].text);
        users->count++;
        return users->items[i].text;
}

static HostPort host_port_of(const Listener *listener) {
        return (HostPort) {
                .protocol = listener->protocol,
                .family = listener->dual ? AF_UNSPEC : listener->family,
                .address = listener->address,
                .port = listener->port,
        };
}

static void reader_forget_ahead(HostPortsReader *reader) {
        listeners_done(&reader->ahead);
        reader->ahead_until = 0;
}

void hostports_reader_done(HostPortsReader *reader) {
        reader_forget_ahead(reader);
        netlink_close(&reader->netlink);
}

void hostports_look_ahead(HostPortsReader *reader, uint64_t now) {
        if (reader->protocols == 0 || now < reader->ahead_until)
                return;
        reader_forget_ahead(reader);
        if (listeners_read(&reader->netlink, reader->protocols, &reader->ahead) < 0)
                return;
        reader->ahead_protocols = reader->protocols;
        reader->ahead_until = now + HOST_PORTS_AHEAD_USEC;
}

/* Each reading ahead is used once. */
static int reader_get_listeners(HostPortsReader *reader, uint64_t now, unsigned protocols, Listeners *ret) {
        size_t kept = 0;

        if (now >= reader->ahead_until || (protocols & ~reader->ahead_protocols) != 0) {
                reader_forget_ahead(reader);
                return listeners_read(&reader->netlink, protocols, ret);
        }
        *ret = reader->ahead;
        reader->ahead = (Listeners) {};
        reader->ahead_until = 0;
        for (size_t i = 0; i < ret->count; i++)
                if (protocols & protocol_bit(ret->items[i].protocol))
                        ret->items[kept++] = ret->items[i];
        ret->count = kept;
        return 0;
}

int hostports_read(HostPortsReader *reader, uint64_t now, unsigned protocols, const DockerPort *published,
                   size_t n_published, HostPort **ret, size_t *ret_count) {
        _cleanup_(listeners_done) Listeners listeners = {};
        _cleanup_free_ HostPort *ports = NULL;
        size_t n = 0;
        int r;

        r = reader_get_listeners(reader, now, protocols, &listeners);
        reader->protocols = protocols;
        if (r < 0)
                return r;
        ports = calloc(listeners.count + n_published + 1, sizeof(*ports));
        if (!ports)
                return -ENOMEM;
        users_check(&reader->users);
        for (; n < listeners.count; n++) {
                ports[n] = host_port_of(&listeners.items[n]);
                strcpy(ports[n].user, user_find(&reader->users, listeners.items[n].uid));
        }
        for (size_t i = 0; i < n_published; i++)
                if (!published[i].stopped)
                        ports[n++] = published[i].host;
        *ret = TAKE_PTR(ports);
        *ret_count = n;
        return 0;
}
