/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/net/conntrack.h"
#include "tests/cmocka.h"

/* A client, a host that sends ports 8080 and 8081 on to port 80 of a container, and a Conntrack on that host, in whose
 * network namespace the process is:
 *
 * client (198.51.100.2, 2001:db8:9::2) - host (198.51.100.1, .3, 2001:db8:9::1; 172.30.0.1, fd00:30::1)
 * - container (172.30.0.2, .3, fd00:30::2) */

typedef struct Fixture {
        sd_event *event;
        Conntrack *conntrack;
        int host, client, container;
        int sockets[32];
        size_t n_sockets;
        unsigned n_done;
        unsigned n_through;
        uint16_t last_through; /* host port */
        size_t deleted;
        int error;
} Fixture;

/* For each test: its state is the fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

typedef union Endpoint {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
} Endpoint;

/* An address of either family and a port, in host byte order; returns the size. */
socklen_t endpoint_parse(const char *text, uint16_t port, Endpoint *ret);

/* Sockets, which the fixture closes. A connected one: a TCP flow is established, and one of UDP has begun. */
int fixture_socket(Fixture *fixture, int netns, int family, int type);
int fixture_server(Fixture *fixture, int type, const char *address, uint16_t port);
int fixture_flow_from(Fixture *fixture, int netns, int type, const char *address, uint16_t port);
/* Waits for one byte, 5 s at the most. */
bool datagram_arrives(int fd);

/* What is exposed, and what was not yet, on every address of the host. */
FlowFilter translated(Protocol protocol, uint16_t port, const char *container, uint16_t container_port);
FlowFilter untranslated(Protocol protocol, uint8_t family, uint16_t port);

/* Nothing is to be deleted any more: userdata is the fixture. */
bool fixture_is_done(void *userdata);
/* Deletes and waits; the number that went must be right. */
void fixture_delete_flows(Fixture *fixture, const FlowFilter *filters, size_t n, size_t deleted);
void fixture_delete_one(Fixture *fixture, FlowFilter filter, size_t deleted);
