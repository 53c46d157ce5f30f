/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/calico/record.h"
#include "tests/unit/calico/fixtures.h"

static const ProfileRule http = { .protocol = PROTOCOL_TCP, .ports = { 80, 80 } };
static const ProfileRule dns = { .protocol = PROTOCOL_UDP, .ports = { 53, 53 } };

static int decode(const char *text, EndpointRecord *ret, char reason[static RECORD_REASON_SIZE]) {
        size_t size = strlen(text);
        char *copy = malloc(size ? size : 1); /* not terminated: what is read behind it is found */
        int r;

        memcpy(copy, text, size);
        r = endpoint_record_decode(copy, size, ret, reason);
        free(copy);
        return r;
}

static void assert_address(const Address *address, const char *text) {
        char buffer[ADDRESS_TEXT_SIZE];

        assert_string_equal(address_format(address, buffer), text);
}

static void test_endpoints(_unused_ void **state) {
        char reason[RECORD_REASON_SIZE];
        EndpointRecord record;

        assert_int_equal(decode(ENDPOINT_LIBNETWORK, &record, reason), 0);
        assert_true(record.active);
        assert_string_equal(record.name, "cali4c6f1c2f9d1");
        assert_int_equal(record.n_addresses, 1);
        assert_address(&record.addresses[0], "192.168.0.1");
        assert_int_equal(record.n_profiles, 1);
        assert_string_equal(record.profiles[0], "19c801e5258db9c4eb8ab1ee29c1e693398223b9f904ac849227da2d56d28f56");
        endpoint_record_done(&record);
        assert_int_equal(decode(ENDPOINT_DOCKER, &record, reason), 0);
        assert_int_equal(record.n_addresses, 3);
        assert_address(&record.addresses[0], "192.168.7.3");
        assert_address(&record.addresses[2], "fd80:24e2:f998:72d6::3");
        assert_int_equal(record.n_profiles, 2);
        assert_string_equal(record.profiles[1], "db_1.x");
        endpoint_record_done(&record);
        assert_int_equal(decode(ENDPOINT_EMPTY, &record, reason), 0);
        assert_int_equal(record.n_profiles, 0);
        endpoint_record_done(&record);
        assert_int_equal(decode("{\"state\":\"inactive\",\"name\":\"cali1\",\"profile_ids\":[]}", &record, reason), 0);
        assert_false(record.active);
        assert_int_equal(record.n_addresses, 0);
        endpoint_record_done(&record);
}

#define RECORD(parts) "{\"state\":\"active\",\"name\":\"cali1\"," parts "}"
#define WITH_ADDRESS(address) RECORD("\"profile_ids\":[],\"ipv4_nets\":[" address "]")
#define WITH_ADDRESS6(address) RECORD("\"profile_ids\":[],\"ipv6_nets\":[" address "]")

