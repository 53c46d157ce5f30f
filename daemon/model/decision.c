/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/model/arbiter.h"
#include "daemon/model/desired.h"
#include "daemon/model/model-inside.h"
#include "daemon/model/tally.h"
#include "daemon/model/withdrawn.h"

enum { NAMES_SPARE = 1024 }; /* names that may be stale before the pool is renewed */

static void decision_done(Decision *decision) {
        for (size_t i = 0; i < decision->n_carried; i++)
                carried_free(decision->carried[i]);
        free(decision->carried);
        shares_done(&decision->shares);
        names_free(decision->names);
        elements_done(&decision->policy);
        elements_done(&decision->withdrawn);
        elements_done(&decision->before);
        elements_done(&decision->after);
        *decision = (Decision) {};
}

/* What it would have led to is not known any more: the next one looks at everything. */
void model_abandon_decision(Model *model) {
        if (!model->decision.made)
                return;
        shares_abandon(&model->shares);
        decision_done(&model->decision);
        model_touch_all(model);
}

/* Whom it is about. */

typedef struct Collector {
        Model *model;
        int error;
} Collector;

static void scope_add(void *userdata, Record *record) {
        Collector *collector = userdata;
        RecordArray *scope = &collector->model->scope;

        if (record->scoped || collector->error < 0)
                return;
        collector->error = array_reserve(&scope->items, &scope->capacity, scope->count + 1, sizeof(Record *));
        if (collector->error < 0)
                return;
        record->scoped = true;
        scope->items[scope->count++] = record;
}

static void visit_address(Collector *collector, const Address *address) {
        const Prefix prefix = prefix_of_address(address);

        if (address_is_set(address))
                index_visit_addresses(&collector->model->index, &prefix, scope_add, collector);
}

static void visit_neighbours(Collector *collector, const Record *record) {
        for (size_t i = 0; i < record->n_claims; i++)
                if (!record->claims[i].refused)
                        index_visit_ports(&collector->model->index, record->claims[i].entry.protocol,
                                          record->claims[i].entry.host_ports, scope_add, collector);
        visit_address(collector, &record->ipv4);
        visit_address(collector, &record->ipv6);
}

static int compare_records(const void *a, const void *b) {
        return strcmp((*(Record *const *) a)->container->id, (*(Record *const *) b)->container->id);
}

/* The touched ones, and all that can be reached from there. */
static int scope_touched(Model *model) {
        Collector collector = { .model = model };
        RecordArray *scope = &model->scope;

        for (size_t i = 0; i < model->touched.count; i++)
                scope_add(&collector, model->touched.items[i]);
        for (size_t i = 0; i < scope->count; i++)
                visit_neighbours(&collector, scope->items[i]);
        array_sort(scope->items, scope->count, sizeof(Record *), compare_records);
        return collector.error;
}

static int scope_all(Model *model) {
        Collector collector = { .model = model };
        int r = index_build(&model->index, model->records.items, model->records.count);

        for (size_t i = 0; i < model->records.count && r >= 0 && collector.error >= 0; i++)
                scope_add(&collector, model->records.items[i]);
        return r < 0 ? r : collector.error;
}

static int scope_find(Model *model) {
        int r;

        model->scope.count = 0;
        r = model->all ? scope_all(model) : scope_touched(model);
        for (size_t i = 0; i < model->scope.count; i++) {
                model->scope.items[i]->scope_at = (unsigned) i;
                model->scope.items[i]->scoped = false;
        }
        return r;
}

static void count_scope(Model *model) {
        const RecordArray *scope = &model->scope;

        for (size_t i = 0; i < scope->count; i++) {
                tally_subtract(&model->sum, &scope->items[i]->tally);
                scope->items[i]->tally = tally_of(scope->items, i);
                tally_add(&model->sum, &scope->items[i]->tally);
        }
}

/* What shall stand for each of them. */

static Shares *decision_shares(Model *model) {
        return model->decision.all ? &model->decision.shares : &model->shares;
}

static int move_backends(Desired *one, Desired *balances) {
        int r = 0;

        for (size_t i = 0; i < one->backends.count && r >= 0; i++)
                r = elements_append(&balances->backends, &one->backends.items[i]);
        one->backends.count = 0;
        return r;
}

