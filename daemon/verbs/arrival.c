/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/arrival.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/net/flows_read.h"
#include "daemon/verbs/words.h"

/* Claims */

/* It has exposed claims of that family, for more than this host's own traffic if outside is true. */
static bool is_exposed(const Record *record, uint8_t family, bool outside) {
        const Limits *limits = &record->labels.limits;

        if (outside && limits->n_interfaces == 1 && limits_include_local(limits))
                return false;
        for (size_t i = 0; i < record->n_claims; i++)
                if (record->claims[i].state == CLAIM_EXPOSED && entry_has_family(&record->claims[i].entry, family) &&
                    (!outside || !address_is_loopback(&record->claims[i].entry.host)))
                        return true;
        return false;
}

static const Address *record_address(const Record *record, uint8_t family) {
        return family == AF_INET ? &record->ipv4 : &record->ipv6;
}

static const RecordPath *record_path(const Record *record, uint8_t family) {
        return family == AF_INET ? &record->path4 : &record->path6;
}

/* The container's network */

/* Its ID is of 25 digits to base 36 (swarmkit, identity/randomid.go), that of any other network of 64 to base 16. What
 * the swarm manages and this host has no route to is an overlay. */
static bool network_is_of_swarm(const ContainerNetwork *network) {
        enum { SWARM_ID_SIZE = 25 };

        return network && network->id && strlen(network->id) == SWARM_ID_SIZE &&
               strspn(network->id, "0123456789abcdefghijklmnopqrstuvwxyz") == SWARM_ID_SIZE;
}

static void obstacle_of_overlay(const Record *record, const char *address, Obstacle *obstacle) {
        snprintf(obstacle->what, OBSTACLE_SIZE,
                 "This host has no direct route to %s, which is of an overlay network: nothing that it sends there arrives in "
                 "%s.",
                 address, record->name);
        snprintf(obstacle->remedy, OBSTACLE_SIZE,
                 "connect %s to a network that this host reaches by itself, too: docker network connect bridge %s, or where it "
                 "is of a service: docker service update --network-add bridge SERVICE",
                 record->name, record->name);
}

bool obstacle_of_path(const Record *record, uint8_t family, Obstacle *ret) {
        const RecordPath *path = record_path(record, family);
        char text[ADDRESS_TEXT_SIZE];

        if (!path->asked || path->known)
                return false;
        *ret = (Obstacle) { .certain = true };
        address_format(record_address(record, family), text);
        if (network_is_of_swarm(record->network)) {
                obstacle_of_overlay(record, text, ret);
                return true;
        }
        snprintf(ret->what, OBSTACLE_SIZE, "This host has no direct route to %s: nothing that it sends there arrives in %s.",
                 text, record->name);
        snprintf(ret->remedy, OBSTACLE_SIZE,
                 "find out who took the route away (ip route get %s), or connect %s to a network that this host reaches by "
                 "itself, as a bridge: docker network connect NETWORK %s",
                 text, record->name, record->name);
        return true;
}

void obstacle_of_parent(const Record *record, uint8_t family, Obstacle *ret) {
        char address[ADDRESS_TEXT_SIZE], name[4 * IF_NAMESIZE];

        *ret = (Obstacle) { .certain = true };
        snprintf(ret->what, OBSTACLE_SIZE,
                 "The network of %s is a macvlan on %s, and a host never reaches those on its own interface: nothing that it "
                 "sends to %s arrives in the container.",
                 record->name, words_escape(record_path(record, family)->ifname, name, sizeof(name)),
                 address_format(record_address(record, family), address));
        snprintf(ret->remedy, OBSTACLE_SIZE,
                 "start %s anew on a network that this host reaches by itself, as a bridge; or use it without this host, by "
                 "its own address",
                 record->name);
}

static bool is_behind_parent(const Survey *survey, const Record *record, uint8_t family) {
        const RecordPath *path = record_path(record, family);

        return path->known && record->network &&
               paths_is_macvlan_parent(survey->paths, path->ifindex, record->network->mac);
}

bool obstacle_of_routes(const Record *record, uint8_t family, Routes routes, Obstacle *ret) {
        char text[ADDRESS_TEXT_SIZE];

        if (routes != ROUTES_NEAR)
                return false;
        *ret = (Obstacle) { .certain = true };
        snprintf(ret->what, OBSTACLE_SIZE,
                 "In the container, %s has no default route, as on an internal network: who is outside gets no answer, "
                 "only this host does by 127.0.0.1, and who is on the same network.",
                 address_format(record_address(record, family), text));
        snprintf(ret->remedy, OBSTACLE_SIZE,
                 "connect it to a network that is not internal: docker network connect NETWORK %s", record->name);
        return true;
}

