/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "daemon/model/protocol.h"

/* What the configuration permits: DESIGN.md section 7, [Expose]. */
typedef struct Policy {
        PortRange *ports; /* host ports that may be claimed */
        size_t n_ports, ports_capacity;
        PortRange *reserved; /* and those of them that may not */
        size_t n_reserved, reserved_capacity;
        Prefix *addresses; /* of the host, on which exposures are made; none: all */
        size_t n_addresses, addresses_capacity;
        char **interfaces; /* on which traffic may arrive where the label names none; none: all */
        size_t n_interfaces, interfaces_capacity;
        bool honor_image_labels;
        bool localhost; /* 127.0.0.1 on the host reaches exposures */
} Policy;

void policy_done(Policy *policy);

bool policy_permits_ports(const Policy *policy, PortRange ports);
/* The first reserved port of the range, or 0. */
uint16_t policy_find_reserved(const Policy *policy, PortRange ports);
/* AF_UNSPEC and the addresses 0.0.0.0 and :: stand for all: they are permitted, and mean those that are. */
bool policy_permits_address(const Policy *policy, const Address *address);
