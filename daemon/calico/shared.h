/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is kept below /calico-exposed/v1 by the daemons of all hosts: which hosts there are, and who needs what of which
 * profile. No I/O: what is told by a Tree is taken in. */

#define SHARED_ROOT "/calico-exposed/v1"

typedef struct SharedLedger {
        char *profile;
        char *text;
        bool ours;   /* names our host, or one that was given up, or was left unfinished by one: for us to look at */
        bool judged; /* `ours` holds */
} SharedLedger;

typedef struct Shared {
        char **hosts; /* sorted */
        size_t n_hosts, hosts_capacity;
        SharedLedger *ledgers; /* sorted by profile */
        size_t n_ledgers, ledgers_capacity;
        bool recheck; /* the hosts are others now: whatever was judged before does not hold */
} Shared;

/* value NULL: the key is gone. Returns the name of the profile whose ledger it is (valid as long as key), NULL if it is
 * none; *ret_error is 0 or -ENOMEM. */
const char *shared_take(Shared *shared, const char *key, const char *value, int *ret_error);
bool shared_has_host(const Shared *shared, const char *host);
/* Sets `ours` where it does not hold, and resets `recheck`. What is unfinished counts only with `recheck`: else those
 * who are at it will end it. Returns 0 or -ENOMEM. */
int shared_judge(Shared *shared, const char *host);
void shared_done(Shared *shared);
