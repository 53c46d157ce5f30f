/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "daemon/model/entry.h"
#include "daemon/model/limits.h"
#include "tests/fuzz/fuzz.h"

/* The value of one label, read as each of those that have a grammar: what is understood and written again says the
 * same. */

enum { ENTRY_TEXT_SIZE = ENTRY_HOST_TEXT_SIZE + sizeof(":65535-65535") };

static void entry_format(const Entry *entry, char buffer[static ENTRY_TEXT_SIZE]) {
        char host[ENTRY_HOST_TEXT_SIZE], *slash;

        entry_format_host(entry, host);
        slash = strrchr(host, '/');
        CHECK(slash);
        snprintf(buffer, ENTRY_TEXT_SIZE, "%.*s:%u-%u%s", (int) (slash - host), host, entry->container_ports.first,
                 entry->container_ports.last, slash);
}

static bool entry_equal(const Entry *a, const Entry *b) {
        return entry_same_host_side(a, b) && a->container_ports.first == b->container_ports.first &&
               a->container_ports.last == b->container_ports.last;
}

static void check_ports(PortRange ports) {
        CHECK(ports.first >= 1 && ports.first <= ports.last);
}

static void check_entry(const Entry *entry) {
        char text[ENTRY_TEXT_SIZE];
        Entry again;

        check_ports(entry->host_ports);
        check_ports(entry->container_ports);
        CHECK(port_range_count(entry->host_ports) == port_range_count(entry->container_ports));
        CHECK(protocol_to_string(entry->protocol));
        CHECK(!address_is_set(&entry->host) || entry->host.family == entry->family);
        CHECK(entry_overlaps(entry, entry));
        entry_format(entry, text);
        CHECK(entry_parse(text, strlen(text), &again) == ENTRY_OK);
        CHECK(entry_equal(entry, &again));
}

/* Two entries of one label. */
static void check_pair(const Entry *a, const Entry *b) {
        CHECK(entry_overlaps(a, b) == entry_overlaps(b, a));
        CHECK(entry_same_host_side(a, b) == entry_same_host_side(b, a));
        CHECK(!entry_same_host_side(a, b) || entry_overlaps(a, b));
}

static void check_entries(const char *label) {
        static const Entry untouched = { .protocol = _PROTOCOL_INVALID };
        const char *cursor = label, *text, *end = label - 1;
        Entry last = untouched;
        size_t size;

        while (entry_next(&cursor, &text, &size)) {
                Entry entry = untouched;
                EntryError error;

                /* They follow each other, and a comma is in none. */
                CHECK(text > end && !memchr(text, ',', size));
                end = text + size;
                error = entry_parse(text, size, &entry);
                CHECK(entry_error_to_string(error));
                if (error != ENTRY_OK) {
                        CHECK(fuzz_is_untouched(&entry, &untouched, sizeof(entry)));
                        continue;
                }
                check_entry(&entry);
                if (last.protocol != _PROTOCOL_INVALID)
                        check_pair(&last, &entry);
                last = entry;
        }
        CHECK(end <= label + strlen(label));
}

static void check_from(const char *label) {
        char text[LIMITS_FROM_MAX * PREFIX_TEXT_SIZE] = "", *at = text;
        _cleanup_(limits_done) Limits limits = {}, again = {};
        const char *expected = limits_parse_from(&limits, label);

        if (expected) {
                CHECK(*expected && !limits.from && limits.n_from == 0);
                return;
        }
        CHECK(limits.n_from >= 1 && limits.n_from <= LIMITS_FROM_MAX);
        for (size_t i = 0; i < limits.n_from; i++) {
                char prefix[PREFIX_TEXT_SIZE];

                for (size_t k = 0; k < limits.n_from; k++)
                        CHECK(k == i || !prefix_contains(&limits.from[i], &limits.from[k].address));
                CHECK(i == 0 || prefix_compare(&limits.from[i - 1], &limits.from[i]) < 0);
                at += sprintf(at, "%s%s", i > 0 ? ", " : "", prefix_format(&limits.from[i], prefix));
        }
        CHECK(!limits_parse_from(&again, text));
        CHECK(limits_equal(&limits, &again) && limits_hash(&limits) == limits_hash(&again));
}

static void check_interfaces(const char *label) {
        char text[LIMITS_INTERFACES_MAX * 18] = "", *at = text;
        _cleanup_(limits_done) Limits limits = {}, again = {};
        const char *expected = limits_parse_interfaces(&limits, label);

        if (expected) {
                CHECK(*expected && !limits.interfaces && limits.n_interfaces == 0);
                return;
        }
        CHECK(limits.n_interfaces >= 1 && limits.n_interfaces <= LIMITS_INTERFACES_MAX);
        for (size_t i = 0; i < limits.n_interfaces; i++) {
                CHECK(limits_interface_is_valid(limits.interfaces[i]));
                CHECK(i == 0 || strcmp(limits.interfaces[i - 1], limits.interfaces[i]) < 0);
                at += sprintf(at, "%s%s", i > 0 ? "\t," : "", limits.interfaces[i]);
        }
        CHECK(!limits_parse_interfaces(&again, text));
        CHECK(limits_equal(&limits, &again) && limits_hash(&limits) == limits_hash(&again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *label = fuzz_text(data, size);

        check_entries(label);
        check_from(label);
        check_interfaces(label);
        return 0;
}