/* What the labels name */

void obstacle_of_interface(const Record *record, const char *interface, bool by_label, bool certain, Obstacle *ret) {
        const char *hint = strpbrk(interface, "*?[") ? " (it is a name, and no pattern)" : "";

        *ret = (Obstacle) { .certain = certain };
        if (certain)
                snprintf(ret->what, OBSTACLE_SIZE,
                         "There is no interface %s on this host now, on which alone may arrive what is for %s%s.", interface,
                         record->name, hint);
        else
                snprintf(ret->what, OBSTACLE_SIZE,
                         "There is no interface %s on this host now, on which what is for %s may arrive, too%s.", interface,
                         record->name, hint);
        if (by_label)
                snprintf(ret->remedy, OBSTACLE_SIZE, "correct calico.expose.interface of %s, and start the container anew",
                         record->name);
        else
                snprintf(ret->remedy, OBSTACLE_SIZE, "correct Interfaces= in " CONFIG_PATH);
}

static bool label_names_interfaces(const Survey *survey, const Record *record) {
        const ContainerLabel *label = container_find_label(record->container, LABEL_EXPOSE ".interface");

        return label && label_counts(label, &survey->config->policy);
}

static bool interface_exists(const Survey *survey, const char *interface) {
        return paths_link_exists(survey->paths, interface);
}

static void look_at_interfaces(const Survey *survey, const Record *record, Obstacles *obstacles) {
        const Limits *limits = &record->labels.limits;
        bool any = false;

        for (size_t i = 0; i < limits->n_interfaces && !any; i++)
                any = interface_exists(survey, limits->interfaces[i]);
        for (size_t i = 0; i < limits->n_interfaces && obstacles->count < OBSTACLES_MAX; i++)
                if (!interface_exists(survey, limits->interfaces[i]))
                        obstacle_of_interface(record, limits->interfaces[i], label_names_interfaces(survey, record), !any,
                                              &obstacles->items[obstacles->count++]);
}

bool obstacle_of_address(const Record *record, const Address *address, Obstacle *ret) {
        char text[ADDRESS_TEXT_SIZE];

        /* That there is no telling says nothing. */
        if (!address_is_set(address) || flows_address_is_local(address) != 0)
                return false;
        *ret = (Obstacle) { .certain = true };
        address_format(address, text);
        snprintf(ret->what, OBSTACLE_SIZE, "This host has no address %s now, which calico.expose of %s names.", text,
                 record->name);
        snprintf(ret->remedy, OBSTACLE_SIZE,
                 "give this host the address %s, or correct that entry of calico.expose of %s, and start the container anew",
                 text, record->name);
        return true;
}

static bool is_named_before(const Record *record, size_t claim) {
        for (size_t i = 0; i < claim; i++)
                if (record->claims[i].state == CLAIM_EXPOSED &&
                    address_compare(&record->claims[i].entry.host, &record->claims[claim].entry.host) == 0)
                        return true;
        return false;
}

static void look_at_addresses(const Record *record, Obstacles *obstacles) {
        for (size_t i = 0; i < record->n_claims && obstacles->count < OBSTACLES_MAX; i++)
                if (record->claims[i].state == CLAIM_EXPOSED && !is_named_before(record, i) &&
                    obstacle_of_address(record, &record->claims[i].entry.host, &obstacles->items[obstacles->count]))
                        obstacles->count++;
}

static void look_at_network(const Survey *survey, const Record *record, uint8_t family, int32_t pid, Obstacles *obstacles) {
        Obstacle *obstacle;

        if (!address_is_set(record_address(record, family)) || !is_exposed(record, family, false))
                return;
        obstacle = &obstacles->items[obstacles->count]; /* they are the first: there is room */
        if (is_behind_parent(survey, record, family))
                obstacle_of_parent(record, family, obstacle);
        else if (!obstacle_of_path(record, family, obstacle) &&
                 !(is_exposed(record, family, true) &&
                   obstacle_of_routes(record, family, inside_look_at_routes(pid, family), obstacle)))
                return;
        obstacles->count++;
}

void arrival_find(const Survey *survey, const Record *record, int32_t pid, Obstacles *obstacles) {
        look_at_network(survey, record, AF_INET, pid, obstacles);
        look_at_network(survey, record, AF_INET6, pid, obstacles);
        look_at_addresses(record, obstacles);
        if (is_exposed(record, AF_INET, false) || is_exposed(record, AF_INET6, false))
                look_at_interfaces(survey, record, obstacles);
}
