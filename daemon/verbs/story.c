/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/story.h"

#include <errno.h>
#include <string.h>

#include "daemon/profile-rules.h"
#include "daemon/verbs/process.h"
#include "daemon/verbs/words.h"

enum { VALUE_SIZE = 512, NAME_SIZE = 128, SHORT_ID = 12 };

/* The container */

static const char *const state_words[_CONTAINER_STATE_MAX] = {
        [CONTAINER_RUNNING] = "is running",
        [CONTAINER_PAUSED] = "is paused: it keeps its ports",
        [CONTAINER_RESTARTING] = "is between two runs",
        [CONTAINER_STOPPED] = "is not running",
};

static const char *label_origin(const ContainerLabel *label, const Policy *policy) {
        if (!label->from_image)
                return "";
        return label_counts(label, policy) ? ", which came with its image"
                                           : ", which came with its image and does not count";
}

static void tell_label(const ContainerLabel *label, const Policy *policy, FILE *file) {
        char key[NAME_SIZE], value[VALUE_SIZE];
        const char *nearest;

        fprintf(file, "It carries the label %s=%s%s.\n", words_escape(label->key, key, sizeof(key)),
                words_escape(label->value, value, sizeof(value)), label_origin(label, policy));
        if (label_is_known(label->key))
                return;
        nearest = label_nearest(label->key);
        fprintf(file, "There is no such label%s%s%s\n", nearest ? ": did you mean " : "", nearest ?: "",
                nearest ? "?" : ".");
}

static void tell_labels(const Survey *survey, const Container *container, FILE *file) {
        if (container->n_labels == 0)
                fputs("It carries no label " LABEL_EXPOSE ", so nothing of it is exposed.\n", file);
        for (size_t i = 0; i < container->n_labels; i++)
                tell_label(&container->labels[i], &survey->config->policy, file);
}

static const char *const choice_words[] = {
        [NETWORK_NAMED] = "calico.expose.network names it",
        [NETWORK_ONLY] = "it has no other",
        [NETWORK_CALICO] = "it is the first by name that is Calico's",
        [NETWORK_DEFAULT_ROUTE] = "it holds the container's default route",
        [NETWORK_FIRST] = "it is the first by name, and none holds a default route",
};

static void tell_networks(const Container *container, FILE *file) {
        fputs("It is on the networks", file);
        for (size_t i = 0; i < container->n_networks; i++) {
                char name[NAME_SIZE];

                fprintf(file, "%s %s", i == 0 ? "" : ",", words_escape(container->networks[i].name, name, sizeof(name)));
        }
        fputs(".\n", file);
}

static void tell_attachment(const Record *record, FILE *file) {
        const Attachment *attachment = record->attachment;

        if (!attachment)
                return;
        fprintf(file, "Calico's record of its endpoint %s%s", attachment->id,
                *attachment->reason      ? " cannot be read: "
                : record->network        ? " has the last word on its address."
                                         : ", which was made by calicoctl, has its address.");
        if (*attachment->reason)
                fprintf(file, "%s.", attachment->reason);
        else if (!attachment->active)
                fputs(" It says that the endpoint is inactive, and Felix lets nothing pass to it then.", file);
        fputc('\n', file);
}

static void tell_network(const Record *record, FILE *file) {
        char name[NAME_SIZE], v4[ADDRESS_TEXT_SIZE], v6[ADDRESS_TEXT_SIZE];
        bool has4 = address_is_set(&record->ipv4), has6 = address_is_set(&record->ipv6), both = has4 && has6;
        const RecordPath *path = record->path4.known ? &record->path4 : &record->path6;

        if (record->container->n_networks > 1)
                tell_networks(record->container, file);
        tell_attachment(record, file);
        if (!record->network && !has4 && !has6)
                return;
        if (!record->network && !record->attachment)
                fputs("Calico's datastore, which alone knows its address, could not be asked; the table still sends its ports "
                      "there.\n",
                      file);
        if (record->network)
                fprintf(file, "Its network %s is used: %s.\n", words_escape(record->network->name, name, sizeof(name)),
                choice_words[record->choice]);
        if (!has4 && !has6)
                return;
        fprintf(file, "Its address%s there %s %s%s%s; ", both ? "es" : "", both ? "are" : "is",
                has4 ? address_format(&record->ipv4, v4) : "", both ? " and " : "",
                has6 ? address_format(&record->ipv6, v6) : "");
        if (path->known)
                fprintf(file, "this host reaches %s by %s.\n", both ? "them" : "it", path->ifname);
        else
                fprintf(file, "this host has no direct route to %s.\n", both ? "them" : "it");
}

