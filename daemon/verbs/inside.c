/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/inside.h"

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
