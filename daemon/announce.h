/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/model.h"

/* Says in the journal what became of the claims since the last call: each change once. Forgets the departed. */
void announce_changes(Model *model);
