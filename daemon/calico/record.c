/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/calico/span.h"
#include "daemon/http/json.h"

bool calico_name_is_valid(const char *name) {
        static const char characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        size_t size = strlen(name);

        return size > 0 && size <= CALICO_NAME_MAX && strspn(name, characters) == size && strcmp(name, ".") != 0 &&
               strcmp(name, "..") != 0;
}

static int refuse(char reason[static RECORD_REASON_SIZE], const char *what) {
        snprintf(reason, RECORD_REASON_SIZE, "%s", what);
        return -EBADMSG;
}

/* The text as one object. */
static int read_object(const char *text, size_t size, Span *ret, char reason[static RECORD_REASON_SIZE]) {
        Span whole;

        if (size > RECORD_SIZE_MAX)
                return refuse(reason, "it is over 256 KiB");
        if (span_parse(text, size, &whole) < 0)
                return refuse(reason, "it is no JSON");
        if (!span_is_object(&whole))
                return refuse(reason, "it is no JSON object");
        *ret = whole;
        return 0;
}

/* A member of it that is an array. */
static int read_array(const Span *object, const char *name, Span *ret, char reason[static RECORD_REASON_SIZE]) {
        Span array;
        int r;

        r = span_member(object, name, &array);
        if (r == 1 && span_is_array(&array)) {
                *ret = array;
                return 0;
        }
        snprintf(reason, RECORD_REASON_SIZE, r == 0 ? "it has no %s" : r < 0 ? "it has %s twice" : "its %s is no list",
                 name);
        return -EBADMSG;
}

/* Endpoints. */

void endpoint_record_done(EndpointRecord *record) {
        free(record->name);
        free(record->addresses);
        for (size_t i = 0; i < record->n_profiles; i++)
                free(record->profiles[i]);
        free(record->profiles);
        *record = (EndpointRecord) {};
}

static int decode_state(const cJSON *json, EndpointRecord *record, char reason[static RECORD_REASON_SIZE]) {
        const char *state = json_text(json, "state"), *name = json_text(json, "name");

        if (!state || (strcmp(state, "active") != 0 && strcmp(state, "inactive") != 0))
                return refuse(reason, "its state is neither active nor inactive");
        if (!name || !calico_name_is_valid(name))
                return refuse(reason, "its name is not one of an interface");
        record->active = strcmp(state, "active") == 0;
        record->name = strdup(name);
        return record->name ? 0 : -ENOMEM;
}

static bool can_be_a_containers(const Address *address) {
        struct in6_addr v6;

        if (address->family == AF_INET)
                return address->bytes[0] != 0 && address->bytes[0] != 127 && address->bytes[0] < 224;
        memcpy(&v6, address->bytes, sizeof(v6));
        return !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_LOOPBACK(&v6) && !IN6_IS_ADDR_MULTICAST(&v6) &&
               !IN6_IS_ADDR_LINKLOCAL(&v6);
}

static int decode_address(const cJSON *json, int family, Address *ret) {
        char text[ADDRESS_TEXT_SIZE];
        const char *slash;
        Address address;
        Prefix prefix;
        size_t size;

        if (!cJSON_IsString(json) || prefix_parse(json->valuestring, &prefix) < 0)
                return -EBADMSG;
        slash = strchr(json->valuestring, '/');
        size = slash ? (size_t) (slash - json->valuestring) : strlen(json->valuestring);
        memcpy(text, json->valuestring, size); /* prefix_parse() has seen that it fits */
        text[size] = '\0';
        if (address_parse(text, &address) < 0 || address.family != family || !can_be_a_containers(&address))
                return -EBADMSG;
        *ret = address;
        return 0;
}

