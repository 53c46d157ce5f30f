/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/net/known.h"
#include "daemon/net/netlink.h"
#include "daemon/net/paths.h"

/* Looks up many paths in few questions: the routes together, then the interfaces that are not known. */

/* As paths_find_many(). links: what need not be asked; what was asked is added. */
int finder_find(Netlink *netlink, KnownLinks *links, const Address *addresses, size_t n, PathAnswer *answers);
