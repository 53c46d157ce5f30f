/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/protocol.h"

/* One entry of the label calico.expose:
 *     [host-address:][host-port[-last]:]container-port[-last][/protocol] */
typedef struct Entry {
        Protocol protocol;
        uint8_t family; /* AF_INET or AF_INET6 where the host address says so ("0.0.0.0" too), else AF_UNSPEC: both */
        Address host;   /* AF_UNSPEC: all addresses (of that family) */
        PortRange host_ports;
        PortRange container_ports; /* as many */
} Entry;

typedef enum _packed_ EntryError {
        ENTRY_OK,
        ENTRY_EMPTY,
        ENTRY_CONTROL_CHARACTER,
        ENTRY_TOO_LONG,
        ENTRY_PROTOCOL,
        ENTRY_PORT,
        ENTRY_PORT_RANGE,
        ENTRY_REVERSED,
        ENTRY_UNEQUAL,
        ENTRY_NO_HOST_PORT,
        ENTRY_HOST_ADDRESS,
        ENTRY_IPV6_BRACKETS,
        ENTRY_TOO_MANY_PARTS,
        _ENTRY_ERROR_MAX,
} EntryError;

#define ENTRY_SIZE_MAX 128 /* bytes; the longest valid one has some 70 */

/* Reads one entry, blanks around it allowed. *ret is written only with ENTRY_OK. */
EntryError entry_parse(const char *text, size_t size, Entry *ret);

/* Reads "80" or "8000-8010". *ret is written only with ENTRY_OK. */
EntryError entry_parse_ports(const char *text, size_t size, PortRange *ret);

/* What was expected, in words that follow the entry: "expected a port from 1 to 65535". */
const char *entry_error_to_string(EntryError error);

/* Steps through a comma-separated label; *cursor begins as the label and is NULL after the last entry. Blanks around
 * the entry are left out. An empty label is one empty entry. Returns false when there is no further one. */
bool entry_next(const char **cursor, const char **ret_text, size_t *ret_size);

/* True if a host port of one is a host port of the other, too: they cannot both be exposed. */
bool entry_overlaps(const Entry *a, const Entry *b);

/* The same host side: protocol, addresses, ports. */
bool entry_same_host_side(const Entry *a, const Entry *b);

/* Writes the host side as in the label, "[2001:db8::1]:8000-8010/udp", and returns the buffer. */
#define ENTRY_HOST_TEXT_SIZE (ADDRESS_TEXT_SIZE + 24)
const char *entry_format_host(const Entry *entry, char buffer[static ENTRY_HOST_TEXT_SIZE]);

/* The host addresses that the entry means, in one family: length 0 for all. */
static inline Prefix entry_host_prefix(const Entry *entry, uint8_t family) {
        return address_is_set(&entry->host) ? prefix_of_address(&entry->host) : (Prefix) { { .family = family }, 0 };
}

static inline bool entry_has_family(const Entry *entry, uint8_t family) {
        return entry->family == AF_UNSPEC || entry->family == family;
}

static inline unsigned port_range_count(PortRange range) {
        return (unsigned) range.last - range.first + 1;
}

static inline bool port_range_overlaps(PortRange a, PortRange b) {
        return a.first <= b.last && b.first <= a.last;
}

/* A range whose ports have other numbers inside the container cannot be one interval element. */
static inline bool entry_is_shifted_range(const Entry *entry) {
        return entry->host_ports.first != entry->host_ports.last &&
               entry->host_ports.first != entry->container_ports.first;
}
