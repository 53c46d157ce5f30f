/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* An IPv4 or IPv6 address. family is AF_INET, AF_INET6, or AF_UNSPEC for "none" (with all bytes zero). The bytes
 * are in network byte order, an IPv4 address in the first four, the rest zero: so values compare by memcmp(). */
typedef struct Address {
        uint8_t family;
        uint8_t bytes[16];
} Address;

/* An address and the number of leading bits that count. */
typedef struct Prefix {
        Address address;
        uint8_t length;
} Prefix;

/* Room for what address_format() and prefix_format() write, with the terminating zero. */
#define ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN
#define PREFIX_TEXT_SIZE (INET6_ADDRSTRLEN + 4)

static inline bool address_is_set(const Address *a) {
        return a->family != AF_UNSPEC;
}

/* 127.0.0.0/8, or ::1. */
bool address_is_loopback(const Address *address);

/* Bytes in an address of that family: 4, 16, or 0 for AF_UNSPEC. */
static inline size_t address_size(uint8_t family) {
        return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* The address alone: all of its bits count. */
static inline Prefix prefix_of_address(const Address *address) {
        return (Prefix) { *address, (uint8_t) (address_size(address->family) * 8) };
}

/* From what the kernel gives: address_size(family) bytes in network byte order. */
Address address_from_bytes(uint8_t family, const void *bytes);

/* Reads dotted IPv4 or RFC 4291 IPv6 text, without brackets or zone. An IPv4-mapped IPv6 address (::ffff:1.2.3.4)
 * is refused: the kernel would never match it. Returns 0, or -EINVAL. */
int address_parse(const char *text, Address *ret);

/* Reads "ADDRESS" or "ADDRESS/LENGTH"; bits behind the length are cleared. Returns 0, or -EINVAL. */
int prefix_parse(const char *text, Prefix *ret);

/* Total order: family, then bytes. */
static inline int address_compare(const Address *a, const Address *b) {
        uint64_t x[2], y[2];

        if (a->family != b->family)
                return a->family < b->family ? -1 : 1;
        memcpy(x, a->bytes, sizeof(x));
        memcpy(y, b->bytes, sizeof(y));
        for (size_t i = 0; i < 2; i++)
                if (x[i] != y[i])
                        return be64toh(x[i]) < be64toh(y[i]) ? -1 : 1;
        return 0;
}

/* Total order: the address, then the length. */
static inline int prefix_compare(const Prefix *a, const Prefix *b) {
        int r = address_compare(&a->address, &b->address);

        return r != 0 ? r : (int) a->length - (int) b->length;
}

bool prefix_contains(const Prefix *prefix, const Address *address);

/* The address with all bits behind length cleared. */
Address address_masked(const Address *address, uint8_t length);

/* Write text into the buffer and return it; "-" for AF_UNSPEC. */
const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_SIZE]);
const char *prefix_format(const Prefix *prefix, char buffer[static PREFIX_TEXT_SIZE]);
