/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "daemon/model/model.h"
#include "tests/cmocka.h"
#include "tests/rounds.h"
#include "tests/unit/model/builder.h"

/* Whole histories of the model, with a kernel that is an array. */

enum { POLICY_ELEMENTS = 2 }; /* of open_policy: all addresses of both families */

/* Decides, and returns how much had to change; the plan is checked against what it starts from. */
static size_t settle(Model *model) {
        size_t changed;
        Plan plan;

        assert_int_equal(model_decide(model, &plan), 0);
        changed = plan.remove.count + plan.add.count;
        assert_int_equal(model_before(model)->count - plan.remove.count + plan.add.count, model_after(model)->count);
        plan_done(&plan);
        model_commit(model);
        return changed;
}

static Elements actual_of(const Model *model) {
        Elements actual;

        assert_int_equal(model_copy_actual(model, &actual), 0);
        return actual;
}

/* The old flows of all that was withdrawn are gone. Returns how much was. */
static size_t forget_withdrawn(Model *model) {
        _cleanup_(elements_done) Elements actual = actual_of(model);
        size_t n = 0;

        for (size_t i = 0; i < actual.count; i++)
                if (actual.items[i].kind == ELEMENT_WITHDRAWN) {
                        assert_int_equal(model_forget_withdrawn(model, &actual.items[i]), 0);
                        n++;
                }
        return n;
}

static size_t count_actual(const Model *model) {
        _cleanup_(elements_done) Elements actual = actual_of(model);

        return actual.count;
}

/* A daemon that starts after another finds what that left. */
static void hand_over(const Model *before, Model *after) {
        _cleanup_(elements_done) Elements actual = actual_of(before);

        assert_int_equal(model_set_actual(after, &actual), 0);
}

static Model *model_make(void) {
        Model *model;

        assert_int_equal(model_new(&open_policy, &model), 0);
        settle(model); /* what the configuration asks for */
        return model;
}

static void put(Model *model, Container *container) {
        assert_true(model_put(model, container) >= 0);
}

static const char *id_of(unsigned number, char buffer[static CONTAINER_ID_SIZE + 1]) {
        snprintf(buffer, CONTAINER_ID_SIZE + 1, "%064x", number);
        return buffer;
}

static bool drop(Model *model, unsigned number) {
        char id[CONTAINER_ID_SIZE + 1];

        return model_remove(model, id_of(number, id));
}

static Record *find(Model *model, unsigned number) {
        char id[CONTAINER_ID_SIZE + 1];

        return model_find(model, id_of(number, id));
}

static void test_put_and_remove(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();

        put(model, build_on_bridge(2, "80"));
        assert_int_equal(settle(model), 7);
        assert_int_equal(model_put(model, build_on_bridge(2, "80")), 0);
        assert_int_equal(settle(model), 0);
        assert_true(drop(model, 2));
        assert_false(drop(model, 2));
        assert_int_equal(settle(model), 7 + 2);
        assert_int_equal(forget_withdrawn(model), 2); /* both families */
        assert_int_equal(settle(model), 2);
        assert_int_equal(count_actual(model), POLICY_ELEMENTS);
}

/* What was withdrawn is remembered until its flows are gone, also by the daemon that comes next; unless it is exposed
 * again meanwhile. */
static void test_withdrawn_is_remembered(void **state _unused_) {
        _cleanup_(model_freep) Model *before = model_make(), *after = model_make();

        put(before, build_on_bridge(2, "80"));
        put(before, build_on_bridge(3, "81"));
        settle(before);
        drop(before, 2);
        drop(before, 3);
        settle(before);
        hand_over(before, after);
        assert_int_equal(settle(after), 0);
        put(after, build_on_bridge(3, "81"));
        assert_int_equal(settle(after), 7 + 2);
        assert_int_equal(forget_withdrawn(after), 2);
        assert_int_equal(settle(after), 2);
        assert_int_equal(forget_withdrawn(after), 0);
}

