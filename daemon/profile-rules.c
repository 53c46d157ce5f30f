/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/profile-rules.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"

bool profile_rule_need(const Record *record, const Claim *claim, CalicoNeed *ret) {
        if (!record->calico || claim->state != CLAIM_EXPOSED)
                return false;
        *ret = (CalicoNeed) {
                .endpoint = record->attachment ? record->attachment->id : record->network->endpoint_id ?: "",
                .profile = record->labels.profile,
                .protocol = claim->entry.protocol,
                .ports = claim->entry.container_ports,
                .from = record->labels.limits.from,
                .n_from = record->labels.limits.n_from,
        };
        return true;
}

static void take_address(Attachment *attachment, const Address *address) {
        Address *place = address->family == AF_INET ? &attachment->ipv4 : &attachment->ipv6;

        if (!address_is_set(place))
                *place = *address;
}

Attachment *profile_rule_attachment(const CalicoEndpoint *endpoint) {
        Attachment *attachment = attachment_new(endpoint->container, endpoint->id,
                                                calico_endpoint_profile(endpoint) ?: "");

        if (!attachment)
                return NULL;
        attachment->active = endpoint->active;
        snprintf(attachment->reason, sizeof(attachment->reason), "%s", endpoint->reason);
        for (size_t i = 0; i < endpoint->n_addresses; i++)
                take_address(attachment, &endpoint->addresses[i]);
        return attachment;
}

CalicoOptions profile_rule_options(const CalicoConfig *config) {
        return (CalicoOptions) {
                .endpoints = (const char *const *) config->endpoints,
                .n_endpoints = config->n_endpoints,
                .ca_file = config->ca_file,
                .cert_file = config->cert_file,
                .key_file = config->key_file,
                .user = config->user,
                .password = config->password,
                .hostname = config->hostname,
                .scope = config->scope,
        };
}

static void claim_rule_done(ClaimRule *rule) {
        free(rule->endpoint);
        free(rule->wanted);
        free(rule->from);
        free(rule->profile);
        free(rule->reason);
}

void claim_rules_done(ClaimRules *rules) {
        for (size_t i = 0; i < rules->count; i++)
                claim_rule_done(&rules->items[i]);
        free(rules->items);
        *rules = (ClaimRules) {};
}

static int copy_need(const CalicoNeed *need, ClaimRule *rule) {
        rule->need = *need;
        rule->need.endpoint = rule->endpoint = strdup(need->endpoint);
        rule->need.profile = rule->wanted = need->profile ? strdup(need->profile) : NULL;
        rule->need.from = rule->from = need->n_from > 0 ? malloc(need->n_from * sizeof(*rule->from)) : NULL;
        if (rule->from)
                memcpy(rule->from, need->from, need->n_from * sizeof(*rule->from));
        return rule->endpoint && (rule->wanted || !need->profile) && (rule->from || need->n_from == 0) ? 0 : -ENOMEM;
}

static int add(ClaimRules *rules, const Record *record, size_t claim, const CalicoNeed *need, uint64_t now) {
        ClaimRule rule = { .claim = claim, .since = now, .state = CALICO_PENDING, .news = true };
        int r;

        strcpy(rule.container, record->container->id);
        r = array_reserve(&rules->items, &rules->capacity, rules->count + 1, sizeof(rule));
        if (r >= 0)
                r = copy_need(need, &rule);
        if (r >= 0)
                rules->items[rules->count++] = rule;
        else
                claim_rule_done(&rule);
        return r;
}

int claim_rules_collect(const Model *model, uint64_t now, ClaimRules *ret) {
        ClaimRules rules = {};
        size_t n;
        Record *const *records = model_records(model, &n);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < records[i]->n_claims; k++) {
                        CalicoNeed need;

                        if (!profile_rule_need(records[i], &records[i]->claims[k], &need) ||
                            add(&rules, records[i], k, &need, now) >= 0)
                                continue;
                        claim_rules_done(&rules);
                        return -ENOMEM;
                }
        *ret = rules;
        return 0;
}

static int rule_compare(const ClaimRule *a, const ClaimRule *b) {
        int r = strcmp(a->container, b->container);

        return r != 0 ? r : (a->claim > b->claim) - (a->claim < b->claim);
}

/* The needs are equal, and stay where they are. */
static void move_outcome(ClaimRule *from, ClaimRule *to) {
        to->since = from->since;
        to->state = from->state;
        to->warning = from->warning;
        to->news = from->news;
        to->warned = from->warned;
        to->profile = TAKE_PTR(from->profile);
        to->reason = TAKE_PTR(from->reason);
}

bool claim_rules_carry_over(ClaimRules *rules, ClaimRules *old) {
        bool equal = rules->count == old->count;
        size_t i = 0, k = 0;

        while (i < rules->count && k < old->count) {
                int order = rule_compare(&rules->items[i], &old->items[k]);
                bool same = order == 0 && calico_need_compare(&rules->items[i].need, &old->items[k].need) == 0;

                equal = equal && same;
                if (same)
                        move_outcome(&old->items[k], &rules->items[i]);
                i += order <= 0;
                k += order >= 0;
        }
        return equal;
}

static char *copy_text(const char *text) {
        return *text ? strdup(text) : NULL;
}

bool claim_rule_set(ClaimRule *rule, const CalicoOutcome *outcome, uint64_t now) {
        bool same_state = rule->state == outcome->state;
        bool same = same_state && strcmp(rule->reason ?: "", outcome->reason) == 0;

        rule->warning = outcome->warning;
        if (strcmp(rule->profile ?: "", outcome->profile) != 0) {
                free(rule->profile);
                rule->profile = copy_text(outcome->profile);
        }
        if (same)
                return false;
        if (rule->state == CALICO_IN_PLACE)
                rule->since = now;
        rule->state = outcome->state;
        free(rule->reason);
        rule->reason = copy_text(outcome->reason);
        rule->news |= !same_state || rule->state == CALICO_REFUSED; /* why it is pending changes all the time */
        return true;
}
