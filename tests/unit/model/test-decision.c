/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/model/arbiter.h"
#include "daemon/model/desired.h"
#include "daemon/model/model.h"
#include "daemon/model/withdrawn.h"
#include "tests/cmocka.h"
#include "tests/unit/docker/failing.h"
#include "tests/rounds.h"
#include "tests/unit/model/builder.h"

/* A decision that looks at what was touched must come to what one that looks at all comes to. Two models live through the
 * same random history; `whole` looks at all each time. What it comes to is checked against the definition: the claims as
 * the arbiter gives them, the elements of each record, sorted, merged and compared with what was there. */

enum { UNIVERSE = 40, STEPS = 300, HISTORIES = 16 };

/* A linear congruential generator: the same on every machine. */
static uint32_t random_next(uint32_t *seed) {
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static unsigned pick(uint32_t *seed, unsigned n) {
        return random_next(seed) % n;
}

static const char *id_of(unsigned number, char buffer[static CONTAINER_ID_SIZE + 1]) {
        snprintf(buffer, CONTAINER_ID_SIZE + 1, "%064x", number);
        return buffer;
}

/* Containers. */

static void random_entries(uint32_t *seed, char buffer[static 128]) {
        unsigned first = 80 + pick(seed, 30), width = pick(seed, 6);
        int n;

        switch (pick(seed, 8)) {
        case 0:
                n = snprintf(buffer, 128, "%u-%u", first, first + width);
                break;
        case 1:
                n = snprintf(buffer, 128, "%u-%u:%u-%u", first, first + width, first + 100, first + 100 + width);
                break;
        case 2:
                n = snprintf(buffer, 128, "127.0.0.1:%u:80,[2001:db8::1]:%u:80", first, first + 1);
                break;
        case 3:
                n = snprintf(buffer, 128, "%u:53/udp,x", first);
                break;
        case 4:
                n = snprintf(buffer, 128, "%u-%u,%u:%u", first, first + width, first + 50, first + 1);
                break;
        default:
                n = snprintf(buffer, 128, "%u:80", first);
        }
        assert_in_range(n, 1, 127);
}

static void random_labels(Container *container, uint32_t *seed) {
        static const struct {
                const char *key, *value;
        } labels[] = {
                { "calico.expose.from", "10.0.0.0/8" },
                { "calico.expose.from", "10.0.0.0/8,2001:db8::/32" },
                { "calico.expose.interface", "eth0,eth1" },
                { "calico.expose.profile", "other" },
                { "calico.expose.when", "healthy" },
        };
        unsigned i = pick(seed, 2 * ELEMENTSOF(labels));

        if (pick(seed, 3) == 0) {
                build_label(container, "calico.expose.mode", "balance");
                i /= 4; /* only those who are limited in the same way balance a port */
        }
        if (i < ELEMENTSOF(labels))
                build_label(container, labels[i].key, labels[i].value);
}

/* Some share an address, which is wrong: then none is exposed. */
static Container *random_container(unsigned number, uint32_t *seed) {
        char expose[128], network[16], ipv4[32], ipv6[32];
        unsigned address = pick(seed, 8) ? number : pick(seed, UNIVERSE);
        Container *container;
        bool has4, has6;

        random_entries(seed, expose);
        container = build_container(number, expose);
        random_labels(container, seed);
        container->created = pick(seed, 4);
        container->health = pick(seed, 2) ? HEALTH_HEALTHY : HEALTH_UNHEALTHY;
        snprintf(network, sizeof(network), "net%u", pick(seed, 3));
        snprintf(ipv4, sizeof(ipv4), "10.0.%u.%u", address % 4, address + 2);
        snprintf(ipv6, sizeof(ipv6), "2001:db8::%x", address + 2);
        has4 = pick(seed, 6);
        has6 = pick(seed, 2);
        build_network(container, network, has4 ? ipv4 : "", has6 ? ipv6 : "", true);
        return container;
}

/* What the kernel's side finds out of paths: networks that lie in each other, interfaces that several share. */
static void random_path(const Address *address, uint32_t seed, RecordPath *path) {
        uint8_t full = address->family == AF_INET ? 32 : 128;
        const uint8_t lengths[] = { full, (uint8_t) (full - 8), (uint8_t) (full - 16) };

        if (!address_is_set(address) || path->asked)
                return;
        *path = (RecordPath) { .asked = true, .known = pick(&seed, 5) > 0, .localnet = pick(&seed, 2) };
        path->neighbours = lengths[pick(&seed, 3)];
        snprintf(path->ifname, sizeof(path->ifname), "cali%u", pick(&seed, 4));
}

static void find_paths(Model *model, uint32_t seed) {
        size_t n;
        Record *const *records = model_touched(model, &n);

        for (size_t i = 0; i < n; i++) {
                uint32_t own = seed ^ (uint32_t) strtoul(records[i]->container->id + 48, NULL, 16) * 2654435761u;

                random_path(&records[i]->ipv4, own, &records[i]->path4);
                random_path(&records[i]->ipv6, own + 1, &records[i]->path6);
        }
}

/* The definition. */

static bool contains(const Elements *elements, const Element *element) {
        for (size_t i = 0; i < elements->count; i++)
                if (element_compare(&elements->items[i], element) == 0)
                        return true;
        return false;
}

static Elements wanted_elements(Model *model, const Policy *policy, const Elements *hairpin_ports, Names *names,
                                const Elements *actual, const Elements *forgotten) {
        Desired desired = { .names = names };
        Elements withdrawn, wanted;
        size_t n;
        Record *const *records = model_records(model, &n);

        assert_int_equal(desired_add_policy(&desired, policy), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(desired_add_record(&desired, records[i]), 0);
        for (size_t i = 0; i < hairpin_ports->count; i++)
                assert_int_equal(elements_append(&desired.elements, &hairpin_ports->items[i]), 0);
        assert_int_equal(desired_settle(&desired), 0);
        assert_int_equal(withdrawn_between(actual, &desired.elements, &withdrawn), 0);
        for (size_t i = 0; i < withdrawn.count; i++)
                if (!contains(forgotten, &withdrawn.items[i]) || !contains(actual, &withdrawn.items[i]))
                        assert_int_equal(elements_append(&desired.elements, &withdrawn.items[i]), 0);
        elements_done(&withdrawn);
        wanted = desired.elements;
        desired.elements = (Elements) {};
        desired_done(&desired);
        return wanted;
}

static void check_same(const Elements *a, const Elements *b) {
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++)
                assert_int_equal(element_compare(&a->items[i], &b->items[i]), 0);
}

static void check_claim(const Claim *a, const Claim *b) {
        assert_int_equal(a->state, b->state);
        assert_int_equal(a->reason, b->reason);
        assert_int_equal(a->holds, b->holds);
        assert_int_equal(!a->other, !b->other);
        if (a->other && b->other)
                assert_string_equal(a->other->container->id, b->other->container->id);
        if (a->reason == REASON_HOST_PORT)
                assert_int_equal(host_port_compare(a->host_port, b->host_port), 0);
}

static void check_counts(const Model *a, const Model *b) {
        ModelCounts x, y;

        model_count(a, &x);
        model_count(b, &y);
        assert_int_equal(x.exposed_ports, y.exposed_ports);
        assert_int_equal(x.exposed_containers, y.exposed_containers);
        assert_memory_equal(x.claims, y.claims, sizeof(x.claims));
        assert_int_equal(model_waits_for_host_ports(a), model_waits_for_host_ports(b));
}

static void check_records(const Model *a, const Model *b) {
        size_t n, m;
        Record *const *x = model_records(a, &n), *const *y = model_records(b, &m);

        assert_int_equal(n, m);
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < x[i]->n_claims; k++)
                        check_claim(&x[i]->claims[k], &y[i]->claims[k]);
}

