/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/net/flow.h"

/* Reading the kernel's connection tracking at one go, for those who can wait: nothing is changed. */

/* 0, or negative errno, which ends the reading. */
typedef int (*FlowHandler)(const Flow *flow, void *userdata);

/* Calls it for each TCP, UDP and SCTP entry of both families. Needs CAP_NET_ADMIN (-EPERM). Returns 0, what the handler
 * returned, or negative errno. Entries that come and go meanwhile may be missing or there twice. */
int flows_read(FlowHandler handler, void *userdata);

/* 1 if the address is one of this host (type local, as the ruleset asks), 0 if not, or negative errno. */
int flows_address_is_local(const Address *address);
