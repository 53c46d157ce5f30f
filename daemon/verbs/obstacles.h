/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/net/xtables.h"
#include "daemon/nft/forward.h"
#include "daemon/survey.h"
#include "daemon/verbs/inside.h"

/* What else keeps packets from an exposed container: where it is (arrival.h), forwarding, other firewalls, nobody who
 * listens in it. */

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

/* pid: of the container's first process; 0: it has none that is known. */
void obstacles_find(const Survey *survey, const Record *record, int32_t pid, Obstacles *ret);

/* What one chain of another table is, the container's own port, or the chain FORWARD of iptables-legacy: false if it is
 * none. Pure. */
bool obstacle_of_chain(const ForwardChain *chain, const RulesetOptions *options, Obstacle *ret);
bool obstacle_of_inside(const Record *record, const Entry *entry, Inside inside, Obstacle *ret);
bool obstacle_of_legacy(size_t family, const XtablesForward *forward, const RulesetOptions *options, Obstacle *ret);