/* The histories. */

typedef struct Pair {
        Model *part, *whole;
        const Policy *policy;
        Elements hairpin_ports, forgotten;
        HostPort host_ports[2];
        size_t n_host_ports;
        uint32_t paths; /* what the routes are like */
        unsigned long looked, all;
} Pair;

static PortRange strict_range = { 85, 200 };
static const Policy strict_policy = { .ports = &strict_range, .n_ports = 1 };

static const char *const ports[] = { "veth0", "veth1", "veth2" };

static void toggle_hairpin_port(Pair *pair, const char *port) {
        const Element element = { .kind = ELEMENT_HAIRPIN_PORT, .name = port };

        for (size_t i = 0; i < pair->hairpin_ports.count; i++)
                if (strcmp(pair->hairpin_ports.items[i].name, port) == 0) {
                        model_remove_hairpin_port(pair->part, port);
                        model_remove_hairpin_port(pair->whole, port);
                        pair->hairpin_ports.items[i] = pair->hairpin_ports.items[--pair->hairpin_ports.count];
                        return;
                }
        assert_int_equal(model_add_hairpin_port(pair->part, port), 0);
        assert_int_equal(model_add_hairpin_port(pair->whole, port), 0);
        assert_int_equal(elements_append(&pair->hairpin_ports, &element), 0);
}

