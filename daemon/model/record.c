/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/record.h"

#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/text.h"

enum { SHOWN_NAME_SIZE = 128, SHOWN_ENTRY_SIZE = 96 };

static bool overlaps_earlier(const Record *record, const Entry *entry) {
        for (size_t i = 0; i < record->n_claims; i++)
                if (record->claims[i].error == ENTRY_OK && record->claims[i].reason == REASON_NONE &&
                    entry_overlaps(&record->claims[i].entry, entry))
                        return true;
        return false;
}

static size_t shifted_ports(const Record *record) {
        size_t n = 0;

        for (size_t i = 0; i < record->n_claims; i++)
                if (record->claims[i].reason == REASON_NONE && entry_is_shifted_range(&record->claims[i].entry))
                        n += port_range_count(record->claims[i].entry.host_ports);
        return n;
}

static ClaimReason entry_refusal(const Record *record, const Claim *claim) {
        if (claim->error != ENTRY_OK)
                return REASON_ENTRY;
        if (overlaps_earlier(record, &claim->entry))
                return REASON_OWN_OVERLAP;
        if (entry_is_shifted_range(&claim->entry) &&
            shifted_ports(record) + port_range_count(claim->entry.host_ports) > SHIFTED_PORTS_MAX)
                return REASON_SHIFTED_LIMIT;
        return REASON_NONE;
}

static int record_add_claim(Record *record, size_t *capacity, const char *text, size_t size) {
        char shown[SHOWN_ENTRY_SIZE];
        Claim claim = { .text = strdup(text_escape(text, size, shown, sizeof(shown))) };

        if (!claim.text || array_reserve(&record->claims, capacity, record->n_claims + 1, sizeof(claim)) < 0) {
                free(claim.text);
                return -1;
        }
        claim.error = entry_parse(text, size, &claim.entry);
        claim.reason = entry_refusal(record, &claim);
        claim.state = claim.reason == REASON_NONE ? CLAIM_WAITING : CLAIM_INVALID;
        record->claims[record->n_claims++] = claim;
        return 0;
}

static int record_read_claims(Record *record) {
        const ContainerLabel *label = container_find_label(record->container, LABEL_EXPOSE);
        const char *cursor = label ? label->value : NULL, *text;
        size_t capacity = 0, size;

        while (record->n_claims < CLAIMS_MAX && entry_next(&cursor, &text, &size))
                if (record_add_claim(record, &capacity, text, size) < 0)
                        return -1;
        if (label && (cursor || label->value_size > strlen(label->value))) {
                Claim *last = &record->claims[record->n_claims - 1];

                last->state = CLAIM_INVALID;
                last->reason = REASON_LABEL_TOO_LONG;
        }
        return 0;
}

static bool network_has_gateway(const ContainerNetwork *network) {
        return address_is_set(&network->gateway4) || address_is_set(&network->gateway6);
}

/* The only network, else the one that holds the default route: Docker gives it to the first by name of those that
 * have a gateway. */
static const ContainerNetwork *choose_network(const Container *container) {
        for (size_t i = 0; i < container->n_networks; i++)
                if (network_has_gateway(&container->networks[i]))
                        return &container->networks[i];
        return container->n_networks > 0 ? &container->networks[0] : NULL;
}

static ClaimReason network_refusal(const Record *record) {
        const char *mode = record->container->network_mode ?: "";

        if (record->container->state == CONTAINER_STOPPED)
                return REASON_NOT_RUNNING;
        if (record->container->state == CONTAINER_RESTARTING)
                return REASON_RESTARTING;
        if (strcmp(mode, "host") == 0)
                return REASON_HOST_NETWORK;
        if (strncmp(mode, "container:", strlen("container:")) == 0)
                return REASON_SHARED_NETWORK;
        if (!record->network || strcmp(record->network->name, "none") == 0)
                return REASON_NO_NETWORK;
        if (!address_is_set(&record->network->ipv4) && !address_is_set(&record->network->ipv6))
                return REASON_NO_ADDRESS;
        return REASON_NONE;
}

static void record_choose_network(Record *record) {
        record->network = choose_network(record->container);
        record->waiting = network_refusal(record);
        record->profile = "";
        if (record->waiting != REASON_NONE)
                return;
        record->ipv4 = record->network->ipv4;
        record->ipv6 = record->network->ipv6;
        record->profile = record->network->name;
}