static int carry_record(Model *model, size_t i, Desired *one, Desired *balances) {
        int r;

        one->elements.count = 0;
        r = desired_add_record(one, model->scope.items[i]);
        if (r >= 0)
                r = move_backends(one, balances);
        if (r >= 0)
                r = desired_settle(one);
        if (r < 0 || one->elements.count == 0)
                return r;
        model->decision.carried[i] = carried_new(&one->elements, decision_shares(model));
        return model->decision.carried[i] ? 0 : -ENOMEM;
}

static int compare_element(const void *key, const void *item) {
        return element_compare(key, item);
}

/* Which of its backends an element of a balance is kept with: any one would do, for a decision about one of them is about
 * all of them. */
static const Address *owner_address(const Elements *balances, const Element *element) {
        const Element first = { .kind = ELEMENT_BACKEND, .name = element->name };
        size_t at;

        if (element->kind == ELEMENT_BALANCED)
                return &element->address;
        if (element->kind == ELEMENT_BACKEND)
                return &element->target;
        at = array_lower_bound(&first, balances->items, balances->count, sizeof(first), compare_element);
        return &balances->items[at].target;
}

typedef struct Owner {
        const Decision *decision;
        Carried **carried;
} Owner;

/* Of several records with that address none is exposed. */
static void find_owner(void *userdata, Record *record) {
        Owner *owner = userdata;

        owner->carried = &owner->decision->carried[record->scope_at];
}

static int carry_balances(Model *model, Desired *balances) {
        int r = desired_settle(balances);

        for (size_t i = 0; i < balances->elements.count && r >= 0; i++) {
                const Element *element = &balances->elements.items[i];
                const Address *address = owner_address(&balances->elements, element);
                const Prefix prefix = prefix_of_address(address);
                Owner owner = { .decision = &model->decision };

                index_visit_addresses(&model->index, &prefix, find_owner, &owner);
                r = carried_add_own(owner.carried, element);
        }
        return r;
}

static int carry_scope(Model *model) {
        Decision *decision = &model->decision;
        Desired one = { .names = decision->names ?: model->names }, balances = { .names = one.names };
        int r = 0;

        decision->carried = calloc(model->scope.count + 1, sizeof(Carried *));
        if (!decision->carried)
                return -ENOMEM;
        decision->n_carried = model->scope.count;
        for (size_t i = 0; i < model->scope.count && r >= 0; i++)
                r = carry_record(model, i, &one, &balances);
        if (r >= 0)
                r = carry_balances(model, &balances);
        desired_done(&one);
        desired_done(&balances);
        return r;
}

/* What stands there now, and what shall, as sorted arrays. */

static int release(Model *model, const Carried *carried) {
        carried_release(carried, &model->shares);
        return carried_append_own(carried, &model->decision.before);
}

static int release_scope(Model *model) {
        int r = elements_append_all(&model->decision.before, &model->withdrawn);

        for (size_t i = 0; i < model->scope.count && r >= 0; i++)
                if (model->scope.items[i]->carried)
                        r = release(model, model->scope.items[i]->carried);
        for (const Carried *orphan = model->orphans; orphan && r >= 0; orphan = orphan->next)
                r = release(model, orphan);
        return r;
}

/* ports: of those that may differ from what is in the kernel. */
static int touch_hairpin_ports(Model *model, const Elements *ports) {
        for (size_t i = 0; i < ports->count; i++) {
                Element port = ports->items[i];
                Share *share;

                port.name = names_intern(model->decision.names ?: model->names, port.name);
                share = port.name ? shares_touch(decision_shares(model), &port) : NULL;
                if (!share)
                        return -ENOMEM;
                share->next = elements_contain(&model->hairpin_ports, &port);
        }
        return 0;
}

static int settle_policy(Model *model) {
        Desired desired = { .names = model->decision.names };
        int r = desired_add_policy(&desired, model->policy);

        if (r >= 0)
                r = desired_settle(&desired);
        if (r >= 0) {
                model->decision.policy = desired.elements;
                desired.elements = (Elements) {};
                r = elements_append_all(&model->decision.after, &model->decision.policy);
        }
        desired_done(&desired);
        return r;
}

/* What is withdrawn just now, for the second time, has new flows. */
static bool is_forgotten(const Model *model, const Element *withdrawn) {
        return elements_contain(&model->forgotten, withdrawn) && elements_contain(model_before(model), withdrawn);
}

