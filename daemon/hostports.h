/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/hostport.h"

/* What the host's own processes listen on, docker-proxy's among them, as the model wants it, and behind that what Docker
 * published: without docker-proxy nobody listens there. *ret is an array of *ret_count, to be freed; its order is
 * undefined. protocols: as protocol_bit(); processes that use another are left out. Returns 0 or negative errno. */
int hostports_read(unsigned protocols, const HostPort *published, size_t n_published, HostPort **ret,
                   size_t *ret_count);
