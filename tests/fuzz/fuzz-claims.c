/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "daemon/model/model.h"
#include "daemon/nft/decode.h"
#include "daemon/nft/encode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/table.h"

/* What containers ask for, all the way: labels to claims, to elements, to the messages that make the table, and from
 * these back to elements. The input is a story, one line for each thing that happens; its first character says what:
 *
 *     #3 name           container 3 comes, or is there anew, with what the lines that follow say of it:
 *     =80,53/udp        calico.expose
 *     .from=192.0.2.1   calico.expose.from; what stands before the = is the key's end
 *     @front 172.18.0.2 fd00::2     a network, and the addresses on it
 *     *pauses|restarts|starts|fails its state or health
 *     %                 its labels came with the image
 *     ~3                container 3 goes
 *     -80/udp           a process of the host has that port (an entry of the label, for its address)
 *     !hli              another policy, by letters: see policy_read()
 *     ;                 the model decides, and the kernel does it
 *     ^                 and then the daemon is started anew
 */

enum { CONTAINERS_MAX = 10 };

typedef struct Story {
        Model *model;
        Policy policy;
        Container *container; /* that the lines are about, or NULL */
        HostPort *host_ports;
        size_t n_host_ports, host_ports_capacity;
        bool touched[CONTAINERS_MAX]; /* since the last decision */
} Story;

static char *text_copy(const char *text) {
        return fuzz_must(strdup(text));
}

static Container *container_begin(unsigned number, const char *name) {
        char id[CONTAINER_ID_SIZE + 1];
        Container *container;

        snprintf(id, sizeof(id), "%064x", number);
        container = fuzz_must(container_new(id));
        container->name = text_copy(name);
        container->image_id = text_copy("");
        container->network_mode = text_copy("");
        container->created = number / 3; /* some are as old as others */
        container->health = HEALTH_NONE;
        return container;
}

static int label_compare(const void *a, const void *b) {
        return strcmp(((const ContainerLabel *) a)->key, ((const ContainerLabel *) b)->key);
}

/* As the decoder would give it: cut, sorted, each key once. */
static void container_add_label(Container *container, const char *end, const char *value) {
        char key[64];
        size_t n = container->n_labels;

        snprintf(key, sizeof(key), "calico.expose%s", end);
        if (n == CONTAINER_LABELS_MAX || container_find_label(container, key))
                return;
        container->labels = fuzz_must(realloc(container->labels, (n + 1) * sizeof(*container->labels)));
        container->labels[n] = (ContainerLabel) {
                .key = text_copy(key),
                .value = fuzz_must(strndup(value, CONTAINER_LABEL_SIZE_MAX)),
        };
        container->n_labels = n + 1;
        qsort(container->labels, n + 1, sizeof(*container->labels), label_compare);
}

static int network_compare(const void *a, const void *b) {
        return strcmp(((const ContainerNetwork *) a)->name, ((const ContainerNetwork *) b)->name);
}

static void network_set_address(ContainerNetwork *network, const char *text) {
        Address address;

        if (!text || address_parse(text, &address) < 0)
                return;
        if (address.family == AF_INET)
                network->ipv4 = address;
        else
                network->ipv6 = address;
}

static void container_add_network(Container *container, char *line) {
        size_t n = container->n_networks;
        const char *name = strsep(&line, " ");

        if (n == 4)
                return;
        container->networks = fuzz_must(realloc(container->networks, (n + 1) * sizeof(*container->networks)));
        container->networks[n] = (ContainerNetwork) {
                .name = text_copy(name),
                .id = text_copy("0123456789abcdef"),
                .endpoint_id = text_copy(""),
        };
        while (line)
                network_set_address(&container->networks[n], strsep(&line, " "));
        container->n_networks = n + 1;
        qsort(container->networks, n + 1, sizeof(*container->networks), network_compare);
}

