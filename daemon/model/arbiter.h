/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/model/record.h"

/* Decides the state of every claim that was not refused. Who holds a host port keeps it as long as it can use it; a
 * free one goes to the claimants by record_compare_age(), then by the order of the label's entries; claimants that all
 * balance it share it. host_ports: what the host and Docker use themselves, sorted by host_port_compare(): such a port
 * is no container's, unless it holds it already. The result does not depend on the order of `records`. Sets state,
 * reason, what stands in the way, and holds. Returns 0, or -ENOMEM with nothing decided. */
int arbiter_decide(Record *const *records, size_t n_records, const HostPort *host_ports, size_t n_host_ports);