static int decode_addresses(const cJSON *json, const char *name, int family, EndpointRecord *record,
                            char reason[static RECORD_REASON_SIZE]) {
        const cJSON *list = json_member(json, name), *item;

        if (!list)
                return 0;
        if (!cJSON_IsArray(list))
                return refuse(reason, "its addresses are no list");
        cJSON_ArrayForEach(item, list) {
                if (record->n_addresses == ENDPOINT_ADDRESSES_MAX)
                        return refuse(reason, "it has over 64 addresses");
                if (decode_address(item, family, &record->addresses[record->n_addresses]) < 0)
                        return refuse(reason, "one of its addresses is none that a container can have");
                record->n_addresses++;
        }
        return 0;
}

static int decode_profiles(const cJSON *json, EndpointRecord *record, char reason[static RECORD_REASON_SIZE]) {
        const cJSON *list = json_member(json, "profile_ids"), *item;
        int n = cJSON_GetArraySize(list);

        if (!cJSON_IsArray(list))
                return refuse(reason, list ? "its profile_ids are no list" : "it has no profile_ids");
        if (n > ENDPOINT_PROFILES_MAX)
                return refuse(reason, "it has over 256 profiles");
        record->profiles = calloc((size_t) n + 1, sizeof(*record->profiles));
        if (!record->profiles)
                return -ENOMEM;
        cJSON_ArrayForEach(item, list) {
                if (!cJSON_IsString(item) || !calico_name_is_valid(item->valuestring))
                        return refuse(reason, "one of its profile_ids is no name of a profile");
                record->profiles[record->n_profiles] = strdup(item->valuestring);
                if (!record->profiles[record->n_profiles])
                        return -ENOMEM;
                record->n_profiles++;
        }
        return 0;
}

static int decode_parts(const cJSON *json, EndpointRecord *record, char reason[static RECORD_REASON_SIZE]) {
        int r;

        record->addresses = calloc(ENDPOINT_ADDRESSES_MAX, sizeof(*record->addresses));
        if (!record->addresses)
                return -ENOMEM;
        r = decode_state(json, record, reason);
        if (r >= 0)
                r = decode_addresses(json, "ipv4_nets", AF_INET, record, reason);
        if (r >= 0)
                r = decode_addresses(json, "ipv6_nets", AF_INET6, record, reason);
        if (r >= 0)
                r = decode_profiles(json, record, reason);
        return r;
}

int endpoint_record_decode(const char *text, size_t size, EndpointRecord *ret, char reason[static RECORD_REASON_SIZE]) {
        _cleanup_(json_freep) cJSON *json = NULL;
        EndpointRecord record = {};
        Span whole;
        int r;

        r = read_object(text, size, &whole, reason);
        if (r < 0)
                return r;
        r = json_parse(text, size, &json);
        if (r == -EBADMSG)
                return refuse(reason, "it is no JSON");
        if (r >= 0)
                r = decode_parts(json, &record, reason);
        if (r < 0) {
                endpoint_record_done(&record);
                return r;
        }
        *ret = record;
        return 0;
}

/* Both edits begin with a record that is right as a whole. */
static int find_profiles(const char *text, size_t size, Span *ret_whole, Span *ret_list,
                         char reason[static RECORD_REASON_SIZE]) {
        EndpointRecord record;
        int r;

        r = endpoint_record_decode(text, size, &record, reason);
        if (r < 0)
                return r;
        endpoint_record_done(&record);
        r = read_object(text, size, ret_whole, reason);
        return r < 0 ? r : read_array(ret_whole, "profile_ids", ret_list, reason);
}

/* Returns 1 with the first item that is this text, or 0. */
static int find_text(const Span *array, const char *text, Span *ret) {
        for (Span item = {}; span_next_item(array, &item);) {
                _cleanup_(json_freep) cJSON *json = NULL;
                int r = json_parse(item.text, item.size, &json);

                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && cJSON_IsString(json) && strcmp(json->valuestring, text) == 0) {
                        *ret = item;
                        return 1;
                }
        }
        return 0;
}

