/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/hostport.h"

/* What the host's own processes listen on, docker-proxy's among them, as the model wants it. *ret is an array of
 * *ret_count, to be freed; its order is undefined. Returns 0 or negative errno. */
int hostports_read(HostPort **ret, size_t *ret_count);
