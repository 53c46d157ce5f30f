/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/announce.h"

#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "daemon/messages.h"

static const struct {
        int priority;
        const char *message_id;
        const char *verb;
} announcements[_CLAIM_STATE_MAX] = {
        [CLAIM_EXPOSED] = { LOG_INFO, MESSAGE_EXPOSED, "is exposed" },
        [CLAIM_WAITING] = { LOG_INFO, MESSAGE_WAITING, "waits" },
        [CLAIM_CONFLICT] = { LOG_WARNING, MESSAGE_CONFLICT, "is in conflict" },
        [CLAIM_DENIED] = { LOG_WARNING, MESSAGE_DENIED, "is denied" },
        [CLAIM_INVALID] = { LOG_WARNING, MESSAGE_REFUSED, "is invalid" },
};

/* Nothing that can happen to this container ends it: somebody has to make it anew. */
static bool waits_in_vain(const Claim *claim) {
        return claim->state == CLAIM_WAITING &&
               (claim->reason == REASON_HOST_NETWORK || claim->reason == REASON_SHARED_NETWORK ||
                claim->reason == REASON_NO_HEALTH_CHECK);
}

/* The fields of DESIGN.md section 7, as text. */
typedef struct ClaimText {
        char host[ENTRY_HOST_TEXT_SIZE];
        char host_port[PORT_RANGE_TEXT_SIZE], container_port[PORT_RANGE_TEXT_SIZE];
        char address[2 * ADDRESS_TEXT_SIZE + 2];
        char network[128];
        char profile[LOG_VALUE_SIZE_MAX];
        char reason[CLAIM_REASON_SIZE];
} ClaimText;

static void addresses_format(const Entry *entry, const Address *v4, const Address *v6, char *buffer, size_t size) {
        char text4[ADDRESS_TEXT_SIZE], text6[ADDRESS_TEXT_SIZE];
        bool use4 = address_is_set(v4) && entry_has_family(entry, AF_INET);
        bool use6 = address_is_set(v6) && entry_has_family(entry, AF_INET6);

        snprintf(buffer, size, "%s%s%s", use4 ? address_format(v4, text4) : "", use4 && use6 ? " " : "",
                 use6 ? address_format(v6, text6) : "");
}

static void claim_text_fill(const Record *record, const Claim *claim, const Address *v4, const Address *v6,
                            ClaimText *text) {
        entry_format_host(&claim->entry, text->host);
        port_range_format(claim->entry.host_ports, text->host_port);
        port_range_format(claim->entry.container_ports, text->container_port);
        addresses_format(&claim->entry, v4, v6, text->address, sizeof(text->address));
        text_escape(record->profile, strlen(record->profile), text->profile, sizeof(text->profile));
        if (record->network)
                text_escape(record->network->name, strlen(record->network->name), text->network, sizeof(text->network));
}

static void claim_log(int priority, const char *message_id, const Record *record, const Claim *claim,
                      const ClaimText *text, const char *state, const char *reason, const char *message) {
        bool parsed = claim->error == ENTRY_OK;
        const LogField fields[] = {
                { "CALICO_EXPOSED_CONTAINER_ID", record->container->id },
                { "CALICO_EXPOSED_CONTAINER_NAME", record->name },
                { "CALICO_EXPOSED_PROTOCOL", parsed ? protocol_to_string(claim->entry.protocol) : NULL },
                { "CALICO_EXPOSED_HOST_PORT", parsed ? text->host_port : NULL },
                { "CALICO_EXPOSED_CONTAINER_ADDRESS", parsed && *text->address ? text->address : NULL },
                { "CALICO_EXPOSED_CONTAINER_PORT", parsed ? text->container_port : NULL },
                { "CALICO_EXPOSED_PROFILE", *text->profile ? text->profile : NULL },
                { "CALICO_EXPOSED_STATE", state },
                { "CALICO_EXPOSED_REASON", reason && *reason ? reason : NULL },
                {},
        };

        log_event(priority, message_id, fields, "%s", message);
}

/* "web: exposed 8080/tcp -> 172.17.0.2 fd00::2 port 80", "web: entry \"80/tpc\" is invalid: expected ..." */
static void announce_claim(const Record *record, const Claim *claim) {
        char message[768], entry[CLAIM_TEXT_SIZE];
        ClaimText text = {};
        const char *reason = claim_format_reason(record, claim, text.reason);

        claim_text_fill(record, claim, &record->ipv4, &record->ipv6, &text);
        if (claim->state == CLAIM_EXPOSED)
                snprintf(message, sizeof(message), "%s: exposed %s -> %s port %s (%s%s, profile %s)", record->name,
                         text.host, text.address, text.container_port, *text.network ? "network " : "Calico's endpoint",
                         text.network, text.profile);
        else
                snprintf(message, sizeof(message), "%s: entry \"%s\" %s: %s", record->name,
                         claim_format_text(claim, entry), announcements[claim->state].verb, reason);
        claim_log(waits_in_vain(claim) ? LOG_WARNING : announcements[claim->state].priority,
                  announcements[claim->state].message_id, record, claim, &text, claim_state_to_string(claim->state),
                  reason, message);
}

