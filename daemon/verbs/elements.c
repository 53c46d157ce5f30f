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

/* The parts of a key, as words. */
typedef struct Words {
        const char *protocol;
        char name[NAME_SIZE], interface[NAME_SIZE], owner[NAME_SIZE];
        char address[ADDRESS_TEXT_SIZE], prefix[PREFIX_TEXT_SIZE], place[WORDS_PLACE_SIZE], host[WORDS_HOST_SIZE];
} Words;

static void format_words(const Survey *survey, const Element *element, Words *ret) {
        ret->protocol = protocol_to_string(element->protocol) ?: "?";
        words_escape(element->name, ret->name, sizeof(ret->name));
        words_escape(element->interface ?: "", ret->interface, sizeof(ret->interface));
        format_owner(survey, &element->address, ret->owner);
        address_format(&element->address, ret->address);
        prefix_format(&element->prefix, ret->prefix);
        words_place(&element->address, element->ports, ret->place);
        format_host_side(element, ret->host);
}

/* Those that go by a name. Returns the length; 0: it is none of these. */
static int format_named_key(const Element *element, const Words *words, char buffer[static ELEMENT_WORDS_SIZE]) {
        const size_t size = ELEMENT_WORDS_SIZE;
        const char *name = words->name;

        switch (element->kind) {
        case ELEMENT_PROFILE:
                return snprintf(buffer, size, "the chain of profile %s", name);
        case ELEMENT_ALLOW:
                return snprintf(buffer, size, "profile %s allows %s/%s%s", name, words->place, words->protocol,
                                words->owner);
        case ELEMENT_LIMIT:
        case ELEMENT_BALANCE:
                return snprintf(buffer, size, "the chain %s", name);
        case ELEMENT_LIMIT_FROM:
                return snprintf(buffer, size, "%s lets through sources in %s", name, words->prefix);
        case ELEMENT_LIMIT_INTERFACE:
                return snprintf(buffer, size, "%s lets through what arrives on %s", name, words->interface);
        case ELEMENT_BACKEND:
                return snprintf(buffer, size, "backend %u of %s", element->ports.first, name);
        case ELEMENT_LOCALNET:
                return snprintf(buffer, size, "route_localnet on %s, for 127.0.0.1", name);
        case ELEMENT_HAIRPIN_PORT:
                return snprintf(buffer, size, "the memory of hairpin mode on %s", name);
        default:
                return 0;
        }
}

static int format_key(const Element *element, const Words *words, char buffer[static ELEMENT_WORDS_SIZE]) {
        const size_t size = ELEMENT_WORDS_SIZE;

        switch (element->kind) {
        case ELEMENT_ENDPOINT:
                return snprintf(buffer, size, "the profile of %s%s", words->address, words->owner);
        case ELEMENT_NEIGHBOURS:
                return snprintf(buffer, size, "masquerading between neighbours in %s", words->prefix);
        case ELEMENT_HAIRPIN:
                return snprintf(buffer, size, "masquerading of %s%s to itself", words->address, words->owner);
        case ELEMENT_BALANCED:
                return snprintf(buffer, size, "%s/%s%s as one backend of several", words->place, words->protocol,
                                words->owner);
        case ELEMENT_HOST_ADDRESS:
                return snprintf(buffer, size, "host addresses in %s", words->prefix);
        case ELEMENT_DNAT_LIMIT:
                return snprintf(buffer, size, "the limit on port %s", words->host);
        default:
                return snprintf(buffer, size, "port %s", words->host);
        }
}

const char *element_describe(const Survey *survey, const Element *element, char buffer[static ELEMENT_WORDS_SIZE]) {
        char data[ELEMENT_WORDS_SIZE];
        Words words;
        size_t used;

        format_words(survey, element, &words);
        if (format_named_key(element, &words, buffer) == 0)
                format_key(element, &words, buffer);
        used = strlen(buffer);
        if (*element_describe_data(survey, element, data))
                snprintf(buffer + used, ELEMENT_WORDS_SIZE - used, " -> %s", data);
        return buffer;
}
