/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/arbiter.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"

/* A claim that could be exposed if its host port is free. */
typedef struct Candidate {
        Record *record;
        Claim *claim;
} Candidate;

typedef struct AddressUse {
        const Address *address;
        Record *record;
} AddressUse;

static int address_use_compare(const void *a, const void *b) {
        return address_compare(((const AddressUse *) a)->address, ((const AddressUse *) b)->address);
}

/* In the same order always: which of them is named must not depend on how many others there are. */
static int address_use_compare_all(const void *a, const void *b) {
        int r = address_use_compare(a, b);

        return r != 0 ? r : strcmp(((const AddressUse *) a)->record->container->id,
                                   ((const AddressUse *) b)->record->container->id);
}

static size_t record_address_uses(Record *record, AddressUse uses[static 2]) {
        size_t n = 0;

        if (address_is_set(&record->ipv4))
                uses[n++] = (AddressUse) { &record->ipv4, record };
        if (address_is_set(&record->ipv6))
                uses[n++] = (AddressUse) { &record->ipv6, record };
        return n;
}

/* All claims of the record wait, for what happened to the whole container. */
static void record_wait(Record *record, ClaimReason reason, const Record *other) {
        for (size_t i = 0; i < record->n_claims; i++) {
                Claim *claim = &record->claims[i];

                if (claim->refused)
                        continue;
                claim->state = CLAIM_WAITING;
                claim->reason = reason;
                claim->other = other;
        }
}

/* Two containers cannot have one address: what Docker said of one of them is out of date. Until that is known,
 * neither is exposed. */
static int find_duplicate_addresses(Record *const *records, size_t n_records) {
        _cleanup_free_ AddressUse *uses = calloc(n_records * 2 + 1, sizeof(*uses));
        size_t n = 0;

        if (!uses)
                return -ENOMEM;
        for (size_t i = 0; i < n_records; i++)
                n += record_address_uses(records[i], uses + n);
        array_sort(uses, n, sizeof(*uses), address_use_compare_all);
        for (size_t i = 1; i < n; i++) {
                if (address_use_compare(&uses[i - 1], &uses[i]) != 0)
                        continue;
                record_wait(uses[i - 1].record, REASON_DUPLICATE_ADDRESS, uses[i].record);
                record_wait(uses[i].record, REASON_DUPLICATE_ADDRESS, uses[i - 1].record);
        }
        return 0;
}

static ClaimReason claim_waiting_reason(const Record *record, const Claim *claim) {
        if (record->waiting != REASON_NONE)
                return record->waiting;
        if ((claim->entry.family == AF_INET && !address_is_set(&record->ipv4)) ||
            (claim->entry.family == AF_INET6 && !address_is_set(&record->ipv6)))
                return REASON_NO_FAMILY_ADDRESS;
        return REASON_NONE;
}

/* Before the ports are given out: what the claim is by itself. EXPOSED stands for "could be". */
static void record_reset(Record *record) {
        for (size_t i = 0; i < record->n_claims; i++) {
                Claim *claim = &record->claims[i];

                if (claim->refused)
                        continue;
                claim->reason = claim_waiting_reason(record, claim);
                claim->state = claim->reason == REASON_NONE ? CLAIM_EXPOSED : CLAIM_WAITING;
                claim->other = NULL;
        }
}

static int compare_ports(const void *a, const void *b) {
        const Entry *x = &((const Candidate *) a)->claim->entry, *y = &((const Candidate *) b)->claim->entry;

        if (x->protocol != y->protocol)
                return x->protocol < y->protocol ? -1 : 1;
        return (int) x->host_ports.first - (int) y->host_ports.first;
}

static int compare_age(const void *a, const void *b) {
        const Candidate *x = a, *y = b;
        int r = record_compare_age(x->record, y->record);

        return r != 0 ? r : (x->claim > y->claim) - (x->claim < y->claim);
}

static int compare_precedence(const void *a, const void *b) {
        const Candidate *x = a, *y = b;

        if (x->claim->holds != y->claim->holds)
                return x->claim->holds ? -1 : 1;
        return compare_age(a, b);
}

static bool records_balance_alike(const Candidate *a, const Candidate *b) {
        return entry_same_host_side(&a->claim->entry, &b->claim->entry) &&
               limits_equal(&a->record->labels.limits, &b->record->labels.limits);
}

/* Why the candidate cannot have its host port beside one that has it. */
static ClaimReason candidate_refusal(const Candidate *candidate, const Candidate *holder) {
        if (!entry_overlaps(&holder->claim->entry, &candidate->claim->entry))
                return REASON_NONE;
        if (!holder->record->labels.balance && !candidate->record->labels.balance)
                return REASON_HELD;
        if (!holder->record->labels.balance || !candidate->record->labels.balance)
                return REASON_NOT_BALANCED;
        return records_balance_alike(holder, candidate) ? REASON_NONE : REASON_BALANCE_DIFFERS;
}

/* Why the candidate cannot have its host port beside the first n, and who of them is in its way. */
static ClaimReason find_obstacle(const Candidate *candidate, const Candidate *holders, size_t n, const Record **ret) {
        ClaimReason reason = REASON_NONE;

        for (size_t i = 0; i < n && reason == REASON_NONE; i++) {
                reason = candidate_refusal(candidate, &holders[i]);
                *ret = holders[i].record;
        }
        return reason;
}

