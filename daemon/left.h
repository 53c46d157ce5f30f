/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/element.h"
#include "daemon/model/names.h"

/* What must be undone beside the table, written down while the table still says it: systemd may close the socket that
 * owns it before anybody could act. A line for each interface, and for each exposure whose flows are to be deleted. */
#define LEFT_PATH "/run/calico-exposed/left"

/* Replaces the file. actual: what stands in the table, sorted. Returns 0 or a negative errno. */
int left_save(const char *path, const Elements *actual);

/* Reads ELEMENT_LOCALNET, ELEMENT_HAIRPIN_PORT and ELEMENT_WITHDRAWN, sorted; lines that are none are passed over. Names
 * are taken from the pool. Returns 0, -ENOENT if there is no file, or another negative errno. */
int left_load(const char *path, Names *names, Elements *ret);
