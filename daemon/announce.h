/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/model.h"
#include "daemon/profile-rules.h"

/* Says in the journal what became of the claims since the last call: each change once. Forgets the departed. */
void announce_changes(Model *model);

/* Says what became of the rule that an exposed claim needs in Calico's datastore. */
void announce_rule(const Record *record, const ClaimRule *rule);
/* Somebody else's program cannot read it. */
void announce_rule_trouble(const Record *record, const ClaimRule *rule);
