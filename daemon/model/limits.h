/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"

/* Who may use an exposure: calico.expose.from and calico.expose.interface. */

#define LIMITS_FROM_MAX 64
#define LIMITS_INTERFACES_MAX 16

typedef struct Limits {
        Prefix *from; /* sorted, none inside another; none at all: everywhere */
        size_t n_from;
        char **interfaces; /* sorted, each once; none: all. "lo" is the host's own traffic */
        size_t n_interfaces;
} Limits;

void limits_done(Limits *limits);

static inline bool limits_are_set(const Limits *limits) {
        return limits->n_from > 0 || limits->n_interfaces > 0;
}

bool limits_equal(const Limits *a, const Limits *b);

/* Read the value of the label: items between commas, blanks around them allowed. They return NULL, or what was
 * expected, in words; limits_no_memory where there is none. Nothing is added on failure. */
const char *limits_parse_from(Limits *limits, const char *value);
const char *limits_parse_interfaces(Limits *limits, const char *value);
extern const char limits_no_memory[];

/* Adds interfaces one by one: those of the configuration. Returns 0 or -ENOMEM. */
int limits_set_interfaces(Limits *limits, char *const *interfaces, size_t n_interfaces);

/* A name that Linux would give an interface: 1 to 15 bytes, printable, no blank, slash, colon or comma. */
bool limits_interface_is_valid(const char *name);

/* What identifies equal limits: their chain's name is made of it. */
uint64_t limits_hash(const Limits *limits);

/* The host's own traffic is among the interfaces: "lo". */
bool limits_include_local(const Limits *limits);
