/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/stat.h>

#include "daemon/docker/client.h"
#include "daemon/model/hostport.h"
#include "daemon/net/listeners.h"

/* What the host's own processes listen on, docker-proxy's among them, as the model wants it. */

/* Names of users, as long as /etc/passwd stays as it is. */
#define USER_NAMES_MAX 16
typedef struct UserNames {
        struct stat file;
        struct {
                uid_t uid;
                char text[HOST_PORT_USER_SIZE];
        } items[USER_NAMES_MAX];
        size_t count;
} UserNames;

/* What is kept from one reading to the next: each start of a container needs one. */
typedef struct HostPortsReader {
        Netlink netlink;
        UserNames users;
        unsigned protocols; /* that were asked for last */
        Listeners ahead;    /* what was read before it was needed, */
        unsigned ahead_protocols;
        uint64_t ahead_until; /* and until when it may be used; 0: nothing */
} HostPortsReader;

#define HOST_PORTS_READER_NEW ((HostPortsReader) { .netlink = NETLINK_CLOSED })

/* Fit for _cleanup_(). */
void hostports_reader_done(HostPortsReader *reader);

/* Reads now what hostports_read() is likely to be asked for in a moment, for when there is nothing else to do until
 * Docker has answered. It then takes that, if it is not older than HOST_PORTS_AHEAD_USEC: a process that began to
 * listen since counts as if it had begun after the decision. now: CLOCK_MONOTONIC, microseconds. */
#define HOST_PORTS_AHEAD_USEC UINT64_C(5000)
void hostports_look_ahead(HostPortsReader *reader, uint64_t now);

/* What they listen on now, and behind that what Docker published for containers that have not stopped: without
 * docker-proxy nobody listens there. *ret is an array of *ret_count, to be freed; its order is undefined. protocols: as
 * protocol_bit(); processes that use another are left out. Returns 0 or negative errno. */
int hostports_read(HostPortsReader *reader, uint64_t now, unsigned protocols, const DockerPort *published,
                   size_t n_published, HostPort **ret, size_t *ret_count);
