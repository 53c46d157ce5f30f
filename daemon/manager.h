/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/macros.h"
#include "daemon/service.h"

/* The loop, and the only sequencer: what Docker and the kernel report marks what is dirty, and one deferred pass makes
 * the kernel right. */
typedef struct Manager Manager;

/* Reads the configuration, opens all that is needed, and takes over store->nft. config_path stays the caller's.
 * Returns 0, MANAGER_BAD_CONFIG, or a negative errno, after saying in the log what is wrong. */
#define MANAGER_BAD_CONFIG 1
int manager_new(const char *config_path, const ServiceStore *store, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager, manager_free)

/* Runs until SIGTERM or SIGINT; SIGHUP reads the configuration again. Returns 0, or a negative errno. On the
 * way out what is in the kernel is taken away, if the unit is being stopped for good. */
int manager_run(Manager *manager);
