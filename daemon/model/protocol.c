/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/protocol.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/macros.h"

static const struct {
        Protocol protocol;
        const char *name;
} protocols[] = {
        { PROTOCOL_TCP, "tcp" },
        { PROTOCOL_UDP, "udp" },
        { PROTOCOL_SCTP, "sctp" },
};

const char *protocol_to_string(Protocol protocol) {
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (protocols[i].protocol == protocol)
                        return protocols[i].name;
        return NULL;
}

Protocol protocol_from_string(const char *text, size_t size) {
        for (size_t i = 0; i < ELEMENTSOF(protocols); i++)
                if (strlen(protocols[i].name) == size && strncasecmp(protocols[i].name, text, size) == 0)
                        return protocols[i].protocol;
        return _PROTOCOL_INVALID;
}

const char *port_range_format(PortRange range, char buffer[static PORT_RANGE_TEXT_SIZE]) {
        if (range.first == range.last)
                snprintf(buffer, PORT_RANGE_TEXT_SIZE, "%u", range.first);
        else
                snprintf(buffer, PORT_RANGE_TEXT_SIZE, "%u-%u", range.first, range.last);
        return buffer;
}
