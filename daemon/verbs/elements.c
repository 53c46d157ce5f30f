/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/elements.h"

#include <stdio.h>
#include <string.h>

#include "daemon/verbs/words.h"

enum { NAME_SIZE = 96 };

/* " (web)" behind an address that a container has. */
static const char *format_owner(const Survey *survey, const Address *address, char buffer[static NAME_SIZE]) {
        const Record *record = survey_find_address(survey, address);

        buffer[0] = '\0';
        if (record)
                snprintf(buffer, NAME_SIZE, " (%s)", record->name);
        return buffer;
}

const char *element_describe_data(const Survey *survey, const Element *element,
                                  char buffer[static ELEMENT_WORDS_SIZE]) {
        char place[WORDS_PLACE_SIZE], owner[NAME_SIZE];
        PortRange ports = { element->target_port, element->target_port };

        buffer[0] = '\0';
        switch (element->kind) {
        case ELEMENT_DNAT_RANGE:
                ports = element->ports;
                __attribute__((fallthrough));
        case ELEMENT_DNAT:
        case ELEMENT_DNAT_HOST:
        case ELEMENT_BACKEND:
                if (element->kind == ELEMENT_BACKEND && element->target_port == 0)
                        address_format(&element->target, place); /* of a range: the ports stay */
                else
                        words_place(&element->target, ports, place);
                snprintf(buffer, ELEMENT_WORDS_SIZE, "%s%s", place, format_owner(survey, &element->target, owner));
                break;
        case ELEMENT_ENDPOINT:
        case ELEMENT_DNAT_BALANCE:
        case ELEMENT_DNAT_LIMIT:
                words_escape(element->name, buffer, ELEMENT_WORDS_SIZE);
                break;
        default:
                break;
        }
        return buffer;
}

/* What the kinds with a host port stand on. */
static void format_host_side(const Element *element, char host[static WORDS_HOST_SIZE]) {
        Prefix destination = element->prefix;

        if (element->kind == ELEMENT_DNAT)
                destination = (Prefix) {};
        else if (element->kind == ELEMENT_DNAT_HOST)
                destination = (Prefix) { element->address, 1 };
        words_host(&destination, element->ports, element->protocol, host);
}

/* The chains of profiles, limits and balances, and what is in them. */
static void format_chain_key(const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char prefix[PREFIX_TEXT_SIZE], name[NAME_SIZE], interface[NAME_SIZE];
        const size_t size = ELEMENT_WORDS_SIZE;

        words_escape(element->name, name, sizeof(name));
        switch (element->kind) {
        case ELEMENT_PROFILE:
                snprintf(buffer, size, "the chain of profile %s", name);
                break;
        case ELEMENT_LIMIT_FROM:
                snprintf(buffer, size, "%s lets through sources in %s", name, prefix_format(&element->prefix, prefix));
                break;
        case ELEMENT_LIMIT_INTERFACE:
                snprintf(buffer, size, "%s lets through what arrives on %s", name,
                         words_escape(element->interface ?: "", interface, sizeof(interface)));
                break;
        case ELEMENT_BACKEND:
                snprintf(buffer, size, "backend %u of %s", element->ports.first, name);
                break;
        default:
                snprintf(buffer, size, "the chain %s", name);
                break;
        }
}

/* What stands for one container, by its address. */
static void format_container_key(const Survey *survey, const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char address[ADDRESS_TEXT_SIZE], place[WORDS_PLACE_SIZE], name[NAME_SIZE], owner[NAME_SIZE];
        const char *protocol = protocol_to_string(element->protocol) ?: "?";
        const size_t size = ELEMENT_WORDS_SIZE;

        words_place(&element->address, element->ports, place);
        address_format(&element->address, address);
        format_owner(survey, &element->address, owner);
        if (element->kind == ELEMENT_ALLOW)
                snprintf(buffer, size, "profile %s allows %s/%s%s", words_escape(element->name, name, sizeof(name)),
                         place, protocol, owner);
        else if (element->kind == ELEMENT_ENDPOINT)
                snprintf(buffer, size, "the profile of %s%s", address, owner);
        else if (element->kind == ELEMENT_HAIRPIN)
                snprintf(buffer, size, "masquerading of %s%s to itself", address, owner);
        else
                snprintf(buffer, size, "%s/%s%s as one backend of several", place, protocol, owner);
}

/* What is so for all of this host, or an interface of it. */
static void format_host_key(const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char prefix[PREFIX_TEXT_SIZE], name[NAME_SIZE];
        const size_t size = ELEMENT_WORDS_SIZE;

        words_escape(element->name, name, sizeof(name));
        prefix_format(&element->prefix, prefix);
        if (element->kind == ELEMENT_NEIGHBOURS)
                snprintf(buffer, size, "masquerading between neighbours in %s", prefix);
        else if (element->kind == ELEMENT_HOST_ADDRESS)
                snprintf(buffer, size, "host addresses in %s", prefix);
        else if (element->kind == ELEMENT_LOCALNET)
                snprintf(buffer, size, "route_localnet on %s, for 127.0.0.1", name);
        else
                snprintf(buffer, size, "the memory of hairpin mode on %s", name);
}

static void format_key(const Survey *survey, const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char host[WORDS_HOST_SIZE];

        switch (element->kind) {
        case ELEMENT_PROFILE:
        case ELEMENT_LIMIT:
        case ELEMENT_BALANCE:
        case ELEMENT_LIMIT_FROM:
        case ELEMENT_LIMIT_INTERFACE:
        case ELEMENT_BACKEND:
                format_chain_key(element, buffer);
                break;
        case ELEMENT_ALLOW:
        case ELEMENT_ENDPOINT:
        case ELEMENT_HAIRPIN:
        case ELEMENT_BALANCED:
                format_container_key(survey, element, buffer);
                break;
        case ELEMENT_NEIGHBOURS:
        case ELEMENT_HOST_ADDRESS:
        case ELEMENT_LOCALNET:
        case ELEMENT_HAIRPIN_PORT:
                format_host_key(element, buffer);
                break;
        default:
                format_host_side(element, host);
                snprintf(buffer, ELEMENT_WORDS_SIZE, "%sport %s",
                         element->kind == ELEMENT_DNAT_LIMIT ? "the limit on " : "", host);
                break;
        }
}

const char *element_describe(const Survey *survey, const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char data[ELEMENT_WORDS_SIZE];
        size_t used;

        format_key(survey, element, buffer);
        used = strlen(buffer);
        if (*element_describe_data(survey, element, data))
                snprintf(buffer + used, ELEMENT_WORDS_SIZE - used, " -> %s", data);
        return buffer;
}