int endpoint_record_add_profile(const char *text, size_t size, const char *profile, char **ret,
                                char reason[static RECORD_REASON_SIZE]) {
        char value[CALICO_NAME_MAX + sizeof("\"\"")], *edited;
        Span whole, list, item;
        int r;

        r = find_profiles(text, size, &whole, &list, reason);
        if (r >= 0)
                r = find_text(&list, profile, &item);
        if (r != 0)
                return r < 0 ? r : 0;
        snprintf(value, sizeof(value), "\"%s\"", profile);
        edited = span_append_item(&whole, &list, value);
        if (!edited)
                return -ENOMEM;
        *ret = edited;
        return 1;
}

int endpoint_record_remove_profile(const char *text, size_t size, const char *profile, char **ret,
                                   char reason[static RECORD_REASON_SIZE]) {
        _cleanup_free_ char *edited = NULL;
        Span whole, list, item;
        int r;

        for (;;) {
                char *next;

                r = find_profiles(edited ?: text, edited ? strlen(edited) : size, &whole, &list, reason);
                if (r >= 0)
                        r = find_text(&list, profile, &item);
                if (r <= 0)
                        break;
                next = span_remove_item(&whole, &list, &item);
                if (!next)
                        return -ENOMEM;
                free(edited);
                edited = next;
        }
        if (r < 0 || !edited)
                return r;
        *ret = TAKE_PTR(edited);
        return 1;
}

/* Profiles. */

static int find_rules(const char *text, size_t size, Span *ret_whole, Span *ret_inbound,
                      char reason[static RECORD_REASON_SIZE]) {
        Span whole, inbound, outbound;
        int r;

        r = read_object(text, size, &whole, reason);
        if (r >= 0)
                r = read_array(&whole, "inbound_rules", &inbound, reason);
        if (r >= 0)
                r = read_array(&whole, "outbound_rules", &outbound, reason);
        if (r < 0)
                return r;
        for (Span item = {}; span_next_item(&inbound, &item);)
                if (!span_is_object(&item))
                        return refuse(reason, "one of its rules is no JSON object");
        *ret_whole = whole;
        *ret_inbound = inbound;
        return 0;
}

int profile_rules_check(const char *text, size_t size, char reason[static RECORD_REASON_SIZE]) {
        Span whole, inbound;

        return find_rules(text, size, &whole, &inbound, reason);
}

/* Returns 1 if the item is the rule, 0 or -ENOMEM. */
static int item_is_rule(const Span *item, const ProfileRule *rule) {
        _cleanup_(json_freep) cJSON *json = NULL;
        int r = json_parse(item->text, item->size, &json);

        return r == -ENOMEM ? r : r < 0 ? 0 : profile_rule_matches(rule, json);
}

/* On to the next inbound rule that is this one, or that is not. Returns 1, 0 at the end, -ENOMEM. */
static int next_rule(const Span *inbound, const ProfileRule *rule, bool equal, Span *item) {
        while (span_next_item(inbound, item)) {
                int r = item_is_rule(item, rule);

                if (r < 0)
                        return r;
                if ((r > 0) == equal)
                        return 1;
        }
        return 0;
}

int profile_rules_count(const char *text, size_t size, const ProfileRule *rule, size_t *ret) {
        char reason[RECORD_REASON_SIZE];
        Span whole, inbound;
        size_t count = 0;
        int r = 0;

        if (find_rules(text, size, &whole, &inbound, reason) >= 0)
                for (Span item = {}; (r = next_rule(&inbound, rule, true, &item)) > 0;)
                        count++;
        if (r < 0)
                return r;
        *ret = count;
        return 0;
}

int profile_rules_append(const char *text, size_t size, const ProfileRule *rule, char **ret) {
        char reason[RECORD_REASON_SIZE], value[RULE_TEXT_SIZE], *edited;
        Span whole, inbound;
        int r;

        r = find_rules(text, size, &whole, &inbound, reason);
        if (r < 0)
                return r;
        edited = span_append_item(&whole, &inbound, profile_rule_format(rule, value));
        if (!edited)
                return -ENOMEM;
        *ret = edited;
        return 0;
}

