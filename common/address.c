/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

Address address_from_bytes(uint8_t family, const void *bytes) {
        Address address = { .family = family };

        memcpy(address.bytes, bytes, address_size(family));
        return address;
}

bool address_is_loopback(const Address *address) {
        static const Address v6_loopback = { AF_INET6, { [15] = 1 } };

        return (address->family == AF_INET && address->bytes[0] == 127) ||
               address_compare(address, &v6_loopback) == 0;
}

int address_parse(const char *text, Address *ret) {
        struct in6_addr v6;
        struct in_addr v4;

        if (inet_pton(AF_INET, text, &v4) == 1)
                *ret = address_from_bytes(AF_INET, &v4);
        else if (inet_pton(AF_INET6, text, &v6) == 1 && !IN6_IS_ADDR_V4MAPPED(&v6))
                *ret = address_from_bytes(AF_INET6, &v6);
        else
                return -EINVAL;
        return 0;
}

static int prefix_length_parse(const char *text, unsigned maximum, uint8_t *ret) {
        unsigned length = 0;

        if (*text == '\0')
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                length = length * 10 + (unsigned) (*text - '0');
                if (length > maximum)
                        return -EINVAL;
        }
        *ret = (uint8_t) length;
        return 0;
}

int prefix_parse(const char *text, Prefix *ret) {
        char copy[ADDRESS_TEXT_SIZE];
        const char *slash = strchr(text, '/');
        size_t size = slash ? (size_t) (slash - text) : strlen(text);
        Address address;
        uint8_t length;

        if (size >= sizeof(copy))
                return -EINVAL;
        memcpy(copy, text, size);
        copy[size] = '\0';
        if (address_parse(copy, &address) < 0)
                return -EINVAL;

        length = (uint8_t) (address_size(address.family) * 8);
        if (slash && prefix_length_parse(slash + 1, length, &length) < 0)
                return -EINVAL;
        *ret = (Prefix) { .address = address_masked(&address, length), .length = length };
        return 0;
}

Address address_masked(const Address *address, uint8_t length) {
        Address masked = { .family = address->family };
        size_t whole = length / 8;

        memcpy(masked.bytes, address->bytes, whole);
        if (length % 8)
                masked.bytes[whole] = address->bytes[whole] & (uint8_t) (0xff << (8 - length % 8));
        return masked;
}

bool prefix_contains(const Prefix *prefix, const Address *address) {
        Address masked = address_masked(address, prefix->length);

        return address->family == prefix->address.family && address_compare(&masked, &prefix->address) == 0;
}

const char *address_format(const Address *address, char buffer[static ADDRESS_TEXT_SIZE]) {
        if (!address_is_set(address) || !inet_ntop(address->family, address->bytes, buffer, ADDRESS_TEXT_SIZE))
                strcpy(buffer, "-");
        return buffer;
}

const char *prefix_format(const Prefix *prefix, char buffer[static PREFIX_TEXT_SIZE]) {
        char text[ADDRESS_TEXT_SIZE];

        snprintf(buffer, PREFIX_TEXT_SIZE, "%s/%u", address_format(&prefix->address, text), prefix->length);
        return buffer;
}

_Static_assert(sizeof(Address) == 17, "Address is compared by memcmp(): no padding");
