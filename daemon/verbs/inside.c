/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/inside.h"

#include <net/route.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>

#include "common/macros.h"

/* The kernel writes an address as 32-bit words in host byte order, in hex digits: one, or four. */
static bool is_loopback(const char *hex) {
        struct in6_addr address = {};
        bool v6 = strlen(hex) == 32;

        for (size_t i = 0; i < (v6 ? 4 : 1); i++) {
                unsigned word = 0;

                (void) sscanf(hex + 8 * i, "%8x", &word);
                memcpy(&address.s6_addr[4 * i], &word, sizeof(word));
        }
        if (!v6)
                return address.s6_addr[0] == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(&address) ||
               (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET);
}

Inside inside_read(FILE *file, Protocol protocol, uint16_t port) {
        Inside inside = INSIDE_NOBODY;
        char line[512], address[33];
        unsigned number, state;

        while (fgets(line, sizeof(line), file)) {
                if (sscanf(line, " %*u: %32[0-9A-F]:%4X %*32[0-9A-F]:%*4X %2X", address, &number, &state) != 3 ||
                    number != port || (protocol == PROTOCOL_TCP && state != TCP_LISTEN))
                        continue;
                inside = MAX(inside, is_loopback(address) ? INSIDE_LOOPBACK : INSIDE_LISTENS);
        }
        return inside;
}

static Inside look_into(pid_t pid, const char *name, int family, Protocol protocol, uint16_t port) {
        Inside inside;
        char path[64];
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/net/%s%s", pid, name, family == AF_INET6 ? "6" : "");
        file = fopen(path, "re");
        if (!file)
                return INSIDE_UNKNOWN;
        inside = inside_read(file, protocol, port);
        (void) fclose(file);
        return inside;
}

Inside inside_look(pid_t pid, Protocol protocol, uint16_t port) {
        const char *name = protocol == PROTOCOL_TCP ? "tcp" : protocol == PROTOCOL_UDP ? "udp" : NULL;
        Inside v4;

        if (pid <= 0 || !name)
                return INSIDE_UNKNOWN;
        v4 = look_into(pid, name, AF_INET, protocol, port);
        /* A kernel without IPv6 has no file for it. */
        return v4 == INSIDE_UNKNOWN ? v4 : MAX(v4, look_into(pid, name, AF_INET6, protocol, port));
}

/* Routes */

/* Both read what a line says of its route; a title is none. */
static bool read_route(const char *line, unsigned *ret_length, unsigned *ret_flags) {
        unsigned destination, mask;

        if (sscanf(line, "%*s %8x %*x %x %*d %*d %*d %8x", &destination, ret_flags, &mask) != 3)
                return false;
        *ret_length = (unsigned) __builtin_popcount(mask);
        return true;
}

static bool read_route6(const char *line, unsigned *ret_length, unsigned *ret_flags) {
        return sscanf(line, "%*32[0-9a-f] %x %*32[0-9a-f] %*x %*32[0-9a-f] %*x %*x %*x %x", ret_length, ret_flags) == 2;
}

Routes inside_read_routes(FILE *file, int family) {
        unsigned length, flags;
        char line[512];

        while (fgets(line, sizeof(line), file)) {
                bool found = family == AF_INET6 ? read_route6(line, &length, &flags) : read_route(line, &length, &flags);

                if (found && (flags & RTF_UP) && !(flags & RTF_REJECT) && (length == 0 || (flags & RTF_GATEWAY)))
                        return ROUTES_FAR;
        }
        return ROUTES_NEAR;
}

Routes inside_look_at_routes(pid_t pid, int family) {
        Routes routes;
        char path[64];
        FILE *file;

        if (pid <= 0)
                return ROUTES_UNKNOWN;
        snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, family == AF_INET6 ? "ipv6_route" : "route");
        file = fopen(path, "re");
        if (!file)
                return ROUTES_UNKNOWN;
        routes = inside_read_routes(file, family);
        (void) fclose(file);
        return routes;
}
