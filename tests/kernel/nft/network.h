/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/kernel/nft/fixture.h"

/* A host with three containers on a bridge, somebody outside and somebody on another network, each a network namespace:
 *
 *    outside 203.0.113.2 --- out0 203.0.113.1 host br0 172.18.0.1 --- one, two, three: 172.18.0.2, .3, .4
 *            2001:db8:1::2        2001:db8:1::1        fd00:1::1                       fd00:1::2, ::3, ::4
 *  elsewhere 198.51.100.2 -- out1 198.51.100.1
 *            2001:db8:2::2        2001:db8:2::1
 *
 * The fixture's own namespace is the host. All its addresses may be used. */
typedef enum Place {
        HOST,
        OUTSIDE,
        ELSEWHERE,
        ONE,
        TWO,
        THREE,
        _PLACE_MAX,
} Place;

typedef struct Network {
        Fixture *fixture;
        int places[_PLACE_MAX]; /* descriptors of the namespaces */
} Network;

int network_setup(void **state);
int network_teardown(void **state);

#define NETWORK_TEST(function) cmocka_unit_test_setup_teardown(function, network_setup, network_teardown)

/* What most tests try in turn: TCP, UDP. */
extern const int types[2];
extern const Protocol protocols[2];

/* Wants container ONE with all that belongs to it, and its port 80, TCP and UDP, as 8080 of every address. */
void want_one(Fixture *fixture);

/* Puts this process there; what it runs and opens belongs there. */
void enter(const Network *network, Place place);

/* A socket of the place, bound to the address and port (0: any). type: SOCK_STREAM (then it listens), SOCK_DGRAM. */
int open_server(const Network *network, Place place, int type, const char *text, uint16_t port);

/* A socket of the place, bound to source (NULL: any), on its way to that address and port. */
int open_client(const Network *network, Place place, const char *source, int type, const char *text, uint16_t port);

typedef struct Reach {
        bool reached;
        bool refused;  /* an error came back instead */
        Address seen;  /* the client, as the server sees it */
        uint16_t port; /* at which it arrived */
} Reach;

/* Whether somebody at `from`, bound to source (NULL: any), gets through to that address and port and back. */
Reach reach(const Network *network, Place from, const char *source, int type, const char *text, uint16_t port,
            int server);

/* The same where nothing is to come, not even an error: waits a short time only. */
Reach reach_in_vain(const Network *network, Place from, const char *source, int type, const char *text,
                    uint16_t port, int server);

/* Whether a datagram from `source` (which need not be an address of the place) arrives: nothing is said of the way
 * back. */
bool arrives(const Network *network, Place from, const char *source, const char *text, uint16_t port, int server);
