/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/policy.h"

#include <stdlib.h>

#include "common/macros.h"

void policy_done(Policy *policy) {
        for (size_t i = 0; i < policy->n_interfaces; i++)
                free(policy->interfaces[i]);
        free(policy->interfaces);
        free(policy->ports);
        free(policy->reserved);
        free(policy->addresses);
        *policy = (Policy) {};
}

/* The permitted ranges may touch and overlap: step from one into the next. */
bool policy_permits_ports(const Policy *policy, PortRange ports) {
        unsigned next = ports.first;
        bool moved = true;

        while (next <= ports.last && moved) {
                moved = false;
                for (size_t i = 0; i < policy->n_ports; i++)
                        if (policy->ports[i].first <= next && next <= policy->ports[i].last) {
                                next = policy->ports[i].last + 1u;
                                moved = true;
                        }
        }
        return next > ports.last;
}

uint16_t policy_find_reserved(const Policy *policy, PortRange ports) {
        uint16_t first = 0;

        for (size_t i = 0; i < policy->n_reserved; i++) {
                PortRange reserved = policy->reserved[i];

                if (reserved.first <= ports.last && ports.first <= reserved.last) {
                        uint16_t port = MAX(reserved.first, ports.first);

                        first = first == 0 ? port : MIN(first, port);
                }
        }
        return first;
}

bool policy_permits_address(const Policy *policy, const Address *address) {
        if (policy->n_addresses == 0 || !address_is_set(address))
                return true;
        for (size_t i = 0; i < policy->n_addresses; i++)
                if (prefix_contains(&policy->addresses[i], address))
                        return true;
        return false;
}
