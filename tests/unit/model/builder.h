/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/container.h"
#include "daemon/model/policy.h"

/* All ports, all addresses, 127.0.0.1; what comes with images is ignored. */
extern const Policy open_policy;

/* A running container: its ID is the number in 64 hex digits, its name "c<number>", created at that second, with the
 * label calico.expose (NULL: none) and no network. Never NULL. */
Container *build_container(unsigned number, const char *expose);

/* Adds a label behind the others. */
void build_label(Container *container, const char *key, const char *value);

/* Adds a network with that name and those addresses ("" for none); with a gateway if it may hold the default route. */
void build_network(Container *container, const char *name, const char *ipv4, const char *ipv6, bool gateway);

/* The usual one: on network "bridge", at 172.17.x.y with x.y made of the number, and fd00:d0c::<number>. */
Container *build_on_bridge(unsigned number, const char *expose);

Address build_address(const char *text);