static void forget_path(void *userdata, Record *record) {
        Pair *pair = userdata;
        Record *twin = model_find(pair->whole, record->container->id);

        record->path4.asked = record->path6.asked = twin->path4.asked = twin->path6.asked = false;
        model_touch(pair->part, record);
}

static void change_routes(Pair *pair, uint32_t *seed) {
        Prefix prefix = { build_address("10.0.0.0"), 24 };

        prefix.address.bytes[2] = (uint8_t) pick(seed, 4);
        pair->paths = random_next(seed);
        if (pick(seed, 4) == 0)
                prefix = (Prefix) {};
        model_visit_addresses(pair->part, &prefix, forget_path, pair);
}

static void change_policy(Pair *pair) {
        pair->policy = pair->policy == &open_policy ? &strict_policy : &open_policy;
        assert_int_equal(model_set_policy(pair->part, pair->policy), 0);
        assert_int_equal(model_set_policy(pair->whole, pair->policy), 0);
}

static void random_host_ports(Pair *pair, uint32_t *seed) {
        pair->n_host_ports = pick(seed, 3);
        for (size_t i = 0; i < pair->n_host_ports; i++) {
                pair->host_ports[i] = (HostPort) { .protocol = PROTOCOL_TCP, .port = (uint16_t) (80 + pick(seed, 30)),
                                                   .docker = pick(seed, 2) };
                snprintf(pair->host_ports[i].user, sizeof(pair->host_ports[i].user), "somebody");
        }
}

static void give_host_ports(const Pair *pair, Model *model) {
        HostPort *copy = calloc(pair->n_host_ports + 1, sizeof(*copy));

        assert_non_null(copy);
        memcpy(copy, pair->host_ports, pair->n_host_ports * sizeof(*copy));
        model_set_host_ports(model, copy, pair->n_host_ports);
}

static void put_both(Pair *pair, unsigned number, uint32_t seed) {
        uint32_t again = seed;

        assert_true(model_put(pair->part, random_container(number, &seed)) >= 0);
        assert_true(model_put(pair->whole, random_container(number, &again)) >= 0);
}

static void remove_both(Pair *pair, unsigned number) {
        char id[CONTAINER_ID_SIZE + 1];
        bool known = model_remove(pair->part, id_of(number, id));

        assert_int_equal(model_remove(pair->whole, id), known);
}

static void random_step(Pair *pair, uint32_t *seed) {
        unsigned number = 1 + pick(seed, UNIVERSE), what = pick(seed, 60);

        if (what == 0)
                change_policy(pair);
        else if (what < 4)
                change_routes(pair, seed);
        else if (what < 8)
                toggle_hairpin_port(pair, ports[pick(seed, ELEMENTSOF(ports))]);
        else if (what < 12)
                random_host_ports(pair, seed);
        else if (what < 30)
                remove_both(pair, number);
        else
                put_both(pair, number, random_next(seed));
}

/* As the daemon does it; and nothing may be lost where memory ends on the way. */
static void settle_part(Pair *pair, uint32_t *seed) {
        size_t n;
        Plan plan;
        int r;

        if (model_newcomers(pair->part) != 0)
                give_host_ports(pair, pair->part);
        find_paths(pair->part, pair->paths);
        if (pick(seed, 3) == 0)
                failing_arm(1 + pick(seed, 60));
        r = model_decide(pair->part, &plan);
        failing_arm(0);
        if (r < 0) {
                assert_int_equal(r, -ENOMEM);
                find_paths(pair->part, pair->paths);
                assert_int_equal(model_decide(pair->part, &plan), 0);
        }
        (void) model_decided(pair->part, &n);
        pair->looked += n;
        plan_done(&plan);
        model_commit(pair->part);
        model_forget_departed(pair->part);
}

/* The table was changed, or may have been: it is read again. */
static void read_again(const Pair *pair) {
        _cleanup_(elements_done) Elements actual = {};

        assert_int_equal(model_copy_actual(pair->part, &actual), 0);
        assert_int_equal(model_set_actual(pair->part, &actual), 0);
}

