/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "daemon/model/container.h"
#include "daemon/net/netlink.h"

/* The bridge ports that shall be in hairpin mode: a list of wishes, by bridge and MAC. A wish stays until it is
 * forgotten; what happens on the bridge only marks it, and marked ones are looked at again. */

typedef struct HairpinWish {
        unsigned bridge;
        uint8_t mac[MAC_SIZE];
        Address ipv4, ipv6; /* whom to ask for, so that the MAC speaks; one may be AF_UNSPEC */
        unsigned port;   /* 0: not found yet */
        bool marked;
        bool doubted; /* see hairpins_doubt_all() */
        int error; /* of the last look: 0 or negative errno */
} HairpinWish;

/* Sorted by bridge, then MAC. */
typedef struct Hairpins {
        HairpinWish *items;
        size_t count;
        size_t capacity;
} Hairpins;

/* Adds a wish or renews its address of that family; it is marked. Returns 0 or -ENOMEM. */
int hairpins_add(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE], const Address *address);
void hairpins_remove(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]);
void hairpins_done(Hairpins *hairpins);

/* Who may have changed a wish's reasons unheard doubts all, confirms those that still have one, and removes the others. */
void hairpins_doubt_all(Hairpins *hairpins);
void hairpins_confirm(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]);
void hairpins_remove_doubted(Hairpins *hairpins);

/* NULL if there is no such wish. */
HairpinWish *hairpins_find(const Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]);
/* The first that is marked, or NULL. */
HairpinWish *hairpins_marked(const Hairpins *hairpins);

/* Each returns whether any is marked now that has to be looked at. */
bool hairpins_mark_all(Hairpins *hairpins);
bool hairpins_mark_failed(Hairpins *hairpins);
/* A port of that bridge changed or came: the wish it fulfils, and those without a port. */
bool hairpins_mark_port(Hairpins *hairpins, unsigned bridge, unsigned port);
/* A port went; its wish waits for another, which its own arrival marks. */
void hairpins_lose_port(Hairpins *hairpins, unsigned port);

/* Looks for the wish's port and switches it, or has the kernel ask for its address if it is not known; takes the mark
 * away and notes the error. Returns 1 if the port was switched, 0 if there was nothing to switch (or nothing yet), or
 * negative errno. ret_port is set always: the port that was or could not be switched, or "". */
int hairpin_fulfil(Netlink *netlink, HairpinWish *wish, char ret_port[static IF_NAMESIZE]);