static void announce_withdrawn(const Record *record, const Claim *claim, const char *reason) {
        char message[768];
        ClaimText text = {};

        claim_text_fill(record, claim, &claim->notice.ipv4, &claim->notice.ipv6, &text);
        snprintf(message, sizeof(message), "%s: withdrawn %s -> %s port %s: %s", record->name, text.host, text.address,
                 text.container_port, reason);
        claim_log(LOG_INFO, MESSAGE_WITHDRAWN, record, claim, &text, "withdrawn", reason, message);
}

static void announce_label(const Record *record, const ContainerLabel *label) {
        const char *nearest = label_nearest(label->key);
        const LogField fields[] = {
                { "CALICO_EXPOSED_CONTAINER_ID", record->container->id },
                { "CALICO_EXPOSED_CONTAINER_NAME", record->name },
                {},
        };
        char key[128];

        log_event(LOG_WARNING, MESSAGE_LABEL_UNKNOWN, fields, "%s: there is no label %s%s%s%s", record->name,
                  text_escape(label->key, strlen(label->key), key, sizeof(key)), nearest ? ", did you mean " : "",
                  nearest ?: "", nearest ? "?" : "");
}

/* What is said of a container once. */
static void announce_container(Record *record) {
        if (record->introduced)
                return;
        record->introduced = true;
        for (size_t i = 0; i < record->container->n_labels; i++)
                if (!label_is_known(record->container->labels[i].key))
                        announce_label(record, &record->container->labels[i]);
}

static void announce_record(Record *record) {
        announce_container(record);
        for (size_t i = 0; i < record->n_claims; i++) {
                Claim *claim = &record->claims[i];
                char reason[CLAIM_REASON_SIZE];

                if (!claim_is_news(record, claim))
                        continue;
                if (claim->notice.announced && claim->notice.state == CLAIM_EXPOSED && claim->state != CLAIM_EXPOSED)
                        announce_withdrawn(record, claim, claim_format_reason(record, claim, reason));
                else
                        announce_claim(record, claim);
                claim_set_announced(record, claim);
        }
}

void announce_changes(Model *model) {
        size_t n;
        Record *const *records = model_departed(model, &n);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < records[i]->n_claims; k++)
                        if (records[i]->claims[k].notice.announced &&
                            records[i]->claims[k].notice.state == CLAIM_EXPOSED)
                                announce_withdrawn(records[i], &records[i]->claims[k],
                                                   "the container or its network went");
        model_forget_departed(model);

        records = model_decided(model, &n);
        for (size_t i = 0; i < n; i++)
                announce_record(records[i]);
}

static const struct {
        int priority;
        const char *message_id;
} rule_announcements[_CALICO_STATE_MAX] = {
        [CALICO_PENDING] = { LOG_NOTICE, MESSAGE_RULE_PENDING },
        [CALICO_IN_PLACE] = { LOG_INFO, MESSAGE_RULE_IN_PLACE },
        [CALICO_REFUSED] = { LOG_WARNING, MESSAGE_RULE_REFUSED },
};

static void rule_text_fill(const Record *record, const ClaimRule *rule, ClaimText *text) {
        const char *profile = rule->profile ?: "";

        claim_text_fill(record, &record->claims[rule->claim], &record->ipv4, &record->ipv6, text);
        text_escape(profile, strlen(profile), text->profile, sizeof(text->profile));
}

/* "web: profile calico-exposed-tcp-80 allows port 80/tcp", "web: 8080/tcp is exposed, but the rule for port 80/tcp is
 * pending: ..." */
void announce_rule(const Record *record, const ClaimRule *rule) {
        const Claim *claim = &record->claims[rule->claim];
        const char *reason = rule->reason ?: "", *protocol = protocol_to_string(claim->entry.protocol);
        char message[1024];
        ClaimText text = {};

        rule_text_fill(record, rule, &text);
        if (rule->state == CALICO_IN_PLACE)
                snprintf(message, sizeof(message), "%s: profile %s allows port %s/%s", record->name, text.profile,
                         text.container_port, protocol);
        else
                snprintf(message, sizeof(message), "%s: %s is exposed, but the rule%s%s for port %s/%s %s: %s",
                         record->name, text.host, *text.profile ? " of profile " : "", text.profile,
                         text.container_port, protocol,
                         rule->state == CALICO_PENDING ? "is pending" : "cannot be made", reason);
        claim_log(rule_announcements[rule->state].priority, rule_announcements[rule->state].message_id, record, claim,
                  &text, claim_state_to_string(claim->state), reason, message);
}

void announce_rule_trouble(const Record *record, const ClaimRule *rule) {
        const Claim *claim = &record->claims[rule->claim];
        char message[512];
        ClaimText text = {};

        rule_text_fill(record, rule, &text);
        snprintf(message, sizeof(message),
                 "%s: profile %s now has %s, which calicoctl 0.19 cannot read: it fails at its next change of this profile",
                 record->name, text.profile, rule->warning);
        claim_log(LOG_WARNING, MESSAGE_DATASTORE_WARNING, record, claim, &text, claim_state_to_string(claim->state), NULL,
                  message);
}