/* They sort behind all others. */
static int append_withdrawn(Model *model) {
        Decision *decision = &model->decision;
        Elements withdrawn;
        int r;

        r = withdrawn_between(model_before(model), &decision->after, &withdrawn);
        if (r < 0)
                return r;
        for (size_t i = 0; i < withdrawn.count && r >= 0; i++) {
                withdrawn.items[i].name = ""; /* it has none; what was read has a copy, which goes with the old names */
                if (!is_forgotten(model, &withdrawn.items[i]))
                        r = elements_append(&decision->withdrawn, &withdrawn.items[i]);
        }
        elements_done(&withdrawn);
        return r < 0 ? r : elements_append_all(&decision->after, &decision->withdrawn);
}

static int collect_before(Model *model) {
        Decision *decision = &model->decision;
        int r = 0;

        if (!decision->all)
                r = release_scope(model);
        else if (!model->read)
                r = model_copy_actual(model, &decision->before);
        if (r >= 0)
                r = touch_hairpin_ports(model, decision->all ? &model->hairpin_ports : &model->changed_hairpin_ports);
        return r;
}

static int collect_after(Model *model) {
        Decision *decision = &model->decision;
        int r = 0;

        shares_decide(decision_shares(model));
        for (size_t i = 0; i < decision->n_carried && r >= 0; i++)
                if (decision->carried[i])
                        r = carried_append_own(decision->carried[i], &decision->after);
        if (r >= 0)
                r = shares_append_touched(decision_shares(model), &decision->before, &decision->after);
        if (r >= 0 && decision->all)
                r = settle_policy(model);
        if (r < 0)
                return r;
        elements_sort(&decision->before);
        elements_sort(&decision->after);
        return append_withdrawn(model);
}

static int decide(Model *model) {
        int r;

        r = scope_find(model);
        if (r >= 0)
                r = arbiter_decide(model->scope.items, model->scope.count, model->host_ports, model->n_host_ports);
        if (r < 0)
                return r;
        count_scope(model);
        r = carry_scope(model);
        if (r >= 0)
                r = collect_before(model);
        return r < 0 ? r : collect_after(model);
}

int model_decide(Model *model, Plan *ret) {
        int r = 0;

        model_abandon_decision(model);
        if (names_count(model->names) > model->records.count * 2 + NAMES_SPARE)
                model_touch_all(model);
        elements_sort(&model->forgotten);
        model->decision = (Decision) { .made = true, .all = model->all };
        if (model->all && !(model->decision.names = names_new()))
                r = -ENOMEM;
        if (r >= 0)
                r = decide(model);
        if (r >= 0)
                r = plan_make(model_before(model), &model->decision.after, ret);
        if (r < 0)
                model_abandon_decision(model);
        return r;
}

/* What was read is not there twice: the new shares, of a decision about all, add nothing to it. */
const Elements *model_before(const Model *model) {
        return model->decision.all && model->read ? &model->actual : &model->decision.before;
}

const Elements *model_after(const Model *model) {
        return &model->decision.after;
}

static void elements_replace(Elements *elements, Elements *by) {
        elements_done(elements);
        *elements = *by;
        *by = (Elements) {};
}

static void commit_carried(Model *model) {
        for (size_t i = 0; i < model->decision.n_carried; i++) {
                carried_free(model->scope.items[i]->carried);
                model->scope.items[i]->carried = TAKE_PTR(model->decision.carried[i]);
        }
        while (model->orphans) {
                Carried *orphan = model->orphans;

                model->orphans = orphan->next;
                carried_free(orphan);
        }
}

/* They are all in the new pool: no memory is needed. */
static void rename_hairpin_ports(Model *model) {
        for (size_t i = 0; i < model->hairpin_ports.count; i++)
                model->hairpin_ports.items[i].name = names_intern(model->decision.names,
                                                                  model->hairpin_ports.items[i].name);
}

static void commit_all(Model *model) {
        rename_hairpin_ports(model);
        names_free(model->names);
        model->names = TAKE_PTR(model->decision.names);
        shares_commit(&model->decision.shares);
        shares_done(&model->shares);
        model->shares = model->decision.shares;
        model->decision.shares = (Shares) {};
        elements_replace(&model->policy_elements, &model->decision.policy);
        elements_done(&model->actual);
        model->read = false;
}

void model_commit(Model *model) {
        Decision *decision = &model->decision;

        commit_carried(model);
        elements_done(&model->changed_hairpin_ports);
        if (decision->all)
                commit_all(model);
        else
                shares_commit(&model->shares);
        elements_replace(&model->withdrawn, &decision->withdrawn);
        elements_done(&model->forgotten);
        for (size_t i = 0; i < model->touched.count; i++)
                model->touched.items[i]->touched = false;
        model->touched.count = 0;
        model->all = false;
        decision_done(decision);
}
