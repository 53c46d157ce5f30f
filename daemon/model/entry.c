/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/entry.h"

#include <stdio.h>
#include <string.h>

#include "common/macros.h"

/* A piece of the entry's text, not terminated. */
typedef struct Span {
        const char *text;
        size_t size;
} Span;

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static Span span_trimmed(const char *text, size_t size) {
        while (size > 0 && is_blank(*text))
                text++, size--;
        while (size > 0 && is_blank(text[size - 1]))
                size--;
        return (Span) { text, size };
}

bool entry_next(const char **cursor, const char **ret_text, size_t *ret_size) {
        const char *start = *cursor, *comma;
        Span entry;

        if (!start)
                return false;
        comma = strchr(start, ',');
        entry = span_trimmed(start, comma ? (size_t) (comma - start) : strlen(start));
        *cursor = comma ? comma + 1 : NULL;
        *ret_text = entry.text;
        *ret_size = entry.size;
        return true;
}

static EntryError port_parse(Span span, uint16_t *ret) {
        unsigned port = 0;

        if (span.size == 0 || span.size > 5)
                return ENTRY_PORT;
        for (size_t i = 0; i < span.size; i++) {
                if (span.text[i] < '0' || span.text[i] > '9')
                        return ENTRY_PORT;
                port = port * 10 + (unsigned) (span.text[i] - '0');
        }
        if (port == 0 || port > UINT16_MAX)
                return ENTRY_PORT;
        *ret = (uint16_t) port;
        return ENTRY_OK;
}

static EntryError ports_parse(Span span, PortRange *ret) {
        const char *dash = memchr(span.text, '-', span.size);
        PortRange range;

        if (!dash) {
                if (port_parse(span, &range.first) != ENTRY_OK)
                        return ENTRY_PORT;
                range.last = range.first;
        } else {
                size_t before = (size_t) (dash - span.text);

                if (port_parse((Span) { span.text, before }, &range.first) != ENTRY_OK ||
                    port_parse((Span) { dash + 1, span.size - before - 1 }, &range.last) != ENTRY_OK)
                        return ENTRY_PORT_RANGE;
                if (range.first > range.last)
                        return ENTRY_REVERSED;
        }
        *ret = range;
        return ENTRY_OK;
}

EntryError entry_parse_ports(const char *text, size_t size, PortRange *ret) {
        return ports_parse((Span) { text, size }, ret);
}

/* "0.0.0.0" and "[::]" mean all addresses of their family, as with docker run -p. */
static EntryError host_address_set(Span span, uint8_t family, Entry *entry) {
        static const uint8_t zeros[16];
        char copy[ADDRESS_TEXT_SIZE];
        Address address;

        if (span.size >= sizeof(copy))
                return ENTRY_HOST_ADDRESS;
        memcpy(copy, span.text, span.size);
        copy[span.size] = '\0';
        if (address_parse(copy, &address) < 0 || address.family != family)
                return ENTRY_HOST_ADDRESS;
        entry->family = family;
        if (memcmp(address.bytes, zeros, sizeof(zeros)) != 0)
                entry->host = address;
        return ENTRY_OK;
}

/* Takes "[IPv6]:" off the front. */
static EntryError brackets_parse(Span *rest, Entry *entry) {
        const char *close;
        EntryError error;
        size_t taken;

        if (rest->size == 0 || rest->text[0] != '[')
                return ENTRY_OK;
        close = memchr(rest->text, ']', rest->size);
        if (!close)
                return ENTRY_HOST_ADDRESS;
        taken = (size_t) (close - rest->text) + 1;
        error = host_address_set((Span) { rest->text + 1, taken - 2 }, AF_INET6, entry);
        if (error != ENTRY_OK)
                return error;
        if (taken >= rest->size || rest->text[taken] != ':')
                return ENTRY_PORT;
        *rest = (Span) { rest->text + taken + 1, rest->size - taken - 1 };
        return ENTRY_OK;
}

enum { PARTS_MAX = 3 };

/* Splits at each colon; returns the number of parts, PARTS_MAX + 1 if there are more. */
static size_t parts_split(Span span, Span parts[static PARTS_MAX]) {
        size_t n = 0;

        for (;;) {
                const char *colon = memchr(span.text, ':', span.size);
                size_t size = colon ? (size_t) (colon - span.text) : span.size;

                if (n == PARTS_MAX)
                        return n + 1;
                parts[n++] = (Span) { span.text, size };
                if (!colon)
                        return n;
                span = (Span) { colon + 1, span.size - size - 1 };
        }
}

/* An IPv4 address stands before the ports; of two parts, the first is one if it has a dot. */
static bool begins_with_ipv4(const Span parts[], size_t n) {
        return n == 3 || (n == 2 && memchr(parts[0].text, '.', parts[0].size));
}

