/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/profile-rule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RANGE_TEXT_SIZE sizeof("65535:65535")

static unsigned count_ports(const ProfileRule *rule) {
        return (unsigned) (rule->ports.last - rule->ports.first) + 1;
}

static bool is_range(const ProfileRule *rule) {
        return count_ports(rule) > RULE_PORTS_MAX;
}

static void format_range(const ProfileRule *rule, char buffer[static RANGE_TEXT_SIZE]) {
        snprintf(buffer, RANGE_TEXT_SIZE, "%u:%u", rule->ports.first, rule->ports.last);
}

int profile_rule_compare(const ProfileRule *a, const ProfileRule *b) {
        if (a->protocol != b->protocol)
                return a->protocol < b->protocol ? -1 : 1;
        if (a->ports.first != b->ports.first)
                return a->ports.first - b->ports.first;
        if (a->ports.last != b->ports.last)
                return a->ports.last - b->ports.last;
        return prefix_compare(&a->from, &b->from);
}

const char *profile_rule_format(const ProfileRule *rule, char buffer[static RULE_TEXT_SIZE]) {
        char range[RANGE_TEXT_SIZE], from[PREFIX_TEXT_SIZE];
        size_t size;

        size = (size_t) snprintf(buffer, RULE_TEXT_SIZE, "{\"action\":\"allow\",\"protocol\":\"%s\",\"dst_ports\":[",
                                 protocol_to_string(rule->protocol));
        if (is_range(rule)) {
                format_range(rule, range);
                size += (size_t) snprintf(buffer + size, RULE_TEXT_SIZE - size, "\"%s\"", range);
        } else
                for (unsigned port = rule->ports.first; port <= rule->ports.last; port++)
                        size += (size_t) snprintf(buffer + size, RULE_TEXT_SIZE - size, "%s%u",
                                                  port > rule->ports.first ? "," : "", port);
        size += (size_t) snprintf(buffer + size, RULE_TEXT_SIZE - size, "]");
        if (address_is_set(&rule->from.address))
                size += (size_t) snprintf(buffer + size, RULE_TEXT_SIZE - size, ",\"src_net\":\"%s\"",
                                          prefix_format(&rule->from, from));
        snprintf(buffer + size, RULE_TEXT_SIZE - size, "}");
        return buffer;
}

static bool text_equals(const cJSON *json, const char *text) {
        return cJSON_IsString(json) && strcmp(json->valuestring, text) == 0;
}

static bool ports_match(const ProfileRule *rule, const cJSON *json) {
        unsigned port = rule->ports.first;
        char range[RANGE_TEXT_SIZE];
        const cJSON *item;

        if (!cJSON_IsArray(json))
                return false;
        if (is_range(rule)) {
                format_range(rule, range);
                return cJSON_GetArraySize(json) == 1 && text_equals(json->child, range);
        }
        cJSON_ArrayForEach(item, json) {
                if (!cJSON_IsNumber(item) || item->valuedouble != port || port > rule->ports.last)
                        return false;
                port++;
        }
        return port == (unsigned) rule->ports.last + 1;
}

/* calicoctl compares networks, not their texts. */
static bool network_matches(const ProfileRule *rule, const cJSON *json) {
        Prefix prefix;

        return address_is_set(&rule->from.address) && cJSON_IsString(json) &&
               prefix_parse(json->valuestring, &prefix) >= 0 && prefix_compare(&prefix, &rule->from) == 0;
}

bool profile_rule_matches(const ProfileRule *rule, const cJSON *json) {
        bool action = false, protocol = false, ports = false, network = !address_is_set(&rule->from.address);
        const cJSON *item;

        if (!cJSON_IsObject(json))
                return false;
        cJSON_ArrayForEach(item, json) {
                bool equal = true;

                if (cJSON_IsNull(item))
                        continue;
                if (strcmp(item->string, "action") == 0)
                        equal = action = text_equals(item, "allow");
                else if (strcmp(item->string, "protocol") == 0)
                        equal = protocol = text_equals(item, protocol_to_string(rule->protocol));
                else if (strcmp(item->string, "dst_ports") == 0)
                        equal = ports = ports_match(rule, item);
                else if (strcmp(item->string, "src_net") == 0)
                        equal = network = network_matches(rule, item);
                else
                        equal = false;
                if (!equal)
                        return false;
        }
        return action && protocol && ports && network;
}

static int decode_port(double number, uint16_t *ret) {
        if (!(number >= 1 && number <= UINT16_MAX) || number != (uint16_t) number)
                return -EBADMSG;
        *ret = (uint16_t) number;
        return 0;
}

static int decode_ports(const cJSON *json, PortRange *ret) {
        const cJSON *first = json ? json->child : NULL, *last = first;
        unsigned from, to;
        char end;

        if (!cJSON_IsArray(json) || !first)
                return -EBADMSG;
        if (cJSON_IsString(first)) {
                if (sscanf(first->valuestring, "%5u:%5u%c", &from, &to, &end) != 2)
                        return -EBADMSG;
                return decode_port(from, &ret->first) < 0 || decode_port(to, &ret->last) < 0 ? -EBADMSG : 0;
        }
        while (last->next)
                last = last->next;
        if (!cJSON_IsNumber(first) || !cJSON_IsNumber(last))
                return -EBADMSG;
        return decode_port(first->valuedouble, &ret->first) < 0 || decode_port(last->valuedouble, &ret->last) < 0
                       ? -EBADMSG
                       : 0;
}

int profile_rule_decode(const cJSON *json, ProfileRule *ret) {
        const cJSON *protocol = cJSON_GetObjectItemCaseSensitive(json, "protocol");
        const cJSON *network = cJSON_GetObjectItemCaseSensitive(json, "src_net");
        ProfileRule rule = {};

        if (!cJSON_IsString(protocol))
                return -EBADMSG;
        rule.protocol = protocol_from_string(protocol->valuestring, strlen(protocol->valuestring));
        if (rule.protocol == _PROTOCOL_INVALID)
                return -EBADMSG;
        if (cJSON_IsString(network) && prefix_parse(network->valuestring, &rule.from) < 0)
                return -EBADMSG;
        if (decode_ports(cJSON_GetObjectItemCaseSensitive(json, "dst_ports"), &rule.ports) < 0)
                return -EBADMSG;
        /* Whatever else is in there makes it another rule. */
        if (rule.ports.first > rule.ports.last || !profile_rule_matches(&rule, json))
                return -EBADMSG;
        *ret = rule;
        return 0;
}

const char *profile_rule_get_trouble(const ProfileRule *rule) {
        if (rule->protocol == PROTOCOL_SCTP)
                return "SCTP";
        return is_range(rule) ? "a range of ports" : NULL;
}