/* Gone, come and gone again before the flows of the first time were: those of the second must not be forgotten. */
static void test_withdrawn_twice(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();

        put(model, build_on_bridge(2, "80"));
        settle(model);
        drop(model, 2);
        settle(model);
        put(model, build_on_bridge(2, "80"));
        settle(model);
        drop(model, 2);

        _cleanup_(elements_done) Elements actual = actual_of(model);

        for (size_t i = 0; i < actual.count; i++) {
                Element late = actual.items[i];

                if (late.kind != ELEMENT_DNAT)
                        continue;
                late = (Element) { .kind = ELEMENT_WITHDRAWN, .family = late.family, .protocol = late.protocol,
                                   .prefix = { { .family = late.family }, 0 }, .address = late.target,
                                   .ports = late.ports, .name = "", .target_port = late.target_port };
                assert_int_equal(model_forget_withdrawn(model, &late), 0);
        }
        settle(model);
        assert_int_equal(forget_withdrawn(model), 2);
}

static Container *build_health(ContainerHealth health) {
        Container *container = build_on_bridge(2, "80");

        build_label(container, "calico.expose.when", "healthy");
        container->health = health;
        return container;
}

/* A list knows nothing of health: what an inspect says is news then, but not the other way round. */
static void test_health_is_learnt(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();

        assert_int_equal(model_put(model, build_health(HEALTH_UNKNOWN)), 1);
        assert_int_equal(find(model, 2)->waiting, REASON_HEALTH_UNKNOWN);
        assert_int_equal(model_put(model, build_health(HEALTH_HEALTHY)), 1);
        assert_int_equal(find(model, 2)->waiting, REASON_NONE);
        assert_int_equal(model_put(model, build_health(HEALTH_UNKNOWN)), 0);
        assert_int_equal(model_put(model, build_health(HEALTH_UNHEALTHY)), 1);
        assert_int_equal(find(model, 2)->waiting, REASON_UNHEALTHY);
}

static Container *build_mode(const char *mode) {
        Container *container = build_on_bridge(2, "80");

        free(container->network_mode);
        container->network_mode = mode ? strdup(mode) : NULL;
        return container;
}

/* Podman's list does not say whose network it is. */
static void test_network_mode_is_learnt(void **state _unused_) {
        static const char *const unknown[] = { NULL, "" };

        for (size_t i = 0; i < ELEMENTSOF(unknown); i++) {
                _cleanup_(model_freep) Model *model = model_make();

                assert_int_equal(model_put(model, build_mode(unknown[i])), 1);
                assert_int_equal(find(model, 2)->waiting, REASON_NONE);
                assert_true(record_is_vague(find(model, 2)));
                assert_int_equal(model_put(model, build_mode("container:1")), 1);
                assert_int_equal(find(model, 2)->waiting, REASON_SHARED_NETWORK);
                assert_false(record_is_vague(find(model, 2)));
                assert_int_equal(model_put(model, build_mode(unknown[i])), 0);
                assert_int_equal(find(model, 2)->waiting, REASON_SHARED_NETWORK);
        }
}

static void test_departed_are_kept_until_forgotten(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();
        size_t n;

        put(model, build_on_bridge(2, "80"));
        drop(model, 2);
        (void) model_departed(model, &n);
        assert_int_equal(n, 1);
        model_forget_departed(model);
        (void) model_departed(model, &n);
        assert_int_equal(n, 0);
}

static void test_new_address(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();
        Container *moved = build_container(2, "80");

        put(model, build_on_bridge(2, "80"));
        put(model, build_on_bridge(3, "80"));
        settle(model);
        build_network(moved, "bridge", "172.17.9.9", "", true);
        put(model, moved);
        settle(model);
        assert_int_equal(find(model, 2)->claims[0].state, CLAIM_EXPOSED);
        assert_int_equal(find(model, 3)->claims[0].state, CLAIM_CONFLICT);
}