/* Of several who are in the way the oldest is named, whoever held what before: the next decision says the same. */
static void name_obstacles(Candidate *cluster, size_t n, size_t n_holders) {
        array_sort(cluster, n_holders, sizeof(*cluster), compare_age);
        for (size_t i = n_holders; i < n; i++) {
                Claim *claim = cluster[i].claim;

                claim->state = CLAIM_CONFLICT;
                claim->reason = find_obstacle(&cluster[i], cluster, n_holders, &claim->other);
        }
}

/* Gives the ports of a cluster to its candidates by precedence. */
static void cluster_decide(Candidate *cluster, size_t n) {
        size_t taken = 0;

        if (n == 1)
                return;
        array_sort(cluster, n, sizeof(*cluster), compare_precedence);
        for (size_t i = 0; i < n; i++) {
                const Candidate candidate = cluster[i];
                const Record *other;

                if (find_obstacle(&candidate, cluster, taken, &other) != REASON_NONE)
                        continue;
                cluster[i] = cluster[taken];
                cluster[taken++] = candidate;
        }
        name_obstacles(cluster, n, taken);
}

/* Candidates sorted by port fall into clusters: no port of one is a port of another. */
static void candidates_decide(Candidate *candidates, size_t n) {
        size_t start = 0;
        uint16_t last = 0;

        for (size_t i = 0; i < n; i++) {
                const Entry *entry = &candidates[i].claim->entry;

                if (i > start && (entry->protocol != candidates[start].claim->entry.protocol ||
                                  entry->host_ports.first > last)) {
                        cluster_decide(candidates + start, i - start);
                        start = i;
                }
                last = i == start ? entry->host_ports.last : MAX(last, entry->host_ports.last);
        }
        if (n > start)
                cluster_decide(candidates + start, n - start);
}

int host_port_compare(const HostPort *a, const HostPort *b) {
        if (a->protocol != b->protocol)
                return a->protocol < b->protocol ? -1 : 1;
        if (a->port != b->port)
                return a->port < b->port ? -1 : 1;
        return (int) b->docker - (int) a->docker;
}

static int compare_to_host_port(const void *key, const void *item) {
        return host_port_compare(key, item);
}

static bool host_port_is_entrys(const HostPort *port, const Entry *entry) {
        if (port->family != AF_UNSPEC && entry->family != AF_UNSPEC && port->family != entry->family)
                return false;
        return !address_is_set(&port->address) || !address_is_set(&entry->host) ||
               address_compare(&port->address, &entry->host) == 0;
}

/* Who listened there before the claim came keeps the port, as with bind(2). */
static int claim_meet_host_ports(Claim *claim, const HostPort *ports, size_t n_ports) {
        const HostPort first = { .protocol = claim->entry.protocol, .port = claim->entry.host_ports.first,
                                 .docker = true };
        size_t i = array_lower_bound(&first, ports, n_ports, sizeof(*ports), compare_to_host_port);

        for (; i < n_ports && ports[i].protocol == first.protocol && ports[i].port <= claim->entry.host_ports.last;
             i++) {
                if (!host_port_is_entrys(&ports[i], &claim->entry))
                        continue;
                if (!claim->host_port && !(claim->host_port = malloc(sizeof(*claim->host_port))))
                        return -ENOMEM;
                claim->state = CLAIM_CONFLICT;
                claim->reason = REASON_HOST_PORT;
                *claim->host_port = ports[i];
                return 0;
        }
        return 0;
}

/* Claims that could be exposed, if no other container stands in the way. */
static int collect_candidates(Record *const *records, size_t n_records, const HostPort *host_ports,
                              size_t n_host_ports, Candidate *candidates, size_t *ret_count) {
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < n_records; i++)
                for (size_t k = 0; k < records[i]->n_claims && r >= 0; k++) {
                        Claim *claim = &records[i]->claims[k];

                        if (claim->state == CLAIM_EXPOSED && !claim->holds)
                                r = claim_meet_host_ports(claim, host_ports, n_host_ports);
                        if (claim->state == CLAIM_EXPOSED)
                                candidates[n++] = (Candidate) { records[i], claim };
                }
        *ret_count = n;
        return r;
}

static size_t count_claims(Record *const *records, size_t n_records) {
        size_t n = 0;

        for (size_t i = 0; i < n_records; i++)
                n += records[i]->n_claims;
        return n;
}

int arbiter_decide(Record *const *records, size_t n_records, const HostPort *host_ports, size_t n_host_ports) {
        _cleanup_free_ Candidate *candidates = calloc(count_claims(records, n_records) + 1, sizeof(*candidates));
        size_t n;
        int r;

        if (!candidates)
                return -ENOMEM;
        for (size_t i = 0; i < n_records; i++)
                record_reset(records[i]);
        r = find_duplicate_addresses(records, n_records);
        if (r >= 0)
                r = collect_candidates(records, n_records, host_ports, n_host_ports, candidates, &n);
        if (r < 0)
                return r;

        array_sort(candidates, n, sizeof(*candidates), compare_ports);
        candidates_decide(candidates, n);

        for (size_t i = 0; i < n_records; i++)
                for (size_t k = 0; k < records[i]->n_claims; k++)
                        records[i]->claims[k].holds = records[i]->claims[k].state == CLAIM_EXPOSED;
        return 0;
}
