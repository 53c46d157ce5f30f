/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/text.h"
#include "daemon/model/carried.h"

enum { SHOWN_NAME_SIZE = 128 };

_Static_assert(CONTAINER_LABEL_SIZE_MAX <= UINT16_MAX, "what an entry has at most");

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

static ClaimReason entry_invalid(const Record *record, const Claim *claim) {
        if (claim->error != ENTRY_OK)
                return REASON_ENTRY;
        if (overlaps_earlier(record, &claim->entry))
                return REASON_OWN_OVERLAP;
        if (!entry_is_shifted_range(&claim->entry))
                return REASON_NONE;
        if (record->labels.balance)
                return REASON_SHIFTED_BALANCE;
        return shifted_ports(record) + port_range_count(claim->entry.host_ports) > SHIFTED_PORTS_MAX
                       ? REASON_SHIFTED_LIMIT
                       : REASON_NONE;
}

/* 127.0.0.0/8 is route_localnet's; for ::1 the kernel has nothing of the kind. */
static ClaimReason loopback_denied(const Entry *entry, const Policy *policy) {
        if (!address_is_loopback(&entry->host))
                return REASON_NONE;
        if (entry->host.family == AF_INET6)
                return REASON_IPV6_LOOPBACK;
        return policy->localhost ? REASON_NONE : REASON_LOCALHOST_OFF;
}

static ClaimReason entry_denied(const Entry *entry, const ContainerLabel *label, const Policy *policy) {
        if (!label_counts(label, policy))
                return REASON_IMAGE_LABEL;
        if (!policy_permits_ports(policy, entry->host_ports))
                return REASON_FORBIDDEN_PORT;
        if (policy_find_reserved(policy, entry->host_ports) != 0)
                return REASON_RESERVED_PORT;
        if (!policy_permits_address(policy, &entry->host))
                return REASON_FORBIDDEN_ADDRESS;
        return loopback_denied(entry, policy);
}

static void claim_refuse(Claim *claim, ClaimState state, ClaimReason reason) {
        claim->refused = reason != REASON_NONE;
        claim->reason = reason;
        claim->state = claim->refused ? state : CLAIM_WAITING;
}

static void claim_judge(const Record *record, Claim *claim, const ContainerLabel *label, const Policy *policy) {
        claim_refuse(claim, CLAIM_INVALID, entry_invalid(record, claim));
        if (!claim->refused && record->labels.problem)
                claim_refuse(claim, CLAIM_INVALID, REASON_LABEL);
        if (!claim->refused)
                claim_refuse(claim, CLAIM_DENIED, entry_denied(&claim->entry, label, policy));
        if (claim->reason == REASON_RESERVED_PORT)
                claim->reserved = policy_find_reserved(policy, claim->entry.host_ports);
}

static void record_add_claim(Record *record, const char *text, size_t size, const ContainerLabel *label,
                             const Policy *policy) {
        Claim *claim = &record->claims[record->n_claims];

        claim->text = text;
        claim->text_size = (uint16_t) size;
        claim->error = entry_parse(text, size, &claim->entry);
        claim_judge(record, claim, label, policy);
        record->n_claims++;
}

static size_t count_entries(const ContainerLabel *label) {
        const char *cursor = label ? label->value : NULL, *text;
        size_t n = 0, size;

        while (n < CLAIMS_MAX && entry_next(&cursor, &text, &size))
                n++;
        return n;
}

/* There is room. */
static void record_read_claims(Record *record, const ContainerLabel *label, const Policy *policy) {
        const char *cursor = label ? label->value : NULL, *text;
        size_t size;

        while (record->n_claims < CLAIMS_MAX && entry_next(&cursor, &text, &size))
                record_add_claim(record, text, size, label, policy);
        if (label && (cursor || label->cut))
                claim_refuse(&record->claims[record->n_claims - 1], CLAIM_INVALID, REASON_LABEL_TOO_LONG);
}

/* Calico's driver gives every endpoint this address (libnetwork-plugin: "EE:EE:EE:EE:EE:EE"). */
static bool network_is_calico(const ContainerNetwork *network) {
        static const uint8_t calico_mac[MAC_SIZE] = { 0xee, 0xee, 0xee, 0xee, 0xee, 0xee };

        return memcmp(network->mac, calico_mac, MAC_SIZE) == 0;
}

