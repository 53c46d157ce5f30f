/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/service.h"

/* What fails again and again is tried again, but more and more slowly; and what is exposed does not stay for ever without
 * a daemon that follows the containers: after half a minute of failures it is withdrawn, by store->nft, which is -1 then.
 * Blocks SIGTERM and SIGINT where it waits. Returns false if one of them came: the process shall end. */
bool restraint_allows_start(ServiceStore *store);
