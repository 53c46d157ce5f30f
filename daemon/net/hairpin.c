/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/hairpin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "daemon/net/rtnl.h"

static int wish_compare(const void *key, const void *item) {
        const HairpinWish *a = key, *b = item;

        if (a->bridge != b->bridge)
                return a->bridge < b->bridge ? -1 : 1;
        return memcmp(a->mac, b->mac, MAC_SIZE);
}

static size_t hairpins_place(const Hairpins *hairpins, const HairpinWish *key) {
        return array_lower_bound(key, hairpins->items, hairpins->count, sizeof(*key), wish_compare);
}

static HairpinWish wish_key(unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        HairpinWish key = { .bridge = bridge };

        memcpy(key.mac, mac, MAC_SIZE);
        return key;
}

HairpinWish *hairpins_find(const Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        HairpinWish key = wish_key(bridge, mac);
        size_t place = hairpins_place(hairpins, &key);

        if (place >= hairpins->count || wish_compare(&key, &hairpins->items[place]) != 0)
                return NULL;
        return &hairpins->items[place];
}

int hairpins_add(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE], const Address *address) {
        HairpinWish key = wish_key(bridge, mac);
        HairpinWish *wish = hairpins_find(hairpins, bridge, mac);

        if (!wish) {
                size_t place = hairpins_place(hairpins, &key);
                int r;

                r = array_insert_gap(&hairpins->items, &hairpins->count, &hairpins->capacity, place, sizeof(key));
                if (r < 0)
                        return r;
                wish = &hairpins->items[place];
                *wish = key;
        }
        *(address->family == AF_INET ? &wish->ipv4 : &wish->ipv6) = *address;
        wish->marked = true;
        wish->doubted = false;
        return 0;
}

void hairpins_remove(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        HairpinWish *wish = hairpins_find(hairpins, bridge, mac);

        if (wish)
                array_remove(&hairpins->items, &hairpins->count, (size_t) (wish - hairpins->items), sizeof(*wish));
}

void hairpins_doubt_all(Hairpins *hairpins) {
        for (size_t i = 0; i < hairpins->count; i++)
                hairpins->items[i].doubted = true;
}

void hairpins_confirm(Hairpins *hairpins, unsigned bridge, const uint8_t mac[static MAC_SIZE]) {
        HairpinWish *wish = hairpins_find(hairpins, bridge, mac);

        if (wish)
                wish->doubted = false;
}

void hairpins_remove_doubted(Hairpins *hairpins) {
        size_t kept = 0;

        for (size_t i = 0; i < hairpins->count; i++)
                if (!hairpins->items[i].doubted)
                        hairpins->items[kept++] = hairpins->items[i];
        hairpins->count = kept;
}

void hairpins_done(Hairpins *hairpins) {
        free(hairpins->items);
        *hairpins = (Hairpins) {};
}

HairpinWish *hairpins_marked(const Hairpins *hairpins) {
        for (size_t i = 0; i < hairpins->count; i++)
                if (hairpins->items[i].marked)
                        return &hairpins->items[i];
        return NULL;
}

bool hairpins_mark_all(Hairpins *hairpins) {
        for (size_t i = 0; i < hairpins->count; i++)
                hairpins->items[i].marked = true;
        return hairpins->count > 0;
}

bool hairpins_mark_failed(Hairpins *hairpins) {
        bool marked = false;

        for (size_t i = 0; i < hairpins->count; i++)
                if (hairpins->items[i].error < 0)
                        hairpins->items[i].marked = marked = true;
        return marked;
}

bool hairpins_mark_port(Hairpins *hairpins, unsigned bridge, unsigned port) {
        bool marked = false;

        for (size_t i = 0; i < hairpins->count; i++) {
                HairpinWish *wish = &hairpins->items[i];

                if (wish->bridge == bridge && (wish->port == 0 || wish->port == port))
                        wish->marked = marked = true;
        }
        return marked;
}

void hairpins_lose_port(Hairpins *hairpins, unsigned port) {
        for (size_t i = 0; i < hairpins->count; i++)
                if (hairpins->items[i].port == port)
                        hairpins->items[i].port = 0;
}

/* Where the MAC is: as the forwarding table says, or, where its entry has aged, where it was before. */
static int wish_find_port(Netlink *netlink, HairpinWish *wish) {
        unsigned port;
        int r = rtnl_find_port(netlink, wish->bridge, wish->mac, &port);

        if (r >= 0)
                wish->port = port;
        return r == -ENOENT && wish->port != 0 ? 0 : r;
}

static int wish_switch_port(Netlink *netlink, const HairpinWish *wish, char ret_port[static IF_NAMESIZE]) {
        Link port;
        int r;

        r = rtnl_get_link(netlink, wish->port, NULL, &port);
        if (r < 0)
                return r;
        if (port.master != wish->bridge)
                return -ENODEV;
        if (port.hairpin)
                return 0;
        memcpy(ret_port, port.name, IF_NAMESIZE);
        r = rtnl_set_hairpin(netlink, wish->port, true);
        return r < 0 ? r : 1;
}

/* By both families: one may not be up yet (duplicate address detection), or switched off on the bridge. */
static int wish_ask(Netlink *netlink, const HairpinWish *wish) {
        int r4 = -ENOENT, r6 = -ENOENT;

        if (address_is_set(&wish->ipv4))
                r4 = rtnl_probe_neighbour(netlink, wish->bridge, &wish->ipv4, wish->mac);
        if (address_is_set(&wish->ipv6))
                r6 = rtnl_probe_neighbour(netlink, wish->bridge, &wish->ipv6, wish->mac);
        return r4 >= 0 || r6 >= 0 ? 0 : address_is_set(&wish->ipv4) ? r4 : r6;
}

int hairpin_fulfil(Netlink *netlink, HairpinWish *wish, char ret_port[static IF_NAMESIZE]) {
        int r;

        wish->marked = false;
        ret_port[0] = '\0';
        r = wish_find_port(netlink, wish);
        if (r >= 0)
                r = wish_switch_port(netlink, wish, ret_port);
        else if (r == -ENOENT)
                r = wish_ask(netlink, wish);
        wish->error = r < 0 && r != -ENODEV ? r : 0;
        if (r != -ENODEV)
                return r;

        /* The bridge is gone, or the port is: then the container may be at another, so look again. */
        wish->marked = wish->port != 0;
        wish->port = 0;
        return 0;
}