static bool network_is_called(const ContainerNetwork *network, const char *wanted) {
        enum { SHORT_ID_SIZE = 12 };
        size_t size = strlen(wanted);

        return strcmp(network->name, wanted) == 0 ||
               (size >= SHORT_ID_SIZE && strncmp(network->id, wanted, size) == 0);
}

/* Docker gives all kinds of networks that address; an endpoint in the datastore says it of this one. */
static bool network_is_attached(const ContainerNetwork *network, const Attachments *attachments) {
        return network_is_calico(network) || (network->endpoint_id && attachments_find(attachments, network->endpoint_id));
}

/* The one that the label names; else the only one; else Calico's; else the one that holds the default route: Docker
 * gives it to the first by name of those that have a gateway. */
static const ContainerNetwork *choose_network(const Container *container, const char *wanted,
                                              const Attachments *attachments, NetworkChoice *ret) {
        const ContainerNetwork *calico = NULL, *route = NULL;

        for (size_t i = 0; i < container->n_networks; i++) {
                const ContainerNetwork *network = &container->networks[i];

                if (wanted && network_is_called(network, wanted)) {
                        *ret = NETWORK_NAMED;
                        return network;
                }
                if (!calico && network_is_attached(network, attachments))
                        calico = network;
                if (!route && network->has_gateway)
                        route = network;
        }
        if (wanted || container->n_networks == 0)
                return NULL;
        *ret = container->n_networks == 1 ? NETWORK_ONLY
               : calico                   ? NETWORK_CALICO
               : route                    ? NETWORK_DEFAULT_ROUTE
                                          : NETWORK_FIRST;
        return calico ?: route ?: &container->networks[0];
}

static bool network_is_none(const ContainerNetwork *network) {
        return strcmp(network->name, "none") == 0;
}

static bool uses_others_network(const Record *record) {
        const char *mode = record->container->network_mode ?: "";

        return strcmp(mode, "host") == 0 || strncmp(mode, "container:", strlen("container:")) == 0;
}

/* A network of Calico's plugin has an endpoint by Docker's ID; else the container may have been joined by hand, beside
 * whatever Docker gave it. */
static void choose_attachment(Record *record, const Attachments *attachments) {
        const ContainerNetwork *network = record->network;

        record->attachment = NULL;
        record->calico = false;
        if (attachments->state == ATTACHMENTS_OFF || uses_others_network(record))
                return;
        if (network && network_is_attached(network, attachments)) {
                record->attachment = attachments_find(attachments, network->endpoint_id ?: "");
                record->calico = true;
        } else if (!record->labels.network || (network && network_is_none(network))) {
                record->attachment = attachments_find_container(attachments, record->container->id);
                record->calico = record->attachment;
        }
        if (record->attachment && *record->attachment->container)
                record->network = NULL;
}

static bool network_has_address(const ContainerNetwork *network) {
        return address_is_set(&network->ipv4) || address_is_set(&network->ipv6);
}

/* What cannot be read says nothing of the address that Docker knows. */
static ClaimReason attachment_refusal(const Record *record) {
        const Attachment *attachment = record->attachment;

        if (*attachment->reason)
                return record->network && network_has_address(record->network) ? REASON_NONE
                                                                               : REASON_ATTACHMENT_UNREADABLE;
        return address_is_set(&attachment->ipv4) || address_is_set(&attachment->ipv6) ? REASON_NONE
                                                                                      : REASON_ATTACHMENT_EMPTY;
}

static ClaimReason network_refusal(const Record *record, const Attachments *attachments) {
        const char *mode = record->container->network_mode ?: "";

        if (strcmp(mode, "host") == 0)
                return REASON_HOST_NETWORK;
        if (strncmp(mode, "container:", strlen("container:")) == 0)
                return REASON_SHARED_NETWORK;
        if (record->attachment)
                return attachment_refusal(record);
        if (record->memory)
                return REASON_NONE;
        if (!record->network && record->labels.network)
                return REASON_NETWORK_ABSENT;
        if (!record->network || network_is_none(record->network))
                return attachments->state == ATTACHMENTS_OFF     ? REASON_NO_NETWORK
                       : attachments->state == ATTACHMENTS_KNOWN ? REASON_NO_ATTACHMENT
                                                                 : REASON_DATASTORE_UNREAD;
        return network_has_address(record->network) ? REASON_NONE : REASON_NO_ADDRESS;
}

