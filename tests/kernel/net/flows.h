/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What a test of connection tracking needs: to make entries, and to see which there are, by libnetfilter_conntrack's
 * own functions and not by those under test. */

/* The number of entries whose line, as `conntrack -L` shows it, has that shell pattern somewhere. */
unsigned flows_count(const char *pattern);
/* Waits until there are so many; fails the test at the deadline. On a busy machine the kernel takes a packet in after
 * send() has returned. */
void flows_await(const char *pattern, unsigned count);

/* Creates an entry without a packet: `from`:`from_port` to `to`:`to_port`, answered by `by`:`by_port`. */
typedef struct FlowMade {
        uint8_t protocol;
        const char *from;
        uint16_t from_port;
        const char *to;
        uint16_t to_port;
        const char *by;
        uint16_t by_port;
        uint16_t zone;
} FlowMade;
void flows_make(const FlowMade *flow);

/* Creates that many, of UDP, with addresses and ports counting up: 198.18.x.y:p to 203.0.113.1:5000 by
 * 172.30.0.9:5000. */
void flows_make_many(unsigned count);

/* An SCTP packet (INIT) from a raw socket of the current namespace. */
void flows_send_sctp(const char *to, uint16_t from_port, uint16_t to_port);