static void test_bad_endpoints(_unused_ void **state) {
        static const struct {
                const char *text, *reason;
        } cases[] = {
                { "", "no JSON" },
                { "{", "no JSON" },
                { "[]", "no JSON object" },
                { "null", "no JSON object" },
                { "{\"a\":NaN}", "no JSON" },
                { "{}", "state" },
                { "{\"state\":1,\"name\":\"cali1\",\"profile_ids\":[]}", "state" },
                { "{\"state\":\"dead\",\"name\":\"cali1\",\"profile_ids\":[]}", "state" },
                { "{\"state\":\"active\",\"profile_ids\":[]}", "name" },
                { "{\"state\":\"active\",\"name\":\"a/b\",\"profile_ids\":[]}", "name" },
                { RECORD("\"profile_id\":\"web\""), "has no profile_ids" },
                { RECORD("\"profile_ids\":null"), "has no profile_ids" },
                { RECORD("\"profile_ids\":\"web\""), "are no list" },
                { RECORD("\"profile_ids\":[1]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[\"\"]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[\"a b\"]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[\"../../x\"]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[\"..\"]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[\"a\\u0000b\"]"), "no name of a profile" },
                { RECORD("\"profile_ids\":[],\"ipv4_nets\":{}"), "no list" },
                { WITH_ADDRESS("1"), "addresses" },
                { WITH_ADDRESS("\"\""), "addresses" },
                { WITH_ADDRESS("\"192.168.0.1/33\""), "addresses" },
                { WITH_ADDRESS("\"192.168.0/32\""), "addresses" },
                { WITH_ADDRESS("\"fd80::1/128\""), "addresses" },
                { WITH_ADDRESS("\"127.0.0.1/32\""), "addresses" },
                { WITH_ADDRESS("\"0.0.0.0/32\""), "addresses" },
                { WITH_ADDRESS("\"224.0.0.1/32\""), "addresses" },
                { WITH_ADDRESS("\"255.255.255.255\""), "addresses" },
                { WITH_ADDRESS6("\"192.168.0.1/32\""), "addresses" },
                { WITH_ADDRESS6("\"::1/128\""), "addresses" },
                { WITH_ADDRESS6("\"::/128\""), "addresses" },
                { WITH_ADDRESS6("\"fe80::1/128\""), "addresses" },
                { WITH_ADDRESS6("\"ff02::1/128\""), "addresses" },
                { WITH_ADDRESS6("\"::ffff:10.0.0.1/128\""), "addresses" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char reason[RECORD_REASON_SIZE] = "", *edited = NULL;
                EndpointRecord record;

                if (decode(cases[i].text, &record, reason) != -EBADMSG)
                        fail_msg("accepted: %s", cases[i].text);
                if (!strstr(reason, cases[i].reason))
                        fail_msg("%s: %s", cases[i].text, reason);
                assert_int_equal(endpoint_record_add_profile(cases[i].text, strlen(cases[i].text), "web", &edited,
                                                             reason),
                                 -EBADMSG);
                assert_int_equal(endpoint_record_remove_profile(cases[i].text, strlen(cases[i].text), "web", &edited,
                                                                reason),
                                 -EBADMSG);
                assert_null(edited);
        }
}

/* A value of 1 MiB, and lists without end. */
static void test_large(_unused_ void **state) {
        size_t size = 1 << 20;
        char reason[RECORD_REASON_SIZE], *text = malloc(size + 1), *edited = NULL;
        EndpointRecord record;

        assert_non_null(text);
        memset(text, ' ', size);
        text[size] = '\0';
        memcpy(text, ENDPOINT_EMPTY, strlen(ENDPOINT_EMPTY));
        assert_int_equal(decode(text, &record, reason), -EBADMSG);
        assert_string_equal(reason, "it is over 256 KiB");
        memset(text, ' ', size);
        memcpy(text, RULES_NEW, strlen(RULES_NEW));
        assert_int_equal(profile_rules_check(text, size, reason), -EBADMSG);
        assert_int_equal(profile_rules_append(text, size, &http, &edited), -EBADMSG);
        assert_int_equal(profile_rules_check(text, RECORD_SIZE_MAX, reason), 0);
        for (unsigned what = 0; what < 2; what++) {
                FILE *file = fmemopen(text, size, "w");

                fputs("{\"state\":\"active\",\"name\":\"cali1\"", file);
                fprintf(file, ",\"profile_ids\":[\"p\"");
                for (unsigned i = 0; what == 0 && i < ENDPOINT_PROFILES_MAX; i++)
                        fputs(",\"p\"", file);
                fputs("],\"ipv4_nets\":[\"10.0.0.1\"", file);
                for (unsigned i = 0; what == 1 && i < ENDPOINT_ADDRESSES_MAX; i++)
                        fputs(",\"10.0.0.1\"", file);
                fputs("]}", file);
                fclose(file);
                assert_int_equal(decode(text, &record, reason), -EBADMSG);
                assert_string_equal(reason, what == 0 ? "it has over 256 profiles" : "it has over 64 addresses");
        }
        free(text);
}

static void test_edit_endpoint(_unused_ void **state) {
        static const struct {
                const char *before, *profile;
                bool add;
                const char *after; /* NULL: nothing to change */
        } cases[] = {
                { RECORD("\"profile_ids\": [\"a\"], \"x\": 12345678901234567890.10"), "b", true,
                  RECORD("\"profile_ids\": [\"a\",\"b\"], \"x\": 12345678901234567890.10") },
                { RECORD("\"profile_ids\":[ ],\"\\u00e9\":1e400"), "b", true,
                  RECORD("\"profile_ids\":[\"b\" ],\"\\u00e9\":1e400") },
                { RECORD("\"profile_ids\":[\"a\",\"b\"]"), "b", true, NULL },
                { RECORD("\"profile_ids\":[\"a\",\"\\u0062\"]"), "b", true, NULL },
                { RECORD("\"profile_ids\":[\"a\",\"b\"]"), "ab", false, NULL },
                { RECORD("\"profile_ids\":[\"a\",\"b\",\"a\"]"), "a", false, RECORD("\"profile_ids\":[\"b\"]") },
                { RECORD("\"profile_ids\":[\"b\"],\"mac\":null"), "b", false,
                        RECORD("\"profile_ids\":[],\"mac\":null") },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char reason[RECORD_REASON_SIZE] = {}, *edited = NULL;
                int r;

                r = (cases[i].add ? endpoint_record_add_profile : endpoint_record_remove_profile)(
                        cases[i].before, strlen(cases[i].before), cases[i].profile, &edited, reason);
                assert_int_equal(r, cases[i].after ? 1 : 0);
                if (cases[i].after)
                        assert_string_equal(edited, cases[i].after);
                else
                        assert_null(edited);
                free(edited);
        }
}

static void test_twice(_unused_ void **state) {
        static const char twice[] = RECORD("\"profile_ids\":[],\"profile_ids\":[\"a\"]");
        char reason[RECORD_REASON_SIZE], *edited = NULL;

        assert_int_equal(endpoint_record_add_profile(twice, strlen(twice), "b", &edited, reason), -EBADMSG);
        assert_string_equal(reason, "it has profile_ids twice");
}

/* Profiles. */

static size_t count(const char *text, const ProfileRule *rule) {
        size_t copies;

        assert_int_equal(profile_rules_count(text, strlen(text), rule, &copies), 0);
        return copies;
}

static void test_rules(_unused_ void **state) {
        char *with = NULL, *twice = NULL, *once = NULL, *without = NULL;

        assert_int_equal(count(RULES_NEW, &http), 0);
        assert_int_equal(count(RULES_WITH_80, &http), 1);
        assert_int_equal(profile_rules_append(RULES_NEW, strlen(RULES_NEW), &http, &with), 0);
        assert_string_equal(with, "{\"id\": \"web\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"web\"},"
                                  "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]}], "
                                  "\"outbound_rules\": [{\"action\": \"allow\"}]}");
        assert_int_equal(profile_rules_equal_but(with, strlen(with), RULES_WITH_80, strlen(RULES_WITH_80), &dns), 1);
        /* The first copy goes, as calicoctl does it. */
        assert_int_equal(profile_rules_append(RULES_WITH_80, strlen(RULES_WITH_80), &http, &twice), 0);
        assert_int_equal(count(twice, &http), 2);
        assert_int_equal(profile_rules_remove(twice, strlen(twice), &http, &once), 1);
        assert_string_equal(once,
                "{\"id\": \"web\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"web\"}, "
                                  "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]}], "
                                  "\"outbound_rules\": [{\"action\": \"allow\"}]}");
        assert_int_equal(profile_rules_remove(once, strlen(once), &http, &without), 1);
        assert_string_equal(without, RULES_NEW);
        assert_int_equal(profile_rules_remove(RULES_NEW, strlen(RULES_NEW), &http, &without), 0);
        free(with);
        free(twice);
        free(once);
        free(without);
}

static void test_bad_rules(_unused_ void **state) {
        static const struct {
                const char *text, *reason;
        } cases[] = {
                { "", "it is no JSON" },
                { "[]", "it is no JSON object" },
                { "{}", "it has no inbound_rules" },
                { "{\"inbound_rules\":[]}", "it has no outbound_rules" },
                { "{\"inbound_rules\":null,\"outbound_rules\":[]}", "its inbound_rules is no list" },
                { "{\"inbound_rules\":[],\"outbound_rules\":{}}", "its outbound_rules is no list" },
                { "{\"inbound_rules\":[],\"outbound_rules\":[],\"inbound_rules\":[]}", "it has inbound_rules twice" },
                { "{\"inbound_rules\":[[]],\"outbound_rules\":[]}", "one of its rules is no JSON object" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char reason[RECORD_REASON_SIZE], *edited = NULL;

                assert_int_equal(profile_rules_check(cases[i].text, strlen(cases[i].text), reason), -EBADMSG);
                assert_string_equal(reason, cases[i].reason);
                assert_int_equal(profile_rules_append(cases[i].text, strlen(cases[i].text), &http, &edited), -EBADMSG);
                assert_int_equal(profile_rules_remove(cases[i].text, strlen(cases[i].text), &http, &edited), -EBADMSG);
                assert_null(edited);
                assert_int_equal(count(cases[i].text, &http), 0);
        }
}

static void test_equal_but(_unused_ void **state) {
        static const char *const texts[] = {
                RULES_NEW,
                RULES_WITH_80,
                "{\"outbound_rules\":[{\"action\":\"allow\"}],\"inbound_rules\":[{\"src_tag\":\"web\",\"action\":\"allow\"}]}",
                "{\"inbound_rules\":[],\"outbound_rules\":[{\"action\":\"allow\"}]}",
                "{\"inbound_rules\":[{\"action\":\"allow\",\"src_tag\":\"web\"}],\"outbound_rules\":[]}",
                "{\"inbound_rules\":[{\"action\":\"allow\",\"src_tag\":\"web\"},{}],\"outbound_rules\":[{\"action\":\"allow\"}]}",
                "nonsense",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                for (size_t k = 0; k < ELEMENTSOF(texts); k++)
                        assert_int_equal(profile_rules_equal_but(texts[i], strlen(texts[i]), texts[k], strlen(texts[k]),
                                                                 &http),
                                         i < 6 && k < 6 && (i == k || (i < 3 && k < 3)));
}

static void test_own_rules(_unused_ void **state) {
        ProfileRule rules[] = { http, http };
        char *text;

        assert_int_equal(prefix_parse("10.0.0.0/8", &rules[1].from), 0);
        text = profile_rules_make("calico-exposed-tcp-80", rules, 2);
        assert_string_equal(text, "{\"id\":\"calico-exposed-tcp-80\",\"inbound_rules\":["
                                  "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]},"
                                  "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],"
                                  "\"src_net\":\"10.0.0.0/8\"}],\"outbound_rules\":[]}");
        assert_int_equal(profile_rules_are(text, strlen(text), rules, 2), 1);
        assert_int_equal(profile_rules_are(text, strlen(text), rules, 1), 0);
        assert_int_equal(profile_rules_are(text, strlen(text), &rules[1], 1), 0);
        assert_int_equal(profile_rules_are(RULES_WITH_80, strlen(RULES_WITH_80), rules, 1), 0);
        assert_int_equal(profile_rules_are("", 0, rules, 1), 0);
        free(text);
}

static void test_names(_unused_ void **state) {
        static const char *const good[] = { "a", "web_1.x-Y", "...", "19c801e5258db9c4eb8ab1ee29c1e693" };
        static const char *const bad[] = { "", ".", "..", "a/b", "a b", "\xc3\xa4", "a\n", "a%2f", "*" };
        char longest[CALICO_NAME_MAX + 2];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(calico_name_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(calico_name_is_valid(bad[i]));
        memset(longest, 'a', sizeof(longest));
        longest[CALICO_NAME_MAX + 1] = '\0';
        assert_false(calico_name_is_valid(longest));
        longest[CALICO_NAME_MAX] = '\0';
        assert_true(calico_name_is_valid(longest));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endpoints), cmocka_unit_test(test_bad_endpoints),
                cmocka_unit_test(test_large),     cmocka_unit_test(test_edit_endpoint),
                cmocka_unit_test(test_twice),     cmocka_unit_test(test_rules),
                cmocka_unit_test(test_bad_rules), cmocka_unit_test(test_equal_but),
                cmocka_unit_test(test_own_rules), cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
