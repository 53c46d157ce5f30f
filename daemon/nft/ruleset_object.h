/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/nft/nft.h"
#include "daemon/nft/rule.h"

/* The rules of an object's chain, which follow from its name; of any other chain none. */
void object_write_rules(RuleWriter *writer, const RulesetOptions *options, const char *chain);
