/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/calico/record.h"
#include "tests/fuzz/fuzz.h"

/* One text, read as the record of an endpoint and as the rules of a profile. */

#define OWN "calico-exposed-tcp-80"

static const ProfileRule port_80 = { .protocol = PROTOCOL_TCP, .ports = { 80, 80 } };

static size_t count_profile(const EndpointRecord *record, const char *profile) {
        size_t n = 0;

        for (size_t i = 0; i < record->n_profiles; i++)
                n += strcmp(record->profiles[i], profile) == 0;
        return n;
}

static void check_record(const EndpointRecord *record) {
        CHECK(record->n_addresses <= ENDPOINT_ADDRESSES_MAX && record->n_profiles <= ENDPOINT_PROFILES_MAX);
        for (size_t i = 0; i < record->n_addresses; i++)
                CHECK(address_is_set(&record->addresses[i]));
        for (size_t i = 0; i < record->n_profiles; i++)
                CHECK(record->profiles[i]);
}

/* The same but for the profile. */
static void check_edited(const EndpointRecord *before, const char *text, size_t copies) {
        char reason[RECORD_REASON_SIZE] = "";
        EndpointRecord now;

        CHECK(endpoint_record_decode(text, strlen(text), &now, reason) == 0);
        CHECK(now.active == before->active && now.n_addresses == before->n_addresses);
        for (size_t i = 0; i < now.n_addresses; i++)
                CHECK(address_compare(&now.addresses[i], &before->addresses[i]) == 0);
        CHECK(count_profile(&now, OWN) == copies);
        CHECK(now.n_profiles - copies == before->n_profiles - count_profile(before, OWN));
        endpoint_record_done(&now);
}

static void edit_record(const char *text, const EndpointRecord *record) {
        size_t copies = count_profile(record, OWN);
        char reason[RECORD_REASON_SIZE] = "";
        char *added = NULL, *removed = NULL;
        int r;

        r = endpoint_record_add_profile(text, strlen(text), OWN, &added, reason);
        if (r == -EBADMSG) { /* readers may differ in what it says: a key that is there twice */
                CHECK(*reason && !added);
                fuzz_check_shown(reason, sizeof(reason));
                return;
        }
        CHECK(r == (copies == 0));
        if (r > 0)
                check_edited(record, added, 1);
        r = endpoint_record_remove_profile(added ?: text, strlen(added ?: text), OWN, &removed, reason);
        CHECK(r == 1);
        check_edited(record, removed, 0);
        free(added);
        free(removed);
}

static void read_as_record(const char *text) {
        char reason[RECORD_REASON_SIZE] = "", *edited = NULL;
        EndpointRecord record;
        int r = endpoint_record_decode(text, strlen(text), &record, reason);

        CHECK(r == 0 || r == -EBADMSG);
        if (r == 0) {
                check_record(&record);
                edit_record(text, &record);
                endpoint_record_done(&record);
                return;
        }
        CHECK(*reason);
        fuzz_check_shown(reason, sizeof(reason));
        CHECK(endpoint_record_add_profile(text, strlen(text), OWN, &edited, reason) == -EBADMSG);
        CHECK(endpoint_record_remove_profile(text, strlen(text), OWN, &edited, reason) <= 0);
}

static size_t count_rule(const char *text) {
        size_t n;

        CHECK(profile_rules_count(text, strlen(text), &port_80, &n) == 0);
        return n;
}

static void read_as_rules(const char *text) {
        char reason[RECORD_REASON_SIZE] = "", *more = NULL, *less = NULL;
        int r = profile_rules_check(text, strlen(text), reason);
        size_t n = count_rule(text);

        CHECK(r == 0 || r == -EBADMSG);
        if (r < 0) {
                CHECK(*reason);
                fuzz_check_shown(reason, sizeof(reason));
                return;
        }
        r = profile_rules_append(text, strlen(text), &port_80, &more);
        if (r == -EBADMSG) {
                CHECK(!more);
                return;
        }
        CHECK(r >= 0);
        CHECK(count_rule(more) == n + 1);
        CHECK(profile_rules_equal_but(text, strlen(text), more, strlen(more), &port_80) == 1);
        CHECK(profile_rules_remove(more, strlen(more), &port_80, &less) == 1);
        CHECK(count_rule(less) == n);
        CHECK(profile_rules_equal_but(text, strlen(text), less, strlen(less), &port_80) == 1);
        free(more);
        free(less);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = fuzz_text(data, size);

        read_as_record(text);
        read_as_rules(text);
        free(text);
        return 0;
}
