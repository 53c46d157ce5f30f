/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/calico/profile-rule.h"
#include "daemon/http/json.h"

static ProfileRule make(Protocol protocol, uint16_t first, uint16_t last, const char *from) {
        ProfileRule rule = { .protocol = protocol, .ports = { first, last } };

        if (from)
                assert_int_equal(prefix_parse(from, &rule.from), 0);
        return rule;
}

/* What Felix 1.4 takes: integers, and no key that it does not know. */
static void test_format(_unused_ void **state) {
        char text[RULE_TEXT_SIZE];
        ProfileRule rule = make(PROTOCOL_TCP, 80, 80, NULL);

        assert_string_equal(profile_rule_format(&rule, text),
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]}");
        rule = make(PROTOCOL_UDP, 53, 53, "192.0.2.77/24");
        assert_string_equal(profile_rule_format(&rule, text),
                "{\"action\":\"allow\",\"protocol\":\"udp\",\"dst_ports\":[53],"
                                                      "\"src_net\":\"192.0.2.0/24\"}");
        rule = make(PROTOCOL_SCTP, 1, 3, "2001:DB8::1");
        assert_string_equal(profile_rule_format(&rule, text), "{\"action\":\"allow\",\"protocol\":\"sctp\","
                                                      "\"dst_ports\":[1,2,3],\"src_net\":\"2001:db8::1/128\"}");
        rule = make(PROTOCOL_TCP, 65521, 65535, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_int_equal(strlen(profile_rule_format(&rule, text)), 195);
        rule = make(PROTOCOL_TCP, 65520, 65535, NULL);
        assert_string_equal(profile_rule_format(&rule, text),
                            "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"65520:65535\"]}");
}

static bool matches(const ProfileRule *rule, const char *text) {
        _cleanup_(json_freep) cJSON *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json), 0);
        return profile_rule_matches(rule, json);
}

static void test_matches(_unused_ void **state) {
        static const char *const equal[] = {
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\"}",
                "{ \"src_net\" : \"10.1.2.3/8\", \"dst_ports\":[ 80.0 ],\"protocol\":\"tcp\", \"action\":\"allow\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\",\"src_tag\":null}",
        };
        static const char *const other[] = {
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]}",
                "{\"action\":\"deny\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":6,\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"80\"],\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80,81],\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[],\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":80,\"src_net\":\"10.0.0.0/8\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/9\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":10}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\",\"x\":1}",
                "{\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"10.0.0.0/8\"}", "{}", "[]", "\"allow\"", "null",
        };
        ProfileRule rule = make(PROTOCOL_TCP, 80, 80, "10.0.0.0/8"), range = make(PROTOCOL_TCP, 1, 100, NULL);

        for (size_t i = 0; i < ELEMENTSOF(equal); i++)
                assert_true(matches(&rule, equal[i]));
        for (size_t i = 0; i < ELEMENTSOF(other); i++)
                if (matches(&rule, other[i]))
                        fail_msg("taken for it: %s", other[i]);
        assert_true(matches(&range, "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"1:100\"]}"));
        assert_false(matches(&range,
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"1:100\",\"1:100\"]}"));
        assert_false(matches(&range, "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[1,100]}"));
}

static int decode(const char *text, ProfileRule *ret) {
        _cleanup_(json_freep) cJSON *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &json), 0);
        return profile_rule_decode(json, ret);
}

static void test_decode(_unused_ void **state) {
        static const char *const bad[] = {
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80,82]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[82,80]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[0]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[65536]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80.5]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"1:10\"]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"1:100x\"]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"100\"]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[\"1:99999\"]}",
                "{\"action\":\"allow\",\"protocol\":\"TCP\",\"dst_ports\":[80]}",
                "{\"action\":\"allow\",\"protocol\":\"icmp\",\"dst_ports\":[80]}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"src_net\":\"nowhere\"}",
                "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80],\"more\":1}",
                "{\"action\":\"allow\",\"dst_ports\":[80]}", "{\"action\":\"allow\",\"protocol\":\"tcp\"}", "{}", "7",
        };
        const ProfileRule good[] = {
                make(PROTOCOL_TCP, 80, 80, NULL),       make(PROTOCOL_UDP, 1, 15, "10.0.0.0/8"),
                make(PROTOCOL_SCTP, 1, 65535, "::/0"), make(PROTOCOL_TCP, 65535, 65535, "0.0.0.0/0"),
        };
        ProfileRule rule;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                char text[RULE_TEXT_SIZE];

                assert_int_equal(decode(profile_rule_format(&good[i], text), &rule), 0);
                assert_int_equal(profile_rule_compare(&rule, &good[i]), 0);
                for (size_t k = 0; k < ELEMENTSOF(good); k++)
                        assert_int_equal(profile_rule_compare(&good[k], &rule) == 0, i == k);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (decode(bad[i], &rule) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
}

static void test_trouble(_unused_ void **state) {
        const ProfileRule single = make(PROTOCOL_TCP, 80, 80, NULL), few = make(PROTOCOL_UDP, 1, 15, NULL),
                          many = make(PROTOCOL_UDP, 1, 16, NULL), sctp = make(PROTOCOL_SCTP, 1, 1, NULL);

        assert_null(profile_rule_get_trouble(&single));
        assert_null(profile_rule_get_trouble(&few));
        assert_string_equal(profile_rule_get_trouble(&many), "a range of ports");
        assert_string_equal(profile_rule_get_trouble(&sctp), "SCTP");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_matches),
                cmocka_unit_test(test_decode),
                cmocka_unit_test(test_trouble),
        };

        return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
