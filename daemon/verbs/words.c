/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/words.h"

#include <stdio.h>
#include <string.h>

#include "common/text.h"

const char *words_place(const Address *address, PortRange ports, char buffer[static WORDS_PLACE_SIZE]) {
        char text[ADDRESS_TEXT_SIZE], range[PORT_RANGE_TEXT_SIZE];
        bool v6 = address->family == AF_INET6;

        snprintf(buffer, WORDS_PLACE_SIZE, "%s%s%s:%s", v6 ? "[" : "", address_format(address, text), v6 ? "]" : "",
                 port_range_format(ports, range));
        return buffer;
}

const char *words_host(const Prefix *destination, PortRange ports, uint8_t protocol,
                       char buffer[static WORDS_HOST_SIZE]) {
        char place[WORDS_PLACE_SIZE];

        if (destination->length == 0)
                port_range_format(ports, place);
        else
                words_place(&destination->address, ports, place);
        snprintf(buffer, WORDS_HOST_SIZE, "%s/%s", place, protocol_to_string(protocol) ?: "?");
        return buffer;
}

PortRange words_container_ports(const Exposure *exposure) {
        uint16_t more = (uint16_t) (exposure->ports.last - exposure->ports.first);

        return (PortRange) { exposure->container_first, (uint16_t) (exposure->container_first + more) };
}

const char *words_escape(const char *text, char *buffer, size_t size) {
        return text_escape(text, strlen(text), buffer, size);
}

void words_claim_addresses(const Record *record, const Claim *claim, const Address **ret_ipv4,
                           const Address **ret_ipv6) {
        *ret_ipv4 = address_is_set(&record->ipv4) && entry_has_family(&claim->entry, AF_INET) ? &record->ipv4 : NULL;
        *ret_ipv6 = address_is_set(&record->ipv6) && entry_has_family(&claim->entry, AF_INET6) ? &record->ipv6 : NULL;
}
