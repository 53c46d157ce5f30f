/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/hostports.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "common/text.h"
#include "daemon/net/listeners.h"

/* From the file alone: the name service could ask a server, and nothing here may wait. */
static void user_format(uid_t uid, char buffer[static HOST_PORT_USER_SIZE]) {
        FILE *file = fopen("/etc/passwd", "re");
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

static HostPort host_port_of(const Listener *listener) {
        return (HostPort) {
                .protocol = listener->protocol,
                .family = listener->dual ? AF_UNSPEC : listener->family,
                .address = listener->address,
                .port = listener->port,
        };
}

int hostports_read(unsigned protocols, const HostPort *published, size_t n_published, HostPort **ret,
                   size_t *ret_count) {
        _cleanup_(listeners_done) Listeners listeners = {};
        _cleanup_free_ HostPort *ports = NULL;
        int r;

        r = listeners_read(protocols, &listeners);
        if (r < 0)
                return r;
        ports = calloc(listeners.count + n_published + 1, sizeof(*ports));
        if (!ports)
                return -ENOMEM;
        for (size_t i = 0; i < listeners.count; i++) {
                ports[i] = host_port_of(&listeners.items[i]);
                if (i > 0 && listeners.items[i].uid == listeners.items[i - 1].uid)
                        strcpy(ports[i].user, ports[i - 1].user);
                else
                        user_format(listeners.items[i].uid, ports[i].user);
        }
        for (size_t i = 0; i < n_published; i++)
                ports[listeners.count + i] = published[i];
        *ret = TAKE_PTR(ports);
        *ret_count = listeners.count + n_published;
        return 0;
}
