/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/obstacles.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/verbs/arrival.h"
#include "daemon/verbs/words.h"

static const struct {
        int family;
        const char *name, *path, *key, *table, *legacy;
} families[SURVEY_FAMILIES] = {
        { AF_INET, "IPv4", "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward", "ip filter", "iptables-legacy" },
        { AF_INET6, "IPv6", "/proc/sys/net/ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding", "ip6 filter",
          "ip6tables-legacy" },
};

static Obstacle *add(Obstacles *obstacles) {
        if (obstacles->count == OBSTACLES_MAX)
                return NULL;
        obstacles->items[obstacles->count] = (Obstacle) {};
        return &obstacles->items[obstacles->count++];
}

static bool forwarding_is_off(const char *path) {
        FILE *file = fopen(path, "re");
        int value = 1;

        if (!file)
                return false;
        if (fscanf(file, "%d", &value) != 1)
                value = 1;
        (void) fclose(file);
        return value == 0;
}

static void look_at_forwarding(size_t family, Obstacles *obstacles) {
        Obstacle *obstacle = forwarding_is_off(families[family].path) ? add(obstacles) : NULL;

        if (!obstacle)
                return;
        obstacle->certain = true;
        snprintf(obstacle->what, OBSTACLE_SIZE,
                 "Forwarding of %s is switched off on this host (%s is 0): nothing from outside reaches a container.",
                 families[family].name, families[family].key);
        snprintf(obstacle->remedy, OBSTACLE_SIZE, "switch forwarding on: sysctl -w %s=1, and a line in /etc/sysctl.d",
                 families[family].key);
}

static void look_at_docker_user(const Survey *survey, size_t family, Obstacles *obstacles) {
        Obstacle *obstacle = survey->docker_user[family] == DOCKER_USER_PUT ? add(obstacles) : NULL;

        if (!obstacle)
                return;
        obstacle->certain = true;
        snprintf(obstacle->what, OBSTACLE_SIZE,
                 "The rule that lets marked packets pass is missing at the top of %s DOCKER-USER: Docker may drop them.",
                 families[family].table);
        snprintf(obstacle->remedy, OBSTACLE_SIZE, "%s",
                 survey->daemon == DAEMON_RUNS
                         ? "find out who takes that rule away, for calico-exposed puts it back each time (nft monitor)"
                         : "start calico-exposed, which puts it there: systemctl start calico-exposed");
}

/* It lets all translated packets pass, but with a setting of newer versions (2.3 has it). Their tables have an owner:
 * nft is refused there. */
#define FIREWALLD_TABLE "firewalld"

static const char *family_name(const ForwardChain *chain) {
        return chain->family == AF_INET ? "ip" : chain->family == AF_INET6 ? "ip6" : "inet";
}

bool obstacle_of_chain(const ForwardChain *chain, const RulesetOptions *options, Obstacle *ret) {
        char table[FORWARD_NAME_SIZE], name[FORWARD_NAME_SIZE];

        if (!chain->drops || chain->passes)
                return false;
        *ret = (Obstacle) {};
        words_escape(chain->table, table, sizeof(table));
        words_escape(chain->name, name, sizeof(name));
        if (chain->docker) {
                snprintf(ret->what, OBSTACLE_SIZE,
                         "Docker filters by nftables itself (table %s %s), and drops what comes to a port that it has not "
                         "published, for it was not told to let marked packets pass.",
                         family_name(chain), table);
                snprintf(ret->remedy, OBSTACLE_SIZE,
                         "start dockerd with --bridge-accept-fwmark=0x%x/0x%x (\"bridge-accept-fwmark\" in daemon.json)",
                         options->mark, options->mask);
                return true;
        }
        snprintf(ret->what, OBSTACLE_SIZE,
                 "The chain %s of table %s %s drops what none of its rules accepts, and none is known to accept what "
                 "calico-exposed has marked.",
                 name, family_name(chain), table);
        if (strcmp(chain->table, FIREWALLD_TABLE) == 0)
                snprintf(ret->remedy, OBSTACLE_SIZE,
                         "set StrictForwardPorts=no in /etc/firewalld/firewalld.conf: firewall-cmd --reload (nobody else can "
                         "write into its table)");
        else
                snprintf(ret->remedy, OBSTACLE_SIZE,
                         "let marked packets pass there: nft insert rule %s %s %s meta mark and 0x%x == 0x%x counter accept",
                         family_name(chain), table, name, options->mask, options->mark & options->mask);
        return true;
}

static bool chain_is_used(const ForwardChain *chain, const bool use[static SURVEY_FAMILIES]) {
        return (use[0] && chain->family != AF_INET6) || (use[1] && chain->family != AF_INET);
}