static EntryError host_and_ports_parse(Span rest, Entry *entry) {
        Span parts[PARTS_MAX];
        EntryError error;
        size_t n, at = 0;

        error = brackets_parse(&rest, entry);
        if (error != ENTRY_OK)
                return error;
        n = parts_split(rest, parts);
        if (n > PARTS_MAX)
                return entry->family == AF_UNSPEC ? ENTRY_IPV6_BRACKETS : ENTRY_TOO_MANY_PARTS;
        if (entry->family == AF_UNSPEC && begins_with_ipv4(parts, n)) {
                error = host_address_set(parts[at++], AF_INET, entry);
                if (error != ENTRY_OK)
                        return error;
        }
        if (n - at > 2)
                return ENTRY_TOO_MANY_PARTS;
        if (n - at == 2) {
                if (parts[at].size == 0)
                        return ENTRY_NO_HOST_PORT;
                error = ports_parse(parts[at++], &entry->host_ports);
                if (error != ENTRY_OK)
                        return error;
        }
        error = ports_parse(parts[at], &entry->container_ports);
        if (error != ENTRY_OK)
                return error;
        if (entry->host_ports.first == 0)
                entry->host_ports = entry->container_ports;
        return port_range_count(entry->host_ports) == port_range_count(entry->container_ports) ? ENTRY_OK
                                                                                               : ENTRY_UNEQUAL;
}

EntryError entry_parse(const char *text, size_t size, Entry *ret) {
        Entry entry = { .protocol = PROTOCOL_TCP };
        Span rest = span_trimmed(text, size);
        const char *slash;
        EntryError error;

        if (rest.size == 0)
                return ENTRY_EMPTY;
        for (size_t i = 0; i < rest.size; i++)
                if ((unsigned char) rest.text[i] < 0x20 || rest.text[i] == 0x7f)
                        return ENTRY_CONTROL_CHARACTER;
        if (rest.size > ENTRY_SIZE_MAX)
                return ENTRY_TOO_LONG;

        slash = memchr(rest.text, '/', rest.size);
        if (slash) {
                size_t before = (size_t) (slash - rest.text);

                entry.protocol = protocol_from_string(slash + 1, rest.size - before - 1);
                if (entry.protocol == _PROTOCOL_INVALID)
                        return ENTRY_PROTOCOL;
                rest.size = before;
        }
        error = host_and_ports_parse(rest, &entry);
        if (error == ENTRY_OK)
                *ret = entry;
        return error;
}

static const char *const entry_errors[_ENTRY_ERROR_MAX] = {
        [ENTRY_OK] = "is valid",
        [ENTRY_EMPTY] = "expected a port, found nothing",
        [ENTRY_CONTROL_CHARACTER] = "expected printable text, found a control character",
        [ENTRY_TOO_LONG] = "expected at most 128 characters",
        [ENTRY_PROTOCOL] = "expected tcp, udp or sctp after the slash",
        [ENTRY_PORT] = "expected a port from 1 to 65535",
        [ENTRY_PORT_RANGE] = "expected a range of ports from 1 to 65535, as 8000-8010",
        [ENTRY_REVERSED] = "expected a range whose first port is not above its last",
        [ENTRY_UNEQUAL] = "expected as many ports on the host as in the container",
        [ENTRY_NO_HOST_PORT] = "expected a host port before the colon; none is chosen at random",
        [ENTRY_HOST_ADDRESS] = "expected an IPv4 address or an IPv6 address in brackets before the ports",
        [ENTRY_IPV6_BRACKETS] = "expected an IPv6 address to stand in brackets, as [2001:db8::1]:443:443",
        [ENTRY_TOO_MANY_PARTS] = "expected at most host-address:host-port:container-port",
};

const char *entry_error_to_string(EntryError error) {
        return entry_errors[error];
}

static bool hosts_overlap(const Entry *a, const Entry *b) {
        if (a->family != AF_UNSPEC && b->family != AF_UNSPEC && a->family != b->family)
                return false;
        return !address_is_set(&a->host) || !address_is_set(&b->host) || address_compare(&a->host, &b->host) == 0;
}

bool entry_overlaps(const Entry *a, const Entry *b) {
        return a->protocol == b->protocol && port_range_overlaps(a->host_ports, b->host_ports) && hosts_overlap(a, b);
}

bool entry_same_host_side(const Entry *a, const Entry *b) {
        return a->protocol == b->protocol && a->family == b->family && address_compare(&a->host, &b->host) == 0 &&
               a->host_ports.first == b->host_ports.first && a->host_ports.last == b->host_ports.last;
}

static const char *host_address_format(const Entry *entry, char buffer[static ADDRESS_TEXT_SIZE + 3]) {
        char text[ADDRESS_TEXT_SIZE];
        const char *address = address_is_set(&entry->host)  ? address_format(&entry->host, text)
                              : entry->family == AF_INET    ? "0.0.0.0"
                              : entry->family == AF_INET6   ? "::"
                                                            : NULL;

        buffer[0] = '\0';
        if (address)
                snprintf(buffer, ADDRESS_TEXT_SIZE + 3, entry->family == AF_INET6 ? "[%s]:" : "%s:", address);
        return buffer;
}

const char *entry_format_host(const Entry *entry, char buffer[static ENTRY_HOST_TEXT_SIZE]) {
        char host[ADDRESS_TEXT_SIZE + 3], last[8] = "";

        if (entry->host_ports.last != entry->host_ports.first)
                snprintf(last, sizeof(last), "-%u", entry->host_ports.last);
        snprintf(buffer, ENTRY_HOST_TEXT_SIZE, "%s%u%s/%s", host_address_format(entry, host), entry->host_ports.first,
                 last, protocol_to_string(entry->protocol));
        return buffer;
}