/* The kernel remembers who held a port when the daemon did not run. */
static void test_holder_survives_restart(void **state _unused_) {
        _cleanup_(model_freep) Model *before = model_make(), *after = model_make();

        put(before, build_on_bridge(5, "80,443"));
        settle(before);
        put(before, build_on_bridge(2, "80"));
        settle(before);
        assert_int_equal(find(before, 5)->claims[0].state, CLAIM_EXPOSED);

        hand_over(before, after);
        put(after, build_on_bridge(2, "80"));
        put(after, build_on_bridge(5, "80,443"));
        assert_int_equal(model_adopt_holders(after), 0);
        assert_int_equal(settle(after), 0);
        assert_int_equal(find(after, 5)->claims[0].state, CLAIM_EXPOSED);
        assert_int_equal(find(after, 2)->claims[0].state, CLAIM_CONFLICT);
}

static void test_hairpin_ports(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();

        assert_int_equal(model_add_hairpin_port(model, "veth1"), 0);
        assert_int_equal(model_add_hairpin_port(model, "veth0"), 0);
        assert_int_equal(model_add_hairpin_port(model, "veth1"), 0);
        assert_int_equal(settle(model), 2);
        model_remove_hairpin_port(model, "veth1");
        assert_int_equal(settle(model), 1);

        _cleanup_(elements_done) Elements actual = actual_of(model);

        assert_string_equal(actual.items[0].name, "veth0");
}

/* Networks that come and go leave no names behind, and none that is in use is lost. */
static void test_names_are_renewed(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();

        put(model, build_on_bridge(1, "80"));
        assert_int_equal(model_add_hairpin_port(model, "veth0"), 0);
        for (unsigned i = 2; i < 5000; i++) {
                Container *container = build_container(i, "81");
                char name[32];

                snprintf(name, sizeof(name), "net%u", i);
                build_network(container, name, "10.0.0.2", "", true);
                put(model, container);
                settle(model);
                drop(model, i);
                model_forget_departed(model);
                forget_withdrawn(model);
        }
        settle(model);
        forget_withdrawn(model);
        settle(model);
        assert_int_equal(settle(model), 0);
        assert_int_equal(count_actual(model), 8 + POLICY_ELEMENTS);
}

static void test_policy_changes(void **state _unused_) {
        PortRange ports = { 8000, 8999 };
        const Policy strict = { .ports = &ports, .n_ports = 1 };
        _cleanup_(model_freep) Model *model = model_make();

        put(model, build_on_bridge(2, "80,8080"));
        settle(model);
        find(model, 2)->doubted = true;
        assert_int_equal(model_set_policy(model, &strict), 0);
        assert_true(find(model, 2)->doubted); /* as much as before */
        settle(model);
        assert_int_equal(find(model, 2)->claims[0].state, CLAIM_DENIED);
        assert_int_equal(find(model, 2)->claims[1].state, CLAIM_EXPOSED);
        assert_int_equal(model_set_policy(model, &open_policy), 0);
        settle(model);
        assert_int_equal(find(model, 2)->claims[0].state, CLAIM_EXPOSED);
        assert_int_equal(settle(model), 0);
}

/* Three backends become two: the two that stay are never without their element. */
static void test_balance_shrinks(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();
        ModelCounts counts;

        for (unsigned i = 1; i <= 3; i++) {
                Container *container = build_on_bridge(i, "0.0.0.0:80");

                build_label(container, "calico.expose.mode", "balance");
                put(model, container);
        }
        settle(model);
        model_count(model, &counts);
        assert_int_equal(counts.exposed_ports, 1);
        assert_int_equal(counts.exposed_containers, 3);
        drop(model, 2);
        settle(model);
        assert_int_equal(find(model, 1)->claims[0].state, CLAIM_EXPOSED);
        assert_int_equal(find(model, 3)->claims[0].state, CLAIM_EXPOSED);
        assert_int_equal(settle(model), 0);
}

