/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/protocol.h"

/* One thing in the table `inet calico-exposed` that depends on containers or on the configuration's lists: a map or set
 * element, or a chain with its own sets. What does not (base chains, the sets themselves) is the skeleton, which only
 * nft/ knows. The desired set, the actual set and the plan between them are sorted arrays of these.
 *
 * The kinds stand in the order in which things must be made; they are unmade in the reverse order. */
typedef enum _packed_ ElementKind {
        /* Chain profile-<name> with its sets. */
        ELEMENT_PROFILE,
        /* Member of profile `name`: connections to `address` (the container's), `protocol`, `ports` (the
         * container's) are allowed. A single port goes into the profile's hash set, a range into its interval
         * set. */
        ELEMENT_ALLOW,
        /* Chain `name` (limit_name_format()) with its sets: what may use an exposure. */
        ELEMENT_LIMIT,
        /* Sources in `prefix` may pass limit `name`. */
        ELEMENT_LIMIT_FROM,
        /* What arrives on `interface` may pass limit `name`. */
        ELEMENT_LIMIT_INTERFACE,
        /* Chain `name` (balance_name_format()) with its map: new connections go to each of its backends in turn. */
        ELEMENT_BALANCE,
        /* Backend number ports.first of balance `name`: target, and target_port (0 where a range keeps its ports). */
        ELEMENT_BACKEND,
        /* endpoint4/6: the container at `address` belongs to profile `name`. */
        ELEMENT_ENDPOINT,
        /* neighbours4/6: what goes from `prefix` to an exposed container in `prefix` must be masqueraded. */
        ELEMENT_NEIGHBOURS,
        /* hairpin4/6: the same for what the container at `address`, which has no neighbours, sends to itself. */
        ELEMENT_HAIRPIN,
        /* balanced4/6: port ports.first (== last) of the container at `address` is one backend of several: when it
         * refuses a connection, another shall be asked. */
        ELEMENT_BALANCED,
        /* localnet: route_localnet was switched on by us on interface `name`. */
        ELEMENT_LOCALNET,
        /* hairpinports: hairpin mode was switched on by us on bridge port `name`. */
        ELEMENT_HAIRPIN_PORT,
        /* addresses4/6: host addresses in `prefix` may be used at all (Addresses=). */
        ELEMENT_HOST_ADDRESS,
        /* dnat4/6: port ports.first (== last) of any local address goes to target:target_port. */
        ELEMENT_DNAT,
        /* host4/6: port ports.first (== last) of local address `address` goes to target:target_port. */
        ELEMENT_DNAT_HOST,
        /* range4/6: `ports` of `prefix` (a single host address, or length 0 for all) go to the same ports of
         * target. */
        ELEMENT_DNAT_RANGE,
        /* balance4/6: `ports` of `prefix` go to balance `name`. */
        ELEMENT_DNAT_BALANCE,
        /* limit4/6: `ports` of `prefix` must pass limit `name` before they are translated. */
        ELEMENT_DNAT_LIMIT,
        /* withdrawn4/6: `ports` of `prefix` (a single host address, or length 0 for all) went to the container at
         * `address`, the first of them to target_port, and do not any more; old flows may still. No rule looks here:
         * it is the daemon's memory. See withdrawn.h. */
        ELEMENT_WITHDRAWN,
        _ELEMENT_KIND_MAX,
} ElementKind;

typedef struct Element {
        ElementKind kind;
        uint8_t family;   /* AF_INET or AF_INET6; AF_UNSPEC where it does not apply */
        uint8_t protocol; /* a Protocol, 0 where it does not apply */
        Prefix prefix;    /* key (a bare address has its full length) */
        Address address;  /* key */
        Address target;   /* data */
        PortRange ports;  /* key; {0, 0} where it does not apply */
        uint16_t target_port; /* data */
        const char *name;     /* key, or data of ENDPOINT, DNAT_BALANCE, DNAT_LIMIT; never NULL ("" where it does not
                                 apply); not owned */
        const char *interface; /* key of ELEMENT_LIMIT_INTERFACE, NULL else; not owned */
} Element;

/* True for the kinds that send a host port to a container by themselves. */
static inline bool element_is_translation(const Element *element) {
        return element->kind == ELEMENT_DNAT || element->kind == ELEMENT_DNAT_HOST ||
               element->kind == ELEMENT_DNAT_RANGE;
}

/* Total order by kind, then key. Two elements with the same key cannot be in the kernel at the same time. */
int element_compare_key(const Element *a, const Element *b);

/* Total order by kind, key, then data; 0 if they are the same. */
int element_compare(const Element *a, const Element *b);

/* What stands in the kernel's name for a profile (chain and set names): the name itself where it is made of
 * [A-Za-z0-9_.-] and short, else a readable rest with a hash behind it, so that two names never become one.
 * `buffer` has PROFILE_NAME_SIZE bytes; returns it. */
#define PROFILE_NAME_SIZE 64
const char *element_profile_name(const char *profile, char buffer[static PROFILE_NAME_SIZE]);

/* The names of limit and balance chains say what is in them, so that the chain's rules follow from its name alone:
 * "limit-<parts>-<hash>", parts made of "f" (sources), "i" (interfaces), "l" (the host's own traffic, too);
 * "balance4-<n>-<hash>" or "balance6-...", with "r" behind n where a range keeps its ports. */
#define CHAIN_NAME_SIZE 48

typedef struct LimitName {
        bool from, interfaces, local;
        uint64_t hash;
} LimitName;

typedef struct BalanceName {
        uint8_t family;
        bool range;
        unsigned backends;
        uint64_t hash;
} BalanceName;

const char *limit_name_format(const LimitName *name, char buffer[static CHAIN_NAME_SIZE]);
const char *balance_name_format(const BalanceName *name, char buffer[static CHAIN_NAME_SIZE]);
/* The other way round; false for any text that the functions above would not write. */
bool limit_name_parse(const char *text, LimitName *ret);
bool balance_name_parse(const char *text, BalanceName *ret);

/* A growing array of elements, sorted or not as its user says. */
typedef struct Elements {
        Element *items;
        size_t count;
        size_t capacity;
} Elements;

/* Returns 0 or -ENOMEM. */
int elements_append(Elements *elements, const Element *element);
int elements_append_all(Elements *to, const Elements *from);
void elements_sort(Elements *elements);
void elements_done(Elements *elements);
