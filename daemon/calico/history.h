/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/etcd.h"
#include "daemon/calico/ledger.h"

/* What was written to a profile's rules, as far as it was asked for. */
typedef struct History {
        LedgerHistory state;
        uint64_t asked;      /* after this index */
        LedgerEvent *events; /* texts from malloc() */
        size_t n_events, capacity;
} History;

/* Forgets all. */
void history_clear(History *history);
/* Adds what a watch told. Returns 0 or -ENOMEM. */
int history_add(History *history, const EtcdAnswer *answer);
void history_done(History *history);