static void test_count(void **state _unused_) {
        _cleanup_(model_freep) Model *model = model_make();
        ModelCounts counts;

        put(model, build_on_bridge(1, "80,100-109/udp"));
        put(model, build_on_bridge(2, "80,81,x"));
        put(model, build_container(3, "82"));
        settle(model);
        model_count(model, &counts);
        assert_int_equal(counts.exposed_ports, 12);
        assert_int_equal(counts.exposed_containers, 2);
        assert_int_equal(counts.claims[CLAIM_CONFLICT], 1);
        assert_int_equal(counts.claims[CLAIM_INVALID], 1);
        assert_int_equal(counts.claims[CLAIM_WAITING], 1);
}

/* Random histories. A linear congruential generator: the same on every machine. */

enum { UNIVERSE = 24, STEPS = 400, HISTORIES = 60 };

static uint32_t random_next(uint32_t *seed) {
        *seed = *seed * 1664525 + 1013904223;
        return *seed >> 8;
}

static const char *const random_labels[] = {
        "80", "80", "8080:80", "80-90", "85-95:185-195", "127.0.0.1:80", "0.0.0.0:80,[::]:81", "53/udp,53", "x,80",
        "192.0.2.1:80-90", "[2001:db8::1]:80", "1-65535", "70-84,100", "",
};

static void random_label(Container *container, uint32_t *seed) {
        static const struct {
                const char *key, *value;
        } labels[] = {
                { "calico.expose.from", "10.0.0.0/8" },
                { "calico.expose.from", "10.0.0.0/8,2001:db8::/32" },
                { "calico.expose.interface", "eth0" },
                { "calico.expose.mode", "balance" },
                { "calico.expose.mode", "balance" },
                { "calico.expose.profile", "other" },
                { "calico.expose.network", "absent" },
                { "calico.expose.when", "healthy" },
        };
        size_t i = random_next(seed) % (ELEMENTSOF(labels) * 2);

        if (i < ELEMENTSOF(labels))
                build_label(container, labels[i].key, labels[i].value);
}

static Container *random_container(unsigned number, uint32_t *seed) {
        const char *label = random_labels[random_next(seed) % ELEMENTSOF(random_labels)];
        Container *container;

        switch (random_next(seed) % 8) {
        case 0:
                return build_container(number, label);
        case 1:
                container = build_container(number, label);
                build_network(container, "other", "10.0.0.1", "", true); /* the same for all: duplicates */
                return container;
        default:
                container = build_on_bridge(number, label);
                container->created = random_next(seed) % 4;
                random_label(container, seed);
                return container;
        }
}

static int compare_for_qsort(const void *a, const void *b) {
        return element_compare_key(a, b);
}

/* The kernel: removes, then adds, and refuses as nftables does. */
static void apply(Elements *kernel, const Plan *plan) {
        for (size_t i = 0; i < plan->remove.count; i++) {
                size_t at = 0;

                while (at < kernel->count && element_compare(&kernel->items[at], &plan->remove.items[i]) != 0)
                        at++;
                assert_true(at < kernel->count);
                kernel->items[at] = kernel->items[--kernel->count];
        }
        for (size_t i = 0; i < plan->add.count; i++) {
                for (size_t k = 0; k < kernel->count; k++)
                        assert_int_not_equal(element_compare_key(&kernel->items[k], &plan->add.items[i]), 0);
                assert_int_equal(elements_append(kernel, &plan->add.items[i]), 0);
        }
        if (kernel->count > 0)
                qsort(kernel->items, kernel->count, sizeof(*kernel->items), compare_for_qsort);
}

static void check_same(const Elements *a, const Elements *b) {
        assert_int_equal(a->count, b->count);
        for (size_t i = 0; i < a->count; i++)
                assert_int_equal(element_compare(&a->items[i], &b->items[i]), 0);
}

static void check_no_overlap(const Model *model) {
        size_t n;
        Record *const *records = model_records(model, &n);

        for (size_t i = 0; i < n; i++)
                for (size_t a = 0; a < records[i]->n_claims; a++)
                        for (size_t k = 0; k <= i; k++)
                                for (size_t b = 0; b < records[k]->n_claims; b++) {
                                        const Claim *x = &records[i]->claims[a], *y = &records[k]->claims[b];

                                        if (x != y && x->state == CLAIM_EXPOSED && y->state == CLAIM_EXPOSED &&
                                            !(records[i]->labels.balance && records[k]->labels.balance))
                                                assert_false(entry_overlaps(&x->entry, &y->entry));
                                }
}

