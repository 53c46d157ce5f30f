/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"

/* How long a rule that was removed is watched for a stale write that brings it back (ledger.h): for tests. */
void calico_set_settle(Calico *calico, uint64_t microseconds);
