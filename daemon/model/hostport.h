/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "common/address.h"
#include "daemon/model/protocol.h"

/* A port of the host that somebody else uses: a process listens on it, or Docker has published it. */
#define HOST_PORT_USER_SIZE 64

typedef struct HostPort {
        Protocol protocol;
        uint8_t family;  /* AF_UNSPEC: both */
        Address address; /* AF_UNSPEC: all addresses */
        uint16_t port;
        bool docker;                    /* Docker has published it, not only a process listens */
        char user[HOST_PORT_USER_SIZE]; /* in words: "a process of user root", "Docker, for container db" */
} HostPort;

/* Order by protocol, then port; Docker before the process (docker-proxy) that does its work. */
int host_port_compare(const HostPort *a, const HostPort *b);