static void container_set_state(Container *container, const char *word) {
        if (strcmp(word, "pauses") == 0)
                container->state = CONTAINER_PAUSED;
        else if (strcmp(word, "restarts") == 0)
                container->state = CONTAINER_RESTARTING;
        else if (strcmp(word, "starts") == 0)
                container->health = HEALTH_STARTING;
        else if (strcmp(word, "fails") == 0)
                container->health = HEALTH_UNHEALTHY;
        else
                container->health = HEALTH_HEALTHY;
}

static void container_line(Container *container, char kind, char *line) {
        char *value = strchr(line, '=');

        if (kind == '=')
                container_add_label(container, "", line);
        else if (kind == '@')
                container_add_network(container, line);
        else if (kind == '*')
                container_set_state(container, line);
        else if (kind == '%')
                for (size_t i = 0; i < container->n_labels; i++)
                        container->labels[i].from_image = true;
        else if (kind == '.' && value) {
                *value = '\0';
                container_add_label(container, line - 1, value + 1);
        }
}

static unsigned container_number(const char *line) {
        return (unsigned) (*line - '0') % CONTAINERS_MAX;
}

/* What kernel.c finds out of the container's addresses. */
static void record_set_path(const Address *address, RecordPath *path, uint8_t length) {
        *path = (RecordPath) { .asked = true, .known = address_is_set(address) };
        if (!path->known)
                return;
        path->neighbours = length;
        path->localnet = true;
        strcpy(path->ifname, "docker0");
}

static void container_end(Story *story) {
        Record *record;
        char id[CONTAINER_ID_SIZE + 1];

        if (!story->container)
                return;
        strcpy(id, story->container->id);
        CHECK(model_put(story->model, TAKE_PTR(story->container)) >= 0);
        record = fuzz_must(model_find(story->model, id));
        /* On one network the networks of the routes overlap: even numbers have a smaller one. */
        record_set_path(&record->ipv4, &record->path4, record->container->created % 2 ? 16 : 24);
        record_set_path(&record->ipv6, &record->path6, record->container->created % 2 ? 128 : 64);
}

static void add_address(Policy *policy, const char *text) {
        Prefix *prefixes = fuzz_must(realloc(policy->addresses, (policy->n_addresses + 1) * sizeof(*prefixes)));

        CHECK(prefix_parse(text, &prefixes[policy->n_addresses++]) == 0);
        policy->addresses = prefixes;
}

static void add_ports(PortRange **ports, size_t *n, PortRange range) {
        *ports = fuzz_must(realloc(*ports, (*n + 1) * sizeof(**ports)));
        (*ports)[(*n)++] = range;
}

static Policy policy_read(const char *letters) {
        Policy policy = {
                .localhost = !strchr(letters, 'l'),
                .honor_image_labels = strchr(letters, 'h'),
        };

        if (strchr(letters, 'i')) {
                policy.interfaces = fuzz_must(malloc(2 * sizeof(*policy.interfaces)));
                policy.interfaces[policy.n_interfaces++] = text_copy("eth0");
                policy.interfaces[policy.n_interfaces++] = text_copy("lo");
        }
        if (strchr(letters, 'a')) {
                add_address(&policy, "192.0.2.0/24");
                add_address(&policy, "192.0.2.1");
                add_address(&policy, "127.0.0.0/8");
                add_address(&policy, "2001:db8::/32");
        }
        if (strchr(letters, 'r'))
                add_ports(&policy.reserved, &policy.n_reserved, (PortRange) { 22, 22 });
        add_ports(&policy.ports, &policy.n_ports, (PortRange) { 1, strchr(letters, 'p') ? 8999 : UINT16_MAX });
        return policy;
}

static void story_set_policy(Story *story, const char *letters) {
        Policy old = story->policy;

        story->policy = policy_read(letters);
        CHECK(model_set_policy(story->model, &story->policy) == 0);
        policy_done(&old);
        memset(story->touched, true, sizeof(story->touched));
}

