/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/macros.h"
#include "daemon/nft/nft.h"

/* The loop, and the only sequencer: what Docker and the kernel report marks what is dirty, and one deferred pass makes
 * the kernel right. */
typedef struct Manager Manager;

typedef struct ManagerOptions {
        const char *docker_socket;
        RulesetOptions ruleset;
} ManagerOptions;

/* Opens all it needs, and takes over what systemd kept; the options are copied. Returns 0 or a negative errno, after
 * saying in the log what is missing. */
int manager_new(const ManagerOptions *options, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager, manager_free)

/* Runs until SIGTERM or SIGINT; returns 0, or a negative errno. On the way out what is in the kernel is taken away,
 * unless this is the first half of a restart. */
int manager_run(Manager *manager);
