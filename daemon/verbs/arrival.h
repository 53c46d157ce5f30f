/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/verbs/obstacles.h"

/* Why nothing can arrive at a container that is exposed all the same: where it is, and what its labels name, is not of
 * this host, or not now. */

/* Appends what is in the way of those of its claims that are exposed. pid: as obstacles_find(). */
void arrival_find(const Survey *survey, const Record *record, int32_t pid, Obstacles *obstacles);

/* This host has no direct route to the container's address of that family: false if it has one, or was not asked. */
bool obstacle_of_path(const Record *record, uint8_t family, Obstacle *ret);

/* The interface to the container's address of that family is the parent of the container's own, a macvlan: the caller has
 * seen it. */
void obstacle_of_parent(const Record *record, uint8_t family, Obstacle *ret);

/* By the container's own routes, who is outside gets no answer. */
bool obstacle_of_routes(const Record *record, uint8_t family, Routes routes, Obstacle *ret);

/* This host does not have that address, on which an entry is to be exposed. AF_UNSPEC, all of them, is no obstacle. */
bool obstacle_of_address(const Record *record, const Address *address, Obstacle *ret);

/* An interface, on which alone what is for the container may arrive, is not there. by_label: the container's label names
 * it, else the configuration. certain: none of them is there. */
void obstacle_of_interface(const Record *record, const char *interface, bool by_label, bool certain, Obstacle *ret);