static ClaimReason health_refusal(const Record *record) {
        if (!record->labels.healthy)
                return REASON_NONE;
        switch (record->container->health) {
        case HEALTH_HEALTHY:
                return REASON_NONE;
        case HEALTH_NONE:
                return REASON_NO_HEALTH_CHECK;
        case HEALTH_STARTING:
                return REASON_STARTING;
        case HEALTH_UNHEALTHY:
                return REASON_UNHEALTHY;
        default:
                return REASON_HEALTH_UNKNOWN;
        }
}

static ClaimReason container_refusal(const Record *record, const Attachments *attachments) {
        ClaimReason reason;

        if (record->container->state == CONTAINER_STOPPED)
                return REASON_NOT_RUNNING;
        if (record->container->state == CONTAINER_RESTARTING)
                return REASON_RESTARTING;
        reason = network_refusal(record, attachments);
        return reason != REASON_NONE ? reason : health_refusal(record);
}

static const char *choose_profile(const Record *record) {
        if (record->labels.profile)
                return record->labels.profile;
        if (record->attachment && *record->attachment->profile)
                return record->attachment->profile;
        if (record->memory)
                return record->memory->profile;
        return record->network ? record->network->name : record->attachment ? "none" : "";
}

static void take_addresses(Record *record) {
        const Attachment *attachment = record->attachment;
        bool readable = attachment && !*attachment->reason;

        record->ipv4 = record->ipv6 = (Address) {};
        if (record->waiting != REASON_NONE)
                return;
        record->ipv4 = readable        ? attachment->ipv4
                       : record->network ? record->network->ipv4
                                         : record->memory->ipv4;
        record->ipv6 = readable        ? attachment->ipv6
                       : record->network ? record->network->ipv6
                                         : record->memory->ipv6;
}

/* The memory stands for the endpoint that the datastore would name: where one of Docker's networks is Calico's, that is
 * the endpoint. Of one that is remembered nothing but the address is known. */
static void record_choose_network(Record *record, const Attachments *attachments) {
        record->network = choose_network(record->container, record->labels.network, attachments, &record->choice);
        choose_attachment(record, attachments);
        if (attachments->state != ATTACHMENTS_UNKNOWN || record->attachment ||
            (record->calico && network_has_address(record->network)))
                free(TAKE_PTR(record->memory));
        if (record->memory) {
                record->network = NULL;
                record->calico = false;
        }
        record->waiting = container_refusal(record, attachments);
        record->profile = choose_profile(record);
        take_addresses(record);
}

static void forget_changed_paths(Record *record, const Address *ipv4, const Address *ipv6) {
        if (address_compare(&record->ipv4, ipv4) != 0)
                record->path4 = (RecordPath) {};
        if (address_compare(&record->ipv6, ipv6) != 0)
                record->path6 = (RecordPath) {};
}

/* The profile's text may be gone by now. */
bool record_attach(Record *record, const Attachments *attachments) {
        const Record before = *record;

        record_choose_network(record, attachments);
        forget_changed_paths(record, &before.ipv4, &before.ipv6);
        return record->waiting != before.waiting || address_compare(&record->ipv4, &before.ipv4) != 0 ||
               address_compare(&record->ipv6, &before.ipv6) != 0 || record->calico != before.calico ||
               record->attachment != before.attachment;
}

int record_remember(Record *record, const RecordMemory *memory, const Attachments *attachments) {
        if (!record->memory && !(record->memory = malloc(sizeof(*memory))))
                return -ENOMEM;
        *record->memory = *memory;
        (void) record_attach(record, attachments);
        return 0;
}

/* Mostly there is nothing to be escaped. */
static int record_take_name(Record *record) {
        char shown[SHOWN_NAME_SIZE], *name = record->container->name;

        text_escape(name ?: "", name ? strlen(name) : 0, shown, sizeof(shown));
        record->name = name && strcmp(shown, name) == 0 ? name : strdup(shown);
        return record->name ? 0 : -ENOMEM;
}

