/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/config-calico.h"
#include "daemon/model/model.h"

/* What the model's exposures need of Calico's datastore, a rule for each claim that is exposed at an address of Calico's,
 * and what became of it. No I/O. */

/* What the claim needs; false if nothing. Points into the record. */
bool profile_rule_need(const Record *record, const Claim *claim, CalicoNeed *ret);

/* What the model is to know of an endpoint; NULL if there is no memory. */
Attachment *profile_rule_attachment(const CalicoEndpoint *endpoint);

/* Points into the configuration. */
CalicoOptions profile_rule_options(const CalicoConfig *config);

typedef struct ClaimRule {
        char container[CONTAINER_ID_SIZE + 1];
        size_t claim; /* its number in the record */
        CalicoNeed need; /* points into the next three */
        char *endpoint, *wanted;
        Prefix *from;
        uint64_t since;  /* when it was needed first, or ceased to be in place; CLOCK_MONOTONIC */
        CalicoState state;
        char *profile;
        char *reason;
        const char *warning;
        bool news;   /* state or reason were not announced yet */
        bool warned;
} ClaimRule;

typedef struct ClaimRules {
        ClaimRule *items; /* by container and claim */
        size_t count, capacity;
} ClaimRules;

/* Returns 0 or -ENOMEM. */
int claim_rules_collect(const Model *model, uint64_t now, ClaimRules *ret);
void claim_rules_done(ClaimRules *rules);
/* Those that are in both, with the same need, are as they were: what became of them is moved to `rules`. Returns true
 * if both have the same needs. */
bool claim_rules_carry_over(ClaimRules *rules, ClaimRules *old);
/* Returns true if state or reason is another one now; where there is no memory for the texts they are empty. */
bool claim_rule_set(ClaimRule *rule, const CalicoOutcome *outcome, uint64_t now);
