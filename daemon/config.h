/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/macros.h"
#include "daemon/config-calico.h"
#include "daemon/model/policy.h"
#include "daemon/nft/nft.h"

/* /etc/calico-exposed/calico-exposed.conf: an INI file, read with libinih. */
#define CONFIG_PATH "/etc/calico-exposed/calico-exposed.conf"
#define CONFIG_LIST_MAX 256 /* values in one list */

typedef struct Config {
        char *docker_socket;
        Policy policy;
        RulesetOptions ruleset;
        CalicoConfig calico;
} Config;

#define CONFIG_ERROR_SIZE 512

/* Reads the file; with none there, the defaults. A key or section that is not known is warned about in the log, with
 * the nearest that is. Returns 0, -ENOMEM, -errno if the file cannot be read, or -EINVAL for a bad value: then `error`
 * says file, line, key, and what was expected. */
int config_load(const char *path, Config **ret, char error[static CONFIG_ERROR_SIZE]);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config, config_free)
