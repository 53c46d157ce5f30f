/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/links.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"

static bool localnet_is_ours(const Model *model, const char *ifname) {
        const Elements *actual = model_actual(model);

        for (size_t i = 0; i < actual->count; i++)
                if (actual->items[i].kind == ELEMENT_LOCALNET && strcmp(actual->items[i].name, ifname) == 0)
                        return true;
        return false;
}

/* Where somebody else switched it on, it is theirs, and stays when we go. */
static bool may_set_localnet(const Model *model, Paths *paths, const char *ifname) {
        bool on;

        return localnet_is_ours(model, ifname) || (paths_get_localnet(paths, ifname, &on) >= 0 && !on);
}

static void find_path(const Model *model, Paths *paths, const Record *record, const Address *address, bool localhost,
                      RecordPath *path) {
        Path found;

        if (!address_is_set(address) || path->asked)
                return;
        *path = (RecordPath) { .asked = true };
        if (paths_find(paths, address, &found) < 0)
                return;
        path->known = true;
        path->neighbours = found.neighbours;
        strcpy(path->ifname, found.ifname);
        path->ifindex = found.ifindex;
        path->localnet = localhost && address->family == AF_INET && may_set_localnet(model, paths, found.ifname);
        if (found.bridge && paths_want_hairpin(paths, found.ifindex, record->network->mac, address) < 0)
                log_line(LOG_WARNING, "No memory to find the bridge port of %s", record->name);
}

void links_find_paths(Model *model, Paths *paths, bool localhost) {
        size_t n;
        Record *const *records = model_records(model, &n);

        for (size_t i = 0; i < n; i++) {
                find_path(model, paths, records[i], &records[i]->ipv4, localhost, &records[i]->path4);
                find_path(model, paths, records[i], &records[i]->ipv6, localhost, &records[i]->path6);
        }
}

static bool forget_path(const Prefix *prefix, const Address *address, RecordPath *path) {
        if (!address_is_set(address) || (address_is_set(&prefix->address) && !prefix_contains(prefix, address)))
                return false;
        path->asked = false;
        return true;
}

bool links_forget_paths(Model *model, const Prefix *prefix) {
        size_t n;
        Record *const *records = model_records(model, &n);
        bool any = false;

        for (size_t i = 0; i < n; i++) {
                any |= forget_path(prefix, &records[i]->ipv4, &records[i]->path4);
                any |= forget_path(prefix, &records[i]->ipv6, &records[i]->path6);
        }
        return any;
}

void links_forget_departed(Model *model, Paths *paths) {
        size_t n;
        Record *const *records = model_departed(model, &n);

        for (size_t i = 0; i < n; i++) {
                const RecordPath *path = records[i]->path4.known ? &records[i]->path4 : &records[i]->path6;

                if (path->known && records[i]->network)
                        paths_forget_hairpin(paths, path->ifindex, records[i]->network->mac);
                /* Once: the container may be back, with a wish of its own, when this is tried again. */
                records[i]->path4.known = records[i]->path6.known = false;
        }
}

int links_adopt_hairpin_ports(Model *model, Paths *paths) {
        const Elements *actual = model_actual(model);
        int r = 0;

        for (size_t i = 0; i < actual->count && r >= 0; i++)
                if (actual->items[i].kind == ELEMENT_HAIRPIN_PORT && paths_link_exists(paths, actual->items[i].name))
                        r = model_add_hairpin_port(model, actual->items[i].name);
        return r;
}

void links_set_localnet(const Elements *elements, Paths *paths, bool on) {
        for (size_t i = 0; i < elements->count; i++) {
                const Element *element = &elements->items[i];
                int r;

                if (element->kind != ELEMENT_LOCALNET)
                        continue;
                r = paths_set_localnet(paths, element->name, on);
                if (r < 0 && r != -ENODEV)
                        log_line(LOG_WARNING, "Cannot switch route_localnet %s on %s: %s", on ? "on" : "off",
                                 element->name, strerror(-r));
        }
}

void links_restore(const Elements *actual, Paths *paths) {
        links_set_localnet(actual, paths, false);
        for (size_t i = 0; i < actual->count; i++)
                if (actual->items[i].kind == ELEMENT_HAIRPIN_PORT)
                        (void) paths_set_hairpin(paths, actual->items[i].name, false);
}