/* Where our rule is missing in DOCKER-USER, that was said already. */
static bool lacks_our_rule(const Survey *survey, const ForwardChain *chain) {
        return strcmp(chain->table, "filter") == 0 &&
               ((chain->family == AF_INET && survey->docker_user[0] == DOCKER_USER_PUT) ||
                (chain->family == AF_INET6 && survey->docker_user[1] == DOCKER_USER_PUT));
}

static void look_at_chains(const Survey *survey, const bool use[static SURVEY_FAMILIES], Obstacles *obstacles) {
        _cleanup_free_ ForwardChain *chains = NULL;
        size_t n = 0;

        obstacles->incomplete = forward_chains_read(survey->nft, &survey->config->ruleset, &chains, &n) < 0;
        for (size_t i = 0; i < n && obstacles->count < OBSTACLES_MAX; i++)
                if (chain_is_used(&chains[i], use) && !lacks_our_rule(survey, &chains[i]) &&
                    obstacle_of_chain(&chains[i], &survey->config->ruleset, &obstacles->items[obstacles->count]))
                        obstacles->count++;
}

bool obstacle_of_legacy(size_t family, const XtablesForward *forward, const RulesetOptions *options, Obstacle *ret) {
        const char *legacy = families[family].legacy;

        if (!forward->drops || forward->passes)
                return false;
        *ret = (Obstacle) {};
        snprintf(ret->what, OBSTACLE_SIZE,
                 "The chain FORWARD of %s, which nft does not show, drops what none of its rules accepts, and none is "
                 "known to accept what calico-exposed has marked.",
                 legacy);
        snprintf(ret->remedy, OBSTACLE_SIZE,
                 "let marked packets pass there: %s -I FORWARD -m mark --mark 0x%x/0x%x -j ACCEPT", legacy,
                 options->mark & options->mask, options->mask);
        return true;
}

static void look_at_legacy(const Survey *survey, size_t family, Obstacles *obstacles) {
        const RulesetOptions *options = &survey->config->ruleset;
        XtablesForward forward;
        int r;

        r = xtables_read_forward(families[family].family, options->mark, options->mask, &forward);
        obstacles->incomplete |= r < 0;
        if (r > 0 && obstacles->count < OBSTACLES_MAX &&
            obstacle_of_legacy(family, &forward, options, &obstacles->items[obstacles->count]))
                obstacles->count++;
}

bool obstacle_of_inside(const Record *record, const Entry *entry, Inside inside, Obstacle *ret) {
        const char *protocol = protocol_to_string(entry->protocol);
        unsigned port = entry->container_ports.first;

        if (inside != INSIDE_NOBODY && inside != INSIDE_LOOPBACK)
                return false;
        *ret = (Obstacle) {};
        snprintf(ret->what, OBSTACLE_SIZE, "In the container, %s on port %u/%s.",
                 inside == INSIDE_NOBODY ? "nobody listens" : "a program listens on 127.0.0.1 or ::1 alone", port, protocol);
        snprintf(ret->remedy, OBSTACLE_SIZE, "have the program in %s listen on port %u/%s of all its addresses",
                 record->name, port, protocol);
        return true;
}

/* Of a range, some ports may well be without. */
static void look_inside(const Survey *survey, const Record *record, int32_t pid, Obstacles *obstacles) {
        for (size_t i = 0; i < record->n_claims && obstacles->count < OBSTACLES_MAX; i++) {
                const Entry *entry = &record->claims[i].entry;
                ClaimFacts facts;

                if (survey_get_facts(survey, record, &record->claims[i], &facts) < 0 || facts.state != CLAIM_EXPOSED ||
                    entry->container_ports.first != entry->container_ports.last)
                        continue;
                if (obstacle_of_inside(record, entry, inside_look(pid, entry->protocol, entry->container_ports.first),
                                       &obstacles->items[obstacles->count]))
                        obstacles->count++;
        }
}

void obstacles_find(const Survey *survey, const Record *record, int32_t pid, Obstacles *ret) {
        const bool use[SURVEY_FAMILIES] = { address_is_set(&record->ipv4), address_is_set(&record->ipv6) };
        Obstacles obstacles = { .incomplete = !survey_knows(&survey->kernel) };

        arrival_find(survey, record, pid, &obstacles);
        for (size_t i = 0; i < SURVEY_FAMILIES; i++)
                if (use[i])
                        look_at_forwarding(i, &obstacles);
        /* Without a table, there is no daemon that would have put the rule there. */
        for (size_t i = 0; i < SURVEY_FAMILIES && !obstacles.incomplete && survey->table != TABLE_ABSENT; i++)
                if (use[i])
                        look_at_docker_user(survey, i, &obstacles);
        if (!obstacles.incomplete)
                look_at_chains(survey, use, &obstacles);
        for (size_t i = 0; i < SURVEY_FAMILIES; i++)
                if (use[i])
                        look_at_legacy(survey, i, &obstacles);
        if (record->container->state == CONTAINER_RUNNING)
                look_inside(survey, record, pid, &obstacles);
        *ret = obstacles;
}
