/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/macros.h"

/* The transport protocols that have ports and that Docker publishes; the values are IANA's protocol numbers, as the
 * kernel has them in the IP header. */
typedef enum _packed_ Protocol {
        PROTOCOL_SCTP = 132,
        PROTOCOL_TCP = 6,
        PROTOCOL_UDP = 17,
        _PROTOCOL_INVALID = -1,
} Protocol;

/* "tcp", "udp", "sctp"; NULL for another number. */
const char *protocol_to_string(Protocol protocol);

/* The first `size` bytes of text, in any case as Docker takes them; _PROTOCOL_INVALID if it is none of these. */
Protocol protocol_from_string(const char *text, size_t size);

/* Sets of them, one bit each. */
enum { PROTOCOLS = 3, PROTOCOLS_ALL = (1 << PROTOCOLS) - 1 };

static inline unsigned protocol_index(Protocol protocol) {
        return protocol == PROTOCOL_TCP ? 0 : protocol == PROTOCOL_UDP ? 1 : 2;
}

static inline unsigned protocol_bit(Protocol protocol) {
        return 1u << protocol_index(protocol);
}

/* An inclusive range of ports in host byte order; a single port has first == last. */
typedef struct PortRange {
        uint16_t first;
        uint16_t last;
} PortRange;

/* Writes "80" or "8000-8010" and returns the buffer. */
#define PORT_RANGE_TEXT_SIZE 12
const char *port_range_format(PortRange range, char buffer[static PORT_RANGE_TEXT_SIZE]);