Record *record_new(Container *container, const Policy *policy) {
        static const Attachments none = { .state = ATTACHMENTS_OFF };
        const ContainerLabel *label = container_find_label(container, LABEL_EXPOSE);
        _cleanup_(record_freep) Record *record = calloc(1, sizeof(*record) + count_entries(label) * sizeof(Claim));

        if (!record) {
                container_free(container);
                return NULL;
        }
        record->container = container;
        record->claims = (Claim *) (record + 1);
        if (record_take_name(record) < 0 || labels_read(container, policy, &record->labels) < 0)
                return NULL;
        record_read_claims(record, label, policy);
        record_choose_network(record, &none);
        return TAKE_PTR(record);
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        for (size_t i = 0; i < record->n_claims; i++)
                free(record->claims[i].host_port);
        free(record->memory);
        if (record->container && record->name != record->container->name)
                free(record->name);
        labels_done(&record->labels);
        container_free(record->container);
        carried_free(record->carried);
        free(record);
        return NULL;
}

static bool text_equal(const Claim *a, const Claim *b) {
        return a->text_size == b->text_size && memcmp(a->text, b->text, a->text_size) == 0;
}

void record_inherit(Record *record, const Record *old) {
        record->introduced = old->introduced;
        record->listed = old->listed;
        record->doubted = old->doubted;
        for (size_t i = 0; i < MIN(record->n_claims, old->n_claims); i++) {
                if (!text_equal(&record->claims[i], &old->claims[i]))
                        continue;
                record->claims[i].holds = old->claims[i].holds;
                record->claims[i].notice = old->claims[i].notice;
        }
        if (address_compare(&record->ipv4, &old->ipv4) == 0)
                record->path4 = old->path4;
        if (address_compare(&record->ipv6, &old->ipv6) == 0)
                record->path6 = old->path6;
}