static void story_add_host_port(Story *story, const char *text) {
        HostPort *port;
        Entry entry;

        if (entry_parse(text, strlen(text), &entry) != ENTRY_OK || story->n_host_ports == CONTAINERS_MAX)
                return;
        CHECK(array_reserve(&story->host_ports, &story->host_ports_capacity, story->n_host_ports + 1,
                            sizeof(*port)) == 0);
        port = &story->host_ports[story->n_host_ports++];
        *port = (HostPort) { .protocol = entry.protocol, .family = entry.family, .address = entry.host,
                             .port = entry.host_ports.first, .docker = entry.host_ports.first % 2,
                             .user = "somebody" };
}

static void story_remove(Story *story, unsigned number) {
        char id[CONTAINER_ID_SIZE + 1];

        snprintf(id, sizeof(id), "%064x", number);
        (void) model_remove(story->model, id);
        story->touched[number] = true;
}

/* Decisions. */

/* Which claims of which containers were exposed before a decision. */
typedef struct Holders {
        bool exposed[CONTAINERS_MAX][CLAIMS_MAX];
} Holders;

static unsigned record_number(const Record *record) {
        return (unsigned) strtoul(record->container->id, NULL, 16);
}

static Holders holders_of(const Model *model) {
        Holders holders = {};
        size_t n;
        Record *const *records = model_records(model, &n);

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < records[i]->n_claims; k++)
                        holders.exposed[record_number(records[i])][k] =
                                records[i]->claims[k].state == CLAIM_EXPOSED;
        return holders;
}

static ClaimState state_of_reason(ClaimReason reason) {
        return reason == REASON_NONE                ? CLAIM_EXPOSED
               : reason <= REASON_SHIFTED_BALANCE   ? CLAIM_INVALID
               : reason <= REASON_IPV6_LOOPBACK     ? CLAIM_DENIED
               : reason <= REASON_UNHEALTHY         ? CLAIM_WAITING
                                                    : CLAIM_CONFLICT;
}

static void check_claim(const Story *story, const Record *record, const Claim *claim, bool held) {
        char buffer[CLAIM_REASON_SIZE], text[CLAIM_TEXT_SIZE];

        CHECK(claim->state == state_of_reason(claim->reason));
        CHECK(claim->refused == (claim->state == CLAIM_INVALID || claim->state == CLAIM_DENIED));
        CHECK(claim->holds == (claim->state == CLAIM_EXPOSED));
        fuzz_check_shown(claim_format_text(claim, text), CLAIM_TEXT_SIZE);
        fuzz_check_shown(claim_format_reason(record, claim, buffer), CLAIM_REASON_SIZE);
        if (claim->state == CLAIM_EXPOSED) {
                CHECK(policy_permits_ports(&story->policy, claim->entry.host_ports));
                CHECK(policy_find_reserved(&story->policy, claim->entry.host_ports) == 0);
                CHECK(policy_permits_address(&story->policy, &claim->entry.host));
                CHECK(claim->entry.family != AF_INET || address_is_set(&record->ipv4));
                CHECK(claim->entry.family != AF_INET6 || address_is_set(&record->ipv6));
        }
        /* Who holds a port keeps it, whoever comes. */
        if (held && !story->touched[record_number(record)])
                CHECK(claim->state == CLAIM_EXPOSED || claim->reason == REASON_DUPLICATE_ADDRESS);
}

/* No host port is given to two, but where both balance it alike. */
static void check_pair(const Record *a, const Claim *x, const Record *b, const Claim *y) {
        if (x->state != CLAIM_EXPOSED || y->state != CLAIM_EXPOSED || !entry_overlaps(&x->entry, &y->entry))
                return;
        CHECK(a != b && a->labels.balance && b->labels.balance);
        CHECK(entry_same_host_side(&x->entry, &y->entry) && limits_equal(&a->labels.limits, &b->labels.limits));
}

static void check_pairs(Record *const *records, size_t n, const Record *a, const Claim *x) {
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < records[i]->n_claims; k++)
                        if (&records[i]->claims[k] != x)
                                check_pair(a, x, records[i], &records[i]->claims[k]);
}