Record *record_new(Container *container) {
        _cleanup_(record_freep) Record *record = NULL;
        char shown[SHOWN_NAME_SIZE];
        const char *name = container->name ?: "";

        record = calloc(1, sizeof(*record));
        if (!record) {
                container_free(container);
                return NULL;
        }
        record->container = container;
        record->name = strdup(text_escape(name, strlen(name), shown, sizeof(shown)));
        if (!record->name || record_read_claims(record) < 0)
                return NULL;
        record_choose_network(record);
        return TAKE_PTR(record);
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        for (size_t i = 0; i < record->n_claims; i++)
                free(record->claims[i].text);
        free(record->claims);
        free(record->name);
        container_free(record->container);
        free(record);
        return NULL;
}

static void claim_inherit(Claim *claim, const Record *old) {
        for (size_t i = 0; i < old->n_claims; i++) {
                if (strcmp(old->claims[i].text, claim->text) != 0)
                        continue;
                claim->holds = old->claims[i].holds;
                claim->notice = old->claims[i].notice;
                return;
        }
}

void record_inherit(Record *record, const Record *old) {
        for (size_t i = 0; i < record->n_claims; i++)
                claim_inherit(&record->claims[i], old);
        if (address_compare(&record->ipv4, &old->ipv4) == 0)
                record->path4 = old->path4;
        if (address_compare(&record->ipv6, &old->ipv6) == 0)
                record->path6 = old->path6;
}

int record_compare_age(const Record *a, const Record *b) {
        if (a->container->created != b->container->created)
                return a->container->created < b->container->created ? -1 : 1;
        return strcmp(a->container->id, b->container->id);
}

static const char *const state_names[_CLAIM_STATE_MAX] = {
        [CLAIM_EXPOSED] = "exposed", [CLAIM_WAITING] = "waiting", [CLAIM_CONFLICT] = "conflict",
        [CLAIM_DENIED] = "denied",   [CLAIM_INVALID] = "invalid",
};

const char *claim_state_to_string(ClaimState state) {
        return state_names[state];
}

static const char *const reason_texts[_CLAIM_REASON_MAX] = {
        [REASON_NONE] = "",
        [REASON_OWN_OVERLAP] = "an earlier entry of this container has the same host port",
        [REASON_SHIFTED_LIMIT] = "the container's ranges with other ports on the host hold more than 4096 ports",
        [REASON_LABEL_TOO_LONG] = "the label is cut here: expected at most 4096 bytes and 256 entries",
        [REASON_NOT_RUNNING] = "the container is not running",
        [REASON_RESTARTING] = "the container is restarting",
        [REASON_HOST_NETWORK] = "the container uses the host's network: its ports are the host's own",
        [REASON_NO_NETWORK] = "the container has no network",
        [REASON_SHARED_NETWORK] = "the container shares another container's network: that one must carry the label",
        [REASON_NO_ADDRESS] = "the container has no address yet",
};

const char *claim_format_reason(const Record *record, const Claim *claim, char buffer[static CLAIM_REASON_SIZE]) {
        char network[SHOWN_NAME_SIZE];

        switch (claim->reason) {
        case REASON_ENTRY:
                return entry_error_to_string(claim->error);
        case REASON_NO_FAMILY_ADDRESS:
                snprintf(buffer, CLAIM_REASON_SIZE, "the container has no %s address on network %s",
                         claim->entry.family == AF_INET ? "IPv4" : "IPv6",
                         text_escape(record->network->name, strlen(record->network->name), network,
                                     sizeof(network)));
                return buffer;
        case REASON_DUPLICATE_ADDRESS:
                snprintf(buffer, CLAIM_REASON_SIZE, "container %s has the same address",
                         claim->other ? claim->other->name : "?");
                return buffer;
        case REASON_HELD:
                snprintf(buffer, CLAIM_REASON_SIZE, "container %s holds that host port",
                         claim->other ? claim->other->name : "?");
                return buffer;
        default:
                return reason_texts[claim->reason];
        }
}

static const char *claim_other_id(const Claim *claim) {
        return claim->other ? claim->other->container->id : "";
}

bool claim_is_news(const Record *record, const Claim *claim) {
        const ClaimNotice *notice = &claim->notice;

        if (!notice->announced)
                return true;
        return notice->state != claim->state || notice->reason != claim->reason ||
               strcmp(notice->other, claim_other_id(claim)) != 0 ||
               (claim->state == CLAIM_EXPOSED && (address_compare(&notice->ipv4, &record->ipv4) != 0 ||
                                                  address_compare(&notice->ipv6, &record->ipv6) != 0));
}

void claim_set_announced(const Record *record, Claim *claim) {
        claim->notice = (ClaimNotice) {
                .announced = true,
                .state = claim->state,
                .reason = claim->reason,
                .ipv4 = record->ipv4,
                .ipv6 = record->ipv6,
        };
        strcpy(claim->notice.other, claim_other_id(claim));
}
