/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/calico/ledger.h"
#include "tests/fuzz/fuzz.h"

/* A ledger that was read is written in one way only, and whatever it says, a host goes on from there. */

#define RULES "{\"id\": \"web\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"web\"}], \"outbound_rules\": []}"

static void check_ledger(const Ledger *ledger) {
        for (size_t i = 0; i < ledger->n_entries; i++) {
                const LedgerEntry *entry = &ledger->entries[i];

                CHECK(entry->owner < _LEDGER_OWNER_MAX);
                CHECK(entry->rule.ports.first >= 1 && entry->rule.ports.first <= entry->rule.ports.last);
                CHECK(i == 0 || profile_rule_compare(&ledger->entries[i - 1].rule, &entry->rule) < 0);
                for (size_t k = 0; k < entry->n_holders; k++)
                        CHECK(strchr(entry->holders[k], '/') && (k == 0 || strcmp(entry->holders[k - 1], entry->holders[k]) < 0));
        }
}

static bool nobody_is_gone(void *userdata _unused_, const char *host _unused_) {
        return false;
}

/* One step of a host that needs a rule, with a profile that a person made. */
static void plan(Ledger *ledger) {
        char holder[] = "node1/e1";
        const LedgerNeed need = { { .protocol = PROTOCOL_TCP, .ports = { 80, 80 } }, holder };
        const LedgerInput input = {
                .host = "node1",
                .needs = &need,
                .n_needs = 1,
                .is_gone = nobody_is_gone,
                .ledger_index = 7,
                .text = RULES,
                .index = 5,
                .history = LEDGER_HISTORY_LOST,
        };
        LedgerPlan plan = {};

        CHECK(ledger_plan(ledger, &input, &plan) == 0);
        CHECK(plan.step == LEDGER_STORE || plan.step == LEDGER_EDIT || plan.step == LEDGER_DONE);
        CHECK(plan.step != LEDGER_EDIT || plan.text);
        check_ledger(ledger);
        free(plan.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = fuzz_text(data, size), *first, *second;
        Ledger ledger, again;
        int r = ledger_decode(text, strlen(text), &ledger);

        free(text);
        CHECK(r == 0 || r == -EBADMSG);
        if (r < 0)
                return 0;
        check_ledger(&ledger);
        first = fuzz_must(ledger_encode(&ledger));
        CHECK(ledger_decode(first, strlen(first), &again) == 0);
        second = fuzz_must(ledger_encode(&again));
        CHECK(strcmp(first, second) == 0);
        plan(&again);
        ledger_done(&ledger);
        ledger_done(&again);
        free(first);
        free(second);
        return 0;
}