/* No claim waits for a port that nobody holds. */
static void check_conflicts_are_real(const Model *model) {
        size_t n;
        Record *const *records = model_records(model, &n);

        for (size_t i = 0; i < n; i++)
                for (size_t a = 0; a < records[i]->n_claims; a++) {
                        const Claim *claim = &records[i]->claims[a];
                        bool real = false;

                        if (claim->state != CLAIM_CONFLICT)
                                continue;
                        for (size_t b = 0; b < claim->other->n_claims; b++)
                                real |= claim->other->claims[b].state == CLAIM_EXPOSED &&
                                        entry_overlaps(&claim->other->claims[b].entry, &claim->entry);
                        assert_true(real);
                }
}

static void random_step(Model *model, uint32_t *seed) {
        unsigned number = 1 + random_next(seed) % UNIVERSE;

        if (random_next(seed) % 3 == 0)
                drop(model, number);
        else
                put(model, random_container(number, seed));
}

static void history(uint32_t seed) {
        _cleanup_(model_freep) Model *model = model_make();
        Elements kernel = actual_of(model), actual;

        for (unsigned step = 0; step < STEPS; step++) {
                Plan plan;

                random_step(model, &seed);
                if (random_next(&seed) % 2 == 0)
                        continue;
                assert_int_equal(model_decide(model, &plan), 0);
                apply(&kernel, &plan);
                check_no_overlap(model);
                check_conflicts_are_real(model);
                plan_done(&plan);
                model_commit(model);
                actual = actual_of(model);
                check_same(&kernel, &actual);
                elements_done(&actual);
                assert_int_equal(settle(model), 0);
                if (random_next(&seed) % 2 == 0)
                        forget_withdrawn(model);
        }
        elements_done(&kernel);
}

static void test_random_histories(void **state _unused_) {
        for (uint32_t seed = 1; seed <= rounds(HISTORIES); seed++)
                history(seed);
}

/* However the containers came, with nobody holding a port before the end the result is the same. */
static void test_order_does_not_matter(void **state _unused_) {
        for (uint32_t round = 1; round <= rounds(HISTORIES); round++) {
                _cleanup_(model_freep) Model *forward = model_make(), *backward = model_make();
                Plan plan;

                for (unsigned i = 1; i <= UNIVERSE; i++) {
                        uint32_t seed = round * 1000 + i;

                        put(forward, random_container(i, &seed));
                }
                for (unsigned i = UNIVERSE; i > 0; i--) {
                        uint32_t seed = round * 1000 + i;

                        put(backward, random_container(i, &seed));
                        if (i % 3 == 0) { /* come, gone, come again */
                                seed = round * 1000 + i;
                                drop(backward, i);
                                put(backward, random_container(i, &seed));
                        }
                }
                assert_int_equal(model_decide(forward, &plan), 0);
                plan_done(&plan);
                assert_int_equal(model_decide(backward, &plan), 0);
                plan_done(&plan);
                check_same(model_after(forward), model_after(backward));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_put_and_remove),
                cmocka_unit_test(test_withdrawn_is_remembered),
                cmocka_unit_test(test_withdrawn_twice),
                cmocka_unit_test(test_health_is_learnt),
                cmocka_unit_test(test_network_mode_is_learnt),
                cmocka_unit_test(test_departed_are_kept_until_forgotten),
                cmocka_unit_test(test_new_address),
                cmocka_unit_test(test_holder_survives_restart),
                cmocka_unit_test(test_hairpin_ports),
                cmocka_unit_test(test_names_are_renewed),
                cmocka_unit_test(test_policy_changes),
                cmocka_unit_test(test_balance_shrinks),
                cmocka_unit_test(test_count),
                cmocka_unit_test(test_random_histories),
                cmocka_unit_test(test_order_does_not_matter),
        };

        return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
