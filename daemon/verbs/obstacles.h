/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/net/xtables.h"
#include "daemon/nft/forward.h"
#include "daemon/survey.h"

/* What else on this host keeps packets from an exposed container: forwarding, other firewalls. */

#define OBSTACLE_SIZE 640
#define OBSTACLES_MAX 16

typedef struct Obstacle {
        bool certain; /* else it depends on rules that are not understood here */
        char what[OBSTACLE_SIZE];
        char remedy[OBSTACLE_SIZE];
} Obstacle;

typedef struct Obstacles {
        Obstacle items[OBSTACLES_MAX];
        size_t count;
        bool incomplete; /* other tables could not be read */
} Obstacles;

/* use: which families the container is reached by, as SURVEY_FAMILIES. */
void obstacles_find(const Survey *survey, const bool use[static SURVEY_FAMILIES], Obstacles *ret);

/* What one chain of another table is, or the chain FORWARD of iptables-legacy: false if it is none. Pure. */
bool obstacle_of_chain(const ForwardChain *chain, const RulesetOptions *options, Obstacle *ret);
bool obstacle_of_legacy(size_t family, const XtablesForward *forward, const RulesetOptions *options, Obstacle *ret);