static const char *profile_origin(const Record *record) {
        if (record->labels.profile)
                return "calico.expose.profile names it";
        if (record->attachment && *record->attachment->profile)
                return "the first in Calico's record of its endpoint";
        return record->network ? "the network's name" : "Calico's record of its endpoint has none";
}

static void tell_profile(const Record *record, FILE *file) {
        char name[NAME_SIZE];

        if (*record->profile)
                fprintf(file, "Its profile is %s: %s.\n", words_escape(record->profile, name, sizeof(name)),
                        profile_origin(record));
}

static bool has_label(const Survey *survey, const Record *record, const char *key) {
        const ContainerLabel *label = container_find_label(record->container, key);

        return label && label_counts(label, &survey->config->policy);
}

static void tell_limits(const Survey *survey, const Record *record, FILE *file) {
        const Limits *limits = &record->labels.limits;
        char text[PREFIX_TEXT_SIZE];

        if (limits->n_from > 0)
                fputs("Only clients in these networks reach it, for calico.expose.from says so:", file);
        for (size_t i = 0; i < limits->n_from; i++)
                fprintf(file, "%s %s", i == 0 ? "" : ",", prefix_format(&limits->from[i], text));
        if (limits->n_from > 0)
                fputs(".\n", file);
        if (limits->n_interfaces > 0)
                fprintf(file, "Only what arrives on these interfaces reaches it, for %s says so:",
                        has_label(survey, record, LABEL_EXPOSE ".interface") ? "calico.expose.interface"
                                                                             : "Interfaces= in the configuration");
        for (size_t i = 0; i < limits->n_interfaces; i++)
                fprintf(file, "%s %s%s", i == 0 ? "" : ",", limits->interfaces[i],
                        strcmp(limits->interfaces[i], "lo") == 0 ? " (this host's own traffic)" : "");
        if (limits->n_interfaces > 0)
                fputs(".\n", file);
        if (record->labels.balance)
                fputs("New connections are spread over all containers that claim the same port with "
                      "calico.expose.mode=balance.\n",
                      file);
}

/* Else the claims' reason says all there is. */
static bool uses_network(const Record *record) {
        return record->waiting != REASON_HOST_NETWORK && record->waiting != REASON_SHARED_NETWORK &&
               record->waiting != REASON_NO_NETWORK && record->waiting != REASON_NO_ATTACHMENT &&
               record->waiting != REASON_DATASTORE_UNREAD;
}

void story_tell_container(const Survey *survey, const Record *record, FILE *file) {
        fprintf(file, "Container %s (%.*s) %s.\n", record->name, SHORT_ID, record->container->id,
                state_words[record->container->state]);
        tell_labels(survey, record->container, file);
        if (record->n_claims == 0 || !uses_network(record))
                return;
        tell_network(record, file);
        tell_profile(record, file);
        tell_limits(survey, record, file);
}

/* The claims */

static void tell_process(const HostPort *port, FILE *file) {
        Process process;
        int r;

        if (port->docker)
                return;
        r = process_find_listener(port, &process);
        if (r >= 0)
                fprintf(file, " It is %s, process %d.", process.name, process.pid);
        else if (r == -EACCES)
                fputs(" Run this as root to learn which process it is.", file);
}

static void tell_claim(const Claim *claim, const ClaimFacts *facts, FILE *file) {
        char host[ENTRY_HOST_TEXT_SIZE], ports[PORT_RANGE_TEXT_SIZE], text[CLAIM_TEXT_SIZE];

        if (claim->error == ENTRY_OK)
                fprintf(file, "Port %s of this host to port %s of the container: %s",
                        entry_format_host(&claim->entry, host), port_range_format(claim->entry.container_ports, ports),
                        claim_state_to_string(facts->state));
        else
                fprintf(file, "The entry \"%s\": %s", claim_format_text(claim, text),
                        claim_state_to_string(facts->state));
        fprintf(file, "%s%s.", *facts->reason ? ": " : "", facts->reason);
        if (claim->reason == REASON_HOST_PORT)
                tell_process(claim->host_port, file);
        fputc('\n', file);
}

/* The profile's rule */

enum { OTHERS_SHOWN = 8 };

typedef struct Others {
        FILE *file;
        size_t count;
} Others;

static void tell_other(void *userdata, const char *holder) {
        Others *others = userdata;
        char text[NAME_SIZE];

        if (others->count++ < OTHERS_SHOWN)
                fprintf(others->file, "%s %s", others->count == 1 ? " It is needed by others, too (host/endpoint):" : ",",
                        words_escape(holder, text, sizeof(text)));
}

static int tell_others(const Survey *survey, const Record *record, const Claim *claim, FILE *file) {
        Others others = { .file = file };
        CalicoNeed need;
        int r = 0;

        if (profile_rule_need(record, claim, &need))
                r = calico_look_foreach_other(survey->look, &need, tell_other, &others);
        if (others.count > OTHERS_SHOWN)
                fprintf(file, " and %zu more", others.count - OTHERS_SHOWN);
        if (others.count > 0)
                fputc('.', file);
        return r;
}

