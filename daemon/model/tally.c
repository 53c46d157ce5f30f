/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/tally.h"

static bool is_counted_before(Record *const *others, size_t at, const Claim *claim) {
        if (!others[at]->labels.balance)
                return false;
        for (size_t i = 0; i < at; i++)
                for (size_t k = 0; k < others[i]->n_claims && others[i]->labels.balance; k++)
                        if (others[i]->claims[k].state == CLAIM_EXPOSED &&
                            entry_same_host_side(&others[i]->claims[k].entry, &claim->entry))
                                return true;
        return false;
}

Tally tally_of(Record *const *others, size_t at) {
        const Record *record = others[at];
        Tally tally = {};

        for (size_t i = 0; i < record->n_claims; i++) {
                const Claim *claim = &record->claims[i];

                tally.claims[claim->state]++;
                if (record->waiting == REASON_NONE && !claim->refused && !claim->holds)
                        tally.newcomers[protocol_index(claim->entry.protocol)]++;
                tally.host_port_waits += claim->reason == REASON_HOST_PORT;
                if (claim->state != CLAIM_EXPOSED)
                        continue;
                tally.containers = 1;
                if (!is_counted_before(others, at, claim))
                        tally.ports += port_range_count(claim->entry.host_ports);
        }
        return tally;
}

unsigned tally_newcomers(const Tally *tally) {
        unsigned n = 0;

        for (size_t i = 0; i < PROTOCOLS; i++)
                n += tally->newcomers[i];
        return n;
}

void tally_add(Tally *sum, const Tally *tally) {
        for (size_t i = 0; i < _CLAIM_STATE_MAX; i++)
                sum->claims[i] += tally->claims[i];
        sum->containers += tally->containers;
        sum->ports += tally->ports;
        for (size_t i = 0; i < PROTOCOLS; i++)
                sum->newcomers[i] += tally->newcomers[i];
        sum->host_port_waits += tally->host_port_waits;
}

void tally_subtract(Tally *sum, const Tally *tally) {
        for (size_t i = 0; i < _CLAIM_STATE_MAX; i++)
                sum->claims[i] -= tally->claims[i];
        sum->containers -= tally->containers;
        sum->ports -= tally->ports;
        for (size_t i = 0; i < PROTOCOLS; i++)
                sum->newcomers[i] -= tally->newcomers[i];
        sum->host_port_waits -= tally->host_port_waits;
}