bool record_is_vague(const Record *record) {
        return record->waiting == REASON_HEALTH_UNKNOWN || !container_knows_network_mode(record->container);
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

const char *claim_format_text(const Claim *claim, char buffer[static CLAIM_TEXT_SIZE]) {
        return text_escape(claim->text, claim->text_size, buffer, CLAIM_TEXT_SIZE);
}

static const char *const reason_texts[_CLAIM_REASON_MAX] = {
        [REASON_NONE] = "",
        [REASON_OWN_OVERLAP] = "an earlier entry of this container has the same host port",
        [REASON_SHIFTED_LIMIT] = "the container's ranges with other ports on the host hold more than 4096 ports",
        [REASON_LABEL_TOO_LONG] = "the label is cut here: expected at most 4096 bytes and 256 entries",
        [REASON_SHIFTED_BALANCE] = "expected the same ports on the host and in the container, for mode=balance",
        [REASON_IMAGE_LABEL] = "the label came with the image, and the configuration has ImageLabels=ignore",
        [REASON_FORBIDDEN_PORT] = "the configuration does not permit that host port: see Ports=",
        [REASON_FORBIDDEN_ADDRESS] = "the configuration does not permit that host address: see Addresses=",
        [REASON_LOCALHOST_OFF] = "the configuration has Localhost=no",
        [REASON_IPV6_LOOPBACK] = "the kernel cannot send on what comes to ::1",
        [REASON_NOT_RUNNING] = "the container is not running",
        [REASON_RESTARTING] = "the container is restarting",
        [REASON_HOST_NETWORK] = "the container uses the host's network: its ports are the host's own",
        [REASON_NO_NETWORK] = "the container has no network",
        [REASON_SHARED_NETWORK] = "the container shares another container's network: that one must carry the label",
        [REASON_NO_ADDRESS] = "the container has no address yet",
        [REASON_NO_HEALTH_CHECK] = "the container has no health check, and calico.expose.when=healthy waits for one",
        [REASON_HEALTH_UNKNOWN] = "the container's health is not known yet",
        [REASON_STARTING] = "the container's health check has not passed yet",
        [REASON_UNHEALTHY] = "the container is unhealthy",
        [REASON_NO_ATTACHMENT] = "the container has no network, and Calico's datastore has no endpoint of it",
        [REASON_DATASTORE_UNREAD] = "the container has no network of Docker's, and Calico's datastore was not read yet",
        [REASON_ATTACHMENT_EMPTY] = "Calico's record of the container's endpoint has no address",
};

static const char *format_named(const char *before, const char *name, const char *after,
                                char buffer[static CLAIM_REASON_SIZE]) {
        char shown[SHOWN_NAME_SIZE];

        snprintf(buffer, CLAIM_REASON_SIZE, "%s%s%s", before, text_escape(name, strlen(name), shown, sizeof(shown)),
                 after);
        return buffer;
}

static const char *format_missing_family(const Record *record, const Claim *claim,
                                         char buffer[static CLAIM_REASON_SIZE]) {
        bool v4 = claim->entry.family == AF_INET;

        if (!record->network)
                return v4 ? "the container has no IPv4 address from Calico" : "the container has no IPv6 address from Calico";
        return format_named(v4 ? "the container has no IPv4 address on network "
                               : "the container has no IPv6 address on network ",
                            record->network->name, "", buffer);
}

static const char *format_other(const Claim *claim, const char *what, char buffer[static CLAIM_REASON_SIZE]) {
        snprintf(buffer, CLAIM_REASON_SIZE, "container %s %s", claim->other ? claim->other->name : "?", what);
        return buffer;
}

static const char *format_host_port(const HostPort *port, char buffer[static CLAIM_REASON_SIZE]) {
        char address[ADDRESS_TEXT_SIZE];
        const char *shown = address_is_set(&port->address) ? address_format(&port->address, address) : "all addresses";

        snprintf(buffer, CLAIM_REASON_SIZE, "%s has port %u/%s of %s", port->user, port->port,
                 protocol_to_string(port->protocol), shown);
        return buffer;
}

const char *claim_format_reason(const Record *record, const Claim *claim, char buffer[static CLAIM_REASON_SIZE]) {
        switch (claim->reason) {
        case REASON_ENTRY:
                return entry_error_to_string(claim->error);
        case REASON_LABEL:
                return record->labels.problem;
        case REASON_RESERVED_PORT:
                snprintf(buffer, CLAIM_REASON_SIZE, "the configuration reserves host port %u: see ReservedPorts=",
                         claim->reserved);
                return buffer;
        case REASON_NO_FAMILY_ADDRESS:
                return format_missing_family(record, claim, buffer);
        case REASON_NETWORK_ABSENT:
                return format_named("the container is not on network ", record->labels.network,
                                    ", which calico.expose.network names", buffer);
        case REASON_ATTACHMENT_UNREADABLE:
                snprintf(buffer, CLAIM_REASON_SIZE, "Calico's record of the container's endpoint cannot be read: %s",
                         record->attachment ? record->attachment->reason : "?");
                return buffer;
        case REASON_DUPLICATE_ADDRESS:
                return format_other(claim, "has the same address", buffer);
        case REASON_HELD:
                return format_other(claim, "holds that host port", buffer);
        case REASON_NOT_BALANCED:
                return format_other(claim, "holds that host port, and not both have mode=balance", buffer);
        case REASON_BALANCE_DIFFERS:
                return format_other(claim, "balances it with other ports, addresses or limits", buffer);
        case REASON_HOST_PORT:
                return format_host_port(claim->host_port, buffer);
        default:
                return reason_texts[claim->reason];
        }
}

/* Docker's name for a published port comes with its next list only: until then all that is known is the process that
 * does the work. What comes behind that is no better word. */
static bool is_docker_port(const Claim *claim) {
        return claim->reason == REASON_HOST_PORT && claim->host_port->docker;
}

static uint64_t hash_other(const Claim *claim) {
        if (is_docker_port(claim))
                return hash_bytes(HASH_START, claim->host_port->user, strlen(claim->host_port->user));
        return claim->other ? hash_bytes(HASH_START, claim->other->container->id, CONTAINER_ID_SIZE) : 0;
}

bool claim_is_news(const Record *record, const Claim *claim) {
        const ClaimNotice *notice = &claim->notice;

        if (!notice->announced)
                return true;
        return notice->state != claim->state || notice->reason != claim->reason ||
               (notice->other != hash_other(claim) && (claim->reason != REASON_HOST_PORT || is_docker_port(claim))) ||
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
                .other = hash_other(claim),
        };
}
