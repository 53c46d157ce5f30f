/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The ledger's text, and what the random test does not meet: a history that is gone, profiles that cannot be read,
 * hosts that were given up, names of our own profiles. */

#include "tests/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/calico/ledger.h"
#include "daemon/calico/own.h"
#include "tests/unit/calico/fixtures.h"

#define HTTP "{\"action\":\"allow\",\"protocol\":\"tcp\",\"dst_ports\":[80]}"
#define ENTRY(owner, since, holders) \
        "{\"rule\":" HTTP ",\"owner\":\"" owner "\",\"since\":" since ",\"needed_by\":[" holders "]}"
#define LEDGER(entries) "{\"rules\":[" entries "]}"
#define CHANGING(entries, what) \
        "{\"rules\":[" entries "],\"change\":{\"what\":\"" what "\",\"rule\":" HTTP \
        ",\"value\":\"00c0ffee00c0ffee\",\"after\":7}}"

static const ProfileRule http = { .protocol = PROTOCOL_TCP, .ports = { 80, 80 } };

static void test_text(_unused_ void **state) {
        static const char *const good[] = {
                LEDGER(""),
                LEDGER(ENTRY("ours", "17", "\"node1/aa\",\"node1/bb\",\"node2/aa\"")),
                LEDGER(ENTRY("theirs", "0", "")
                       ",{\"rule\":{\"action\":\"allow\",\"protocol\":\"udp\",\"dst_ports\":[53]},"
                                                "\"owner\":\"removed\",\"since\":9007199254740991,\"needed_by\":[]}"),
                CHANGING(ENTRY("theirs", "0", ""), "add"),
                CHANGING("", "remove"),
                "{\"rules\":[],\"change\":{\"what\":\"delete\",\"after\":12}}",
        };
        static const char *const bad[] = {
                "", "{}", "[]", "{\"rules\":{}}", "{\"rules\":[1]}",
                LEDGER(ENTRY("mine", "1", "")),
                LEDGER(ENTRY("ours", "-1", "")),
                LEDGER(ENTRY("ours", "1", "\"node1\"")),
                LEDGER(ENTRY("ours", "1", "\"/aa\"")),
                LEDGER(ENTRY("ours", "1", "\"node1/a a\"")),
                LEDGER(ENTRY("ours", "1", "\"node1/a/b\"")),
                LEDGER(ENTRY("ours", "1", "1")),
                LEDGER(ENTRY("ours", "1", "\"node1/bb\",\"node1/aa\"")),
                LEDGER(ENTRY("ours", "1", "") "," ENTRY("ours", "1", "")),
                CHANGING("", "burn"),
                CHANGING("", ""),
                "{\"rules\":[],\"change\":{}}",
                "{\"rules\":[],\"change\":{\"what\":\"add\",\"rule\":" HTTP ",\"value\":\"xx\",\"after\":1}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Ledger ledger;
                char *text;

                if (ledger_decode(good[i], strlen(good[i]), &ledger) != 0)
                        fail_msg("refused: %s", good[i]);
                text = ledger_encode(&ledger);
                assert_string_equal(text, good[i]);
                free(text);
                ledger_done(&ledger);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Ledger ledger;

                if (ledger_decode(bad[i], strlen(bad[i]), &ledger) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
        }
}

typedef struct Case {
        const char *ledger, *rules;
        uint64_t index;
        LedgerHistory history;
        bool needed;
        LedgerStep step;
        const char *text; /* of the step; NULL: none, or any where that is so for the step */
} Case;

static bool only_node1(_unused_ void *userdata, const char *host) {
        return strcmp(host, "node1") != 0;
}

static void run(const Case *c, bool (*is_gone)(void *userdata, const char *host), LedgerPlan *ret) {
        char holder[] = "node1/aa";
        LedgerNeed need = { http, holder };
        LedgerInput input = {
                .host = "node1",
                .needs = &need,
                .n_needs = c->needed,
                .is_gone = is_gone,
                .text = c->rules,
                .index = c->rules ? c->index : 0,
                .known = c->history == LEDGER_HISTORY_UNASKED ? c->index : 0,
                .history = c->history,
        };
        Ledger ledger = {};

        if (c->ledger)
                assert_int_equal(ledger_decode(c->ledger, strlen(c->ledger), &ledger), 0);
        assert_int_equal(ledger_plan(&ledger, &input, ret), 0);
        ledger_done(&ledger);
}

static void test_steps(_unused_ void **state) {
        static const char broken[] = "{\"inbound_rules\":7}";
        const Case cases[] = {
                /* Nothing is asked of what is not there or cannot be read, and nothing is forgotten. */
                { NULL, NULL, 0, LEDGER_HISTORY_UNASKED, true, LEDGER_DONE, NULL },
                { NULL, broken, 5, LEDGER_HISTORY_UNASKED, true, LEDGER_DONE, NULL },
                { LEDGER(ENTRY("ours", "3", "\"node1/aa\"")), broken, 5, LEDGER_HISTORY_UNASKED, false, LEDGER_STORE,
                  LEDGER(ENTRY("ours", "3", "")) },
                { LEDGER(ENTRY("ours", "3", "")), broken, 5, LEDGER_HISTORY_UNASKED, false, LEDGER_DONE, NULL },
                /* With the profile, what was ours in it is gone. */
                { LEDGER(ENTRY("ours", "3", "")), NULL, 0, LEDGER_HISTORY_UNASKED, false, LEDGER_STORE, NULL },
                { LEDGER(ENTRY("ours", "3", "\"node1/aa\"")), NULL, 0, LEDGER_HISTORY_UNASKED, true, LEDGER_STORE,
                  LEDGER(ENTRY("theirs", "3", "\"node1/aa\"")) },
                { CHANGING(ENTRY("theirs", "0", ""), "add"), NULL, 0, LEDGER_HISTORY_UNASKED, false, LEDGER_STORE,
                        NULL },
                /* A person's rule. */
                { NULL, RULES_WITH_80, 5, LEDGER_HISTORY_UNASKED, true, LEDGER_STORE,
                  LEDGER(ENTRY("theirs", "0", "\"node1/aa\"")) },
                { LEDGER(ENTRY("theirs", "0", "\"node1/aa\"")), RULES_WITH_80, 5, LEDGER_HISTORY_UNASKED, false,
                  LEDGER_STORE, NULL },
                /* A change that nobody can tell of: rather one too many than a person's lost. */
                { CHANGING(ENTRY("theirs", "0", ""), "add"), RULES_WITH_80, 9, LEDGER_HISTORY_UNASKED, false,
                  LEDGER_ASK, NULL },
                { CHANGING(ENTRY("theirs", "0", ""), "add"), RULES_WITH_80, 9, LEDGER_HISTORY_LOST, false, LEDGER_STORE,
                  NULL },
                { CHANGING(ENTRY("ours", "3", ""), "remove"), RULES_WITH_80, 9, LEDGER_HISTORY_LOST, false,
                  LEDGER_STORE, NULL },
                /* There is nothing to remove. */
                { CHANGING(ENTRY("ours", "3", ""), "remove"), RULES_NEW, 7, LEDGER_HISTORY_UNASKED, false, LEDGER_STORE,
                  NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                LedgerPlan plan;

                run(&cases[i], NULL, &plan);
                if (plan.step != cases[i].step)
                        fail_msg("%zu: step %d", i, (int) plan.step);
                assert_int_equal(plan.uncertain, cases[i].history == LEDGER_HISTORY_LOST);
                if (cases[i].text)
                        assert_string_equal(plan.text, cases[i].text);
                else
                        assert_null(plan.text);
                free(plan.text);
        }
}

/* A change that another version of this program began: its hash is corrected before it is made. */
static void test_other_version(_unused_ void **state) {
        const Case c = { CHANGING(ENTRY("theirs", "0", "\"node1/aa\""), "add"), RULES_NEW, 7, LEDGER_HISTORY_UNASKED,
                         true, LEDGER_STORE, NULL };
        Case next = c;
        LedgerPlan plan, edit;

        run(&c, NULL, &plan);
        assert_int_equal(plan.step, LEDGER_STORE);
        next.ledger = plan.text;
        run(&next, NULL, &edit);
        assert_int_equal(edit.step, LEDGER_EDIT);
        assert_non_null(strstr(edit.text, HTTP));
        free(plan.text);
        free(edit.text);
}

static void test_given_up(_unused_ void **state) {
        const Case c = { LEDGER(ENTRY("theirs", "0", "\"node1/aa\",\"node2/bb\"")), RULES_WITH_80, 5,
                         LEDGER_HISTORY_UNASKED, true, LEDGER_STORE, NULL };
        LedgerPlan plan;

        run(&c, only_node1, &plan);
        assert_int_equal(plan.step, LEDGER_STORE);
        assert_string_equal(plan.text, LEDGER(ENTRY("theirs", "0", "\"node1/aa\"")));
        free(plan.text);
}

static void test_own_names(_unused_ void **state) {
        static const char *const good[] = { "calico-exposed-tcp-80", "calico-exposed-udp-8000-8010",
                                            "calico-exposed-sctp-1-from-0123456789abcdef",
                                            "calico-exposed-tcp-1-2-from-0123456789abcdef" };
        static const char *const bad[] = { "calico-exposed", "calico-exposed-", "calico-exposed-tcp",
                "calico-exposed-tcp-",
                                           "calico-exposed-icmp-80", "calico-exposed-tcp-80x", "calico-exposed-tcp-80-",
                                           "calico-exposed-tcp-123456", "calico-exposed-tcp-80-from-",
                                           "calico-exposed-tcp-80-from-0123456789abcde",
                                           "calico-exposed-tcp-80-from-0123456789abcdef0", "web", "" };
        char buffer[OWN_NAME_SIZE];
        Prefix from[2];

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_true(own_profile_is(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (own_profile_is(bad[i]))
                        fail_msg("%s", bad[i]);
        assert_int_equal(prefix_parse("10.0.0.0/8", &from[0]), 0);
        assert_int_equal(prefix_parse("2001:db8::/32", &from[1]), 0);
        assert_string_equal(own_profile_name(PROTOCOL_TCP, (PortRange) { 80, 80 }, NULL, 0, buffer),
                            "calico-exposed-tcp-80");
        assert_string_equal(own_profile_name(PROTOCOL_UDP, (PortRange) { 1, 65535 }, NULL, 0, buffer),
                            "calico-exposed-udp-1-65535");
        /* The same over versions and machines. */
        assert_string_equal(own_profile_name(PROTOCOL_TCP, (PortRange) { 80, 80 }, from, 1, buffer),
                            "calico-exposed-tcp-80-from-31c64942c558df0f");
        own_profile_name(PROTOCOL_SCTP, (PortRange) { 10000, 20000 }, from, 2, buffer);
        assert_true(own_profile_is(buffer));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),     cmocka_unit_test(test_steps),     cmocka_unit_test(test_other_version),
                cmocka_unit_test(test_given_up), cmocka_unit_test(test_own_names),
        };

        return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