static void settle_whole(Pair *pair) {
        _cleanup_(names_freep) Names *names = names_new();
        _cleanup_(elements_done) Elements actual = {};
        size_t n;
        Plan plan;

        model_touch_all(pair->whole);
        assert_int_equal(model_copy_actual(pair->whole, &actual), 0);
        if (model_newcomers(pair->whole) != 0)
                give_host_ports(pair, pair->whole);
        find_paths(pair->whole, pair->paths);
        assert_int_equal(model_decide(pair->whole, &plan), 0);

        _cleanup_(elements_done) Elements wanted =
                wanted_elements(pair->whole, pair->policy, &pair->hairpin_ports, names, &actual, &pair->forgotten);

        check_same(&wanted, model_after(pair->whole));
        (void) model_decided(pair->whole, &n);
        pair->all += n;
        plan_done(&plan);
        model_commit(pair->whole);
        model_forget_departed(pair->whole);
}

static void forget_withdrawn(Pair *pair) {
        _cleanup_(elements_done) Elements actual = {};

        assert_int_equal(model_copy_actual(pair->whole, &actual), 0);
        for (size_t i = 0; i < actual.count; i++)
                if (actual.items[i].kind == ELEMENT_WITHDRAWN) {
                        assert_int_equal(model_forget_withdrawn(pair->part, &actual.items[i]), 0);
                        assert_int_equal(model_forget_withdrawn(pair->whole, &actual.items[i]), 0);
                        assert_int_equal(elements_append(&pair->forgotten, &actual.items[i]), 0);
                }
}

static void check_pair(const Pair *pair) {
        _cleanup_(elements_done) Elements part = {}, whole = {};

        assert_int_equal(model_copy_actual(pair->part, &part), 0);
        assert_int_equal(model_copy_actual(pair->whole, &whole), 0);
        check_same(&part, &whole);
        check_records(pair->part, pair->whole);
        check_counts(pair->part, pair->whole);
        assert_int_equal(model_newcomers(pair->part), model_newcomers(pair->whole));
}

static void history(uint32_t seed, unsigned long *looked, unsigned long *all) {
        Pair pair = { .policy = &open_policy, .paths = seed };

        assert_int_equal(model_new(&open_policy, &pair.part), 0);
        assert_int_equal(model_new(&open_policy, &pair.whole), 0);
        for (unsigned step = 0; step < STEPS; step++) {
                random_step(&pair, &seed);
                if (pick(&seed, 3) == 0)
                        continue;
                settle_whole(&pair);
                if (pick(&seed, 20) == 0)
                        read_again(&pair);
                settle_part(&pair, &seed);
                check_pair(&pair);
                elements_done(&pair.forgotten);
                if (pick(&seed, 2) == 0)
                        forget_withdrawn(&pair);
        }
        *looked += pair.looked;
        *all += pair.all;
        elements_done(&pair.hairpin_ports);
        elements_done(&pair.forgotten);
        model_free(pair.part);
        model_free(pair.whole);
}

static void test_histories(void **state _unused_) {
        unsigned long looked = 0, all = 0;

        for (uint32_t seed = 1; seed <= rounds(HISTORIES); seed++)
                history(seed, &looked, &all);
        assert_true(looked * 2 < all); /* else nothing was tried */
}

/* One that nobody has to do with is not looked at. */
static void test_only_who_is_concerned(void **state _unused_) {
        Model *model;
        size_t n;
        Plan plan;

        assert_int_equal(model_new(&open_policy, &model), 0);
        for (unsigned i = 1; i <= 100; i++) {
                char expose[16];

                snprintf(expose, sizeof(expose), "%u:80", 1000 + i);
                assert_int_equal(model_put(model, build_on_bridge(i, expose)), 1);
        }
        assert_int_equal(model_decide(model, &plan), 0);
        plan_done(&plan);
        model_commit(model);
        assert_int_equal(model_put(model, build_on_bridge(200, "1050:80,2000:80")), 1);
        assert_int_equal(model_decide(model, &plan), 0);
        assert_ptr_not_equal(model_decided(model, &n), NULL);
        assert_int_equal(n, 2); /* it, and who holds port 1050 */
        assert_int_equal(plan.remove.count, 0);
        plan_done(&plan);
        model_commit(model);
        assert_int_equal(model_decide(model, &plan), 0);
        (void) model_decided(model, &n);
        assert_int_equal(n, 0);
        plan_done(&plan);
        model_commit(model);
        model_free(model);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_histories),
                cmocka_unit_test(test_only_who_is_concerned),
        };

        return cmocka_run_group_tests_name("decision", tests, NULL, NULL);
}