static int tell_rule(const Survey *survey, const Record *record, const Claim *claim, const ClaimFacts *facts,
                     FILE *file) {
        char port[PORT_RANGE_TEXT_SIZE];
        const CalicoVerdict *rule = &facts->rule;
        int r = 0;

        if (!facts->needs_rule)
                return 0;
        port_range_format(claim->entry.container_ports, port);
        if (!facts->knows_rule)
                fprintf(file, "Whether a profile in Calico's datastore allows port %s/%s could not be asked.", port,
                        protocol_to_string(claim->entry.protocol));
        else if (rule->state != CALICO_IN_PLACE)
                fprintf(file, "Felix lets nothing pass to port %s/%s %s: %s.", port,
                        protocol_to_string(claim->entry.protocol),
                        rule->state == CALICO_PENDING ? "yet" : "for it cannot be allowed", rule->reason);
        else
                fprintf(file, "Profile %s in Calico's datastore allows port %s/%s%s.", rule->profile, port,
                        protocol_to_string(claim->entry.protocol),
                        rule->ours ? "" : ", by a rule that is not this daemon's, and stays");
        if (facts->knows_rule && *rule->profile)
                r = tell_others(survey, record, claim, file);
        fputc('\n', file);
        return r;
}

int story_tell_claims(const Survey *survey, const Record *record, FILE *file) {
        for (size_t i = 0; i < record->n_claims; i++) {
                ClaimFacts facts;
                int r;

                r = survey_get_facts(survey, record, &record->claims[i], &facts);
                if (r < 0)
                        return r;
                tell_claim(&record->claims[i], &facts, file);
                r = tell_rule(survey, record, &record->claims[i], &facts, file);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The remedy */

static bool is_problem(const ClaimFacts *facts) {
        return facts->state != CLAIM_EXPOSED ||
               (facts->needs_rule && (!facts->knows_rule || facts->rule.state != CALICO_IN_PLACE));
}

/* The first claim that is not exposed, or not allowed by its profile, decides; 0: there is none. */
static int first_problem(const Survey *survey, const Record *record, ClaimFacts *ret, size_t *ret_at) {
        for (size_t i = 0; i < record->n_claims; i++) {
                int r;

                r = survey_get_facts(survey, record, &record->claims[i], ret);
                if (r < 0)
                        return r;
                if (is_problem(ret)) {
                        *ret_at = i;
                        return 1;
                }
        }
        return 0;
}

static const Obstacle *first_obstacle(const Obstacles *obstacles) {
        for (size_t i = 0; i < obstacles->count; i++)
                if (obstacles->items[i].certain)
                        return &obstacles->items[i];
        return obstacles->count > 0 ? &obstacles->items[0] : NULL;
}

int story_find_advice(const Survey *survey, const Record *record, const Obstacles *obstacles, Advice *ret) {
        const Obstacle *obstacle = first_obstacle(obstacles);
        Advice advice = {};
        ClaimFacts facts;
        size_t at;
        int r;

        r = first_problem(survey, record, &facts, &at);
        if (r < 0)
                return r;
        if (r > 0) {
                advice.claim = &record->claims[at];
                remedy_format(survey, record, advice.claim, &facts, advice.text);
        } else if (record->n_claims == 0)
                strcpy(advice.text, "start it anew with --label " LABEL_EXPOSE "=80 to expose port 80 of it");
        else if (obstacle)
                snprintf(advice.text, sizeof(advice.text), "%s", obstacle->remedy);
        *ret = advice;
        return 0;
}

static void tell_obstacles(const Obstacles *obstacles, FILE *file) {
        for (size_t i = 0; i < obstacles->count; i++)
                fprintf(file, "%s\n", obstacles->items[i].what);
        if (obstacles->incomplete)
                fputs("Whether another firewall on this host drops its packets could not be seen.\n", file);
}

int story_tell_remedy(const Survey *survey, const Record *record, const Obstacles *obstacles, FILE *file) {
        char text[CLAIM_TEXT_SIZE];
        Advice advice;
        int r;

        r = story_find_advice(survey, record, obstacles, &advice);
        if (r < 0)
                return r;
        if (record->n_claims > 0)
                tell_obstacles(obstacles, file);
        if (advice.claim)
                fprintf(file, "To change, for the entry \"%s\": %s.\n", claim_format_text(advice.claim, text), advice.text);
        else if (*advice.text)
                fprintf(file, "To change: %s.\n", advice.text);
        else if (survey_knows(&survey->kernel))
                fputs("Nothing has to be changed: it is exposed.\n", file);
        return 0;
}