int profile_rules_remove(const char *text, size_t size, const ProfileRule *rule, char **ret) {
        char reason[RECORD_REASON_SIZE], *edited;
        Span whole, inbound, item = {};
        int r;

        r = find_rules(text, size, &whole, &inbound, reason);
        if (r >= 0)
                r = next_rule(&inbound, rule, true, &item);
        if (r <= 0)
                return r;
        edited = span_remove_item(&whole, &inbound, &item);
        if (!edited)
                return -ENOMEM;
        *ret = edited;
        return 1;
}

/* Values compare as Python compares them: objects whatever the order of their keys. Returns 1, 0, or -ENOMEM. */
static int values_equal(const Span *a, const Span *b) {
        _cleanup_(json_freep) cJSON *a_json = NULL, *b_json = NULL;
        int r;

        if (a->size == b->size && memcmp(a->text, b->text, a->size) == 0)
                return 1;
        r = json_parse(a->text, a->size, &a_json);
        if (r >= 0)
                r = json_parse(b->text, b->size, &b_json);
        return r == -ENOMEM ? r : r >= 0 && cJSON_Compare(a_json, b_json, true);
}

static int others_equal(const Span *a, const Span *b, const ProfileRule *rule) {
        Span a_item = {}, b_item = {};
        int r, s;

        for (;;) {
                r = next_rule(a, rule, false, &a_item);
                s = next_rule(b, rule, false, &b_item);
                if (r < 0 || s < 0)
                        return -ENOMEM;
                if (r != s)
                        return 0;
                if (r == 0)
                        return 1;
                r = values_equal(&a_item, &b_item);
                if (r <= 0)
                        return r;
        }
}

int profile_rules_equal_but(const char *a, size_t a_size, const char *b, size_t b_size, const ProfileRule *rule) {
        Span a_whole, b_whole, a_inbound, b_inbound, a_outbound, b_outbound;
        char reason[RECORD_REASON_SIZE];
        int r;

        if (find_rules(a, a_size, &a_whole, &a_inbound, reason) < 0 ||
            find_rules(b, b_size, &b_whole, &b_inbound, reason) < 0 ||
            read_array(&a_whole, "outbound_rules", &a_outbound, reason) < 0 ||
            read_array(&b_whole, "outbound_rules", &b_outbound, reason) < 0)
                return 0;
        r = values_equal(&a_outbound, &b_outbound);
        return r <= 0 ? r : others_equal(&a_inbound, &b_inbound, rule);
}

char *profile_rules_make(const char *profile, const ProfileRule *rules, size_t n_rules) {
        char *text = NULL, value[RULE_TEXT_SIZE];
        size_t size;
        FILE *file = open_memstream(&text, &size);

        if (!file)
                return NULL;
        fprintf(file, "{\"id\":\"%s\",\"inbound_rules\":[", profile);
        for (size_t i = 0; i < n_rules; i++)
                fprintf(file, "%s%s", i > 0 ? "," : "", profile_rule_format(&rules[i], value));
        fputs("],\"outbound_rules\":[]}", file);
        if (fclose(file) != 0) {
                free(text);
                return NULL;
        }
        return text;
}

int profile_rules_are(const char *text, size_t size, const ProfileRule *rules, size_t n_rules) {
        Span whole, inbound, outbound, item = {};
        char reason[RECORD_REASON_SIZE];

        if (find_rules(text, size, &whole, &inbound, reason) < 0 ||
            read_array(&whole, "outbound_rules", &outbound, reason) < 0)
                return 0;
        for (size_t i = 0; i < n_rules; i++) {
                int r = span_next_item(&inbound, &item) ? item_is_rule(&item, &rules[i]) : 0;

                if (r <= 0)
                        return r;
        }
        return !span_next_item(&inbound, &item) && !span_next_item(&outbound, &(Span) {});
}