static void check_claims(const Story *story, const Holders *before) {
        size_t n;
        Record *const *records = model_records(story->model, &n);

        for (size_t i = 0; i < n; i++) {
                CHECK(records[i]->n_claims <= CLAIMS_MAX);
                for (size_t k = 0; k < records[i]->n_claims; k++) {
                        const Claim *claim = &records[i]->claims[k];

                        check_claim(story, records[i], claim, before->exposed[record_number(records[i])][k]);
                        if (claim->state == CLAIM_EXPOSED)
                                check_pairs(records, n, records[i], claim);
                }
        }
}

static void check_counts(const Model *model) {
        ModelCounts counts;
        size_t n, n_claims = 0;
        Record *const *records = model_records(model, &n);

        model_count(model, &counts);
        for (size_t i = 0; i < n; i++)
                n_claims += records[i]->n_claims;
        for (size_t i = 0; i < _CLAIM_STATE_MAX; i++)
                n_claims -= counts.claims[i];
        CHECK(n_claims == 0);
        CHECK(counts.exposed_containers <= n && (counts.exposed_ports > 0) == (counts.exposed_containers > 0));
}

static void story_give_host_ports(Story *story) {
        size_t n = story->n_host_ports;

        model_set_host_ports(story->model, n > 0 ? fuzz_copy(story->host_ports, n * sizeof(HostPort)) : NULL, n);
}

/* Decides, and looks at all that comes of it; then the kernel has it. */
static void story_decide(Story *story) {
        Holders before = holders_of(story->model);
        Plan plan;

        container_end(story);
        story_give_host_ports(story);
        CHECK(model_decide(story->model, &plan) == 0);
        check_claims(story, &before);
        check_counts(story->model);
        table_check_plan(&plan);
        plan_done(&plan);
        table_check_elements(model_after(story->model));
        model_commit(story->model);
        model_forget_departed(story->model);

        /* Nothing is left to do. */
        CHECK(model_decide(story->model, &plan) == 0);
        CHECK(plan_is_empty(&plan));
        plan_done(&plan);
        model_commit(story->model);
        memset(story->touched, false, sizeof(story->touched));
}

/* Another model that has heard nothing but what Docker says now, and finds the table as it is: all is as it should
 * be. */
static void story_restart(Story *story) {
        _cleanup_(texts_freep) Texts *texts = fuzz_must(texts_new());
        Model *old = story->model;
        size_t n;
        Record *const *records = model_records(old, &n);
        Elements actual;
        Plan plan;

        CHECK(model_new(&story->policy, &story->model) == 0);
        for (size_t i = 0; i < n; i++) {
                story->container = fuzz_must(container_copy(records[i]->container, texts));
                container_end(story);
        }
        CHECK(model_copy_actual(old, &actual) == 0);
        CHECK(model_set_actual(story->model, &actual) == 0);
        elements_done(&actual);
        CHECK(model_adopt_holders(story->model) == 0);
        story_give_host_ports(story);
        CHECK(model_decide(story->model, &plan) == 0);
        CHECK(plan_is_empty(&plan));
        check_claims(story, &(Holders) {});
        plan_done(&plan);
        model_commit(story->model);
        model_free(old);
}

static void story_line(Story *story, char *line) {
        char kind = *line;

        if (kind == '\0')
                return;
        line++;
        if (kind == ';' || kind == '^')
                story_decide(story);
        if (kind == '^')
                story_restart(story);
        else if (kind == '!')
                story_set_policy(story, line);
        else if (kind == '-')
                story_add_host_port(story, line);
        else if (kind == '~')
                story_remove(story, container_number(line));
        else if (kind == '#') {
                container_end(story);
                story->container = container_begin(container_number(line), line);
                story->touched[container_number(line)] = true;
        } else if (story->container)
                container_line(story->container, kind, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = fuzz_text(data, size);
        Story story = { .policy = policy_read("") };
        char *cursor = text, *line;

        CHECK(model_new(&story.policy, &story.model) == 0);
        while ((line = fuzz_line(&cursor)))
                story_line(&story, line);
        story_decide(&story);
        model_free(story.model);
        policy_done(&story.policy);
        free(story.host_ports);
        return 0;
}
