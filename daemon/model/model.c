/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/model.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/model/exposure.h"
#include "daemon/model/model-inside.h"
#include "daemon/model/remember.h"
#include "daemon/model/tally.h"

int model_new(const Policy *policy, Model **ret) {
        _cleanup_(model_freep) Model *model = calloc(1, sizeof(*model));

        if (!model || !(model->names = names_new()) || !(model->texts = texts_new()))
                return -ENOMEM;
        model->policy = policy;
        model->all = true;
        *ret = TAKE_PTR(model);
        return 0;
}

static void record_array_clear(RecordArray *array) {
        for (size_t i = 0; i < array->count; i++)
                record_free(array->items[i]);
        array->count = 0;
}

static void forget_replaced(Model *model) {
        while (model->replaced) {
                Attachment *next = model->replaced->next;

                attachment_free(model->replaced);
                model->replaced = next;
        }
}

Model *model_free(Model *model) {
        if (!model)
                return NULL;
        model_abandon_decision(model);
        record_array_clear(&model->records);
        record_array_clear(&model->departed);
        free(model->records.items);
        free(model->departed.items);
        while (model->orphans) {
                Carried *orphan = model->orphans;

                model->orphans = orphan->next;
                carried_free(orphan);
        }
        free(model->touched.items);
        free(model->scope.items);
        index_done(&model->index);
        shares_done(&model->shares);
        elements_done(&model->policy_elements);
        elements_done(&model->withdrawn);
        attachments_done(&model->attachments);
        forget_replaced(model);
        elements_done(&model->actual);
        elements_done(&model->hairpin_ports);
        elements_done(&model->changed_hairpin_ports);
        elements_done(&model->forgotten);
        names_free(model->names);
        texts_free(model->texts);
        free(model->host_ports);
        free(model);
        return NULL;
}

static int compare_id(const void *key, const void *item) {
        return strcmp(key, (*(Record *const *) item)->container->id);
}

static bool locate(const Model *model, const char *id, size_t *ret_at) {
        const RecordArray *records = &model->records;

        *ret_at = array_lower_bound(id, records->items, records->count, sizeof(*records->items), compare_id);
        return *ret_at < records->count && compare_id(id, &records->items[*ret_at]) == 0;
}

Record *model_find(const Model *model, const char *id) {
        size_t at;

        return locate(model, id, &at) ? model->records.items[at] : NULL;
}

/* The new record of a container takes its place among what else is known. */
static int record_settle(const Model *model, Record *record, const Record *old) {
        int r = 0;

        if (old && old->memory)
                r = record_remember(record, old->memory, &model->attachments);
        else
                (void) record_attach(record, &model->attachments);
        if (old && r >= 0)
                record_inherit(record, old);
        return r;
}

/* With a copy of the container. */
static Record *record_of(const Model *model, const Container *container, const Policy *policy) {
        Container *copy = container_copy(container, model->texts);

        return copy ? record_new(copy, policy) : NULL;
}

static Record *record_renew(const Model *model, const Record *old, const Policy *policy) {
        Record *record = record_of(model, old->container, policy);

        if (record && record_settle(model, record, old) < 0)
                return record_free(record);
        return record;
}

int model_set_policy(Model *model, const Policy *policy) {
        _cleanup_free_ Record **renewed = calloc(model->records.count + 1, sizeof(*renewed));
        size_t n = 0;

        if (!renewed)
                return -ENOMEM;
        while (n < model->records.count) {
                renewed[n] = record_renew(model, model->records.items[n], policy);
                if (!renewed[n])
                        break;
                n++;
        }
        if (n < model->records.count) {
                while (n > 0)
                        record_free(renewed[--n]);
                return -ENOMEM;
        }
        model_touch_all(model);
        for (size_t i = 0; i < n; i++) {
                model_take_out(model, model->records.items[i]);
                renewed[i]->carried = TAKE_PTR(model->records.items[i]->carried);
                record_free(model->records.items[i]);
                model_take_in(model, renewed[i]);
                model->records.items[i] = renewed[i];
        }
        model->policy = policy;
        return 0;
}

static int compare_host_ports(const void *a, const void *b) {
        return host_port_compare(a, b);
}

static bool host_ports_equal(const HostPort *a, const HostPort *b) {
        return host_port_compare(a, b) == 0 && a->family == b->family && address_compare(&a->address, &b->address) == 0 &&
               strcmp(a->user, b->user) == 0;
}

static bool host_ports_are(const Model *model, const HostPort *ports, size_t n_ports) {
        if (n_ports != model->n_host_ports)
                return false;
        for (size_t i = 0; i < n_ports; i++)
                if (!host_ports_equal(&ports[i], &model->host_ports[i]))
                        return false;
        return true;
}

/* Those that are touched already need not be looked for, and mostly there are no others. */
static void touch_newcomers(Model *model) {
        size_t n = 0;

        for (size_t i = 0; i < model->touched.count; i++)
                n += tally_newcomers(&model->touched.items[i]->tally);
        for (size_t i = 0; i < model->records.count && n < tally_newcomers(&model->sum) && !model->all; i++)
                if (tally_newcomers(&model->records.items[i]->tally) > 0)
                        model_touch(model, model->records.items[i]);
}

void model_set_host_ports(Model *model, HostPort *ports, size_t n_ports) {
        array_sort(ports, n_ports, sizeof(*ports), compare_host_ports);
        if (!host_ports_are(model, ports, n_ports))
                touch_newcomers(model);
        free(model->host_ports);
        model->host_ports = ports;
        model->n_host_ports = n_ports;
}

/* Records that were changed in place are counted with the next decision only. */
unsigned model_newcomers(const Model *model) {
        static const Tally nothing = {};
        Tally sum = model->all ? nothing : model->sum;
        unsigned protocols = 0;

        for (size_t i = 0; i < model->records.count && model->all; i++) {
                Tally tally = tally_of(model->records.items + i, 0);

                tally_add(&sum, &tally);
        }
        for (unsigned i = 0; i < PROTOCOLS; i++)
                protocols |= sum.newcomers[i] > 0 ? 1u << i : 0;
        return protocols;
}

bool model_waits_for_host_ports(const Model *model) {
        return model->sum.host_port_waits > 0;
}

/* Who does not know how healthy a container is, or whose network it uses, says nothing new by that. */
static bool says_nothing_new(const Container *container, const Container *known) {
        return container_equal(container, known) &&
               (container->health == HEALTH_UNKNOWN || container->health == known->health) &&
               (!container_knows_network_mode(container) || container_knows_network_mode(known));
}

int model_put(Model *model, Container *container) {
        _cleanup_(container_freep) Container *said = container;
        _cleanup_(record_freep) Record *record = NULL;
        size_t at;
        bool known = locate(model, container->id, &at);

        if (known && says_nothing_new(said, model->records.items[at]->container))
                return 0;
        record = record_of(model, said, model->policy);
        if (!record || record_settle(model, record, known ? model->records.items[at] : NULL) < 0)
                return -ENOMEM;
        if (known) {
                model_take_out(model, model->records.items[at]);
                record->carried = TAKE_PTR(model->records.items[at]->carried);
                record_free(model->records.items[at]);
        } else if (array_insert_gap(&model->records.items, &model->records.count, &model->records.capacity, at,
                                    sizeof(record)) < 0)
                return -ENOMEM;
        model_take_in(model, record);
        model->records.items[at] = TAKE_PTR(record);
        return 1;
}

/* What the kernel has for it is to be taken away. */
static void adopt_orphan(Model *model, Record *record) {
        if (!record->carried)
                return;
        record->carried->next = model->orphans;
        model->orphans = TAKE_PTR(record->carried);
}

bool model_remove(Model *model, const char *id) {
        RecordArray *departed = &model->departed;
        Record *record;
        size_t at;

        if (!locate(model, id, &at))
                return false;
        record = model->records.items[at];
        model_take_out(model, record);
        adopt_orphan(model, record);
        array_remove(&model->records.items, &model->records.count, at, sizeof(record));
        if (array_reserve(&departed->items, &departed->capacity, departed->count + 1, sizeof(record)) < 0)
                record_free(record); /* only its farewell in the log is lost */
        else
                departed->items[departed->count++] = record;
        return true;
}

Record *const *model_records(const Model *model, size_t *ret_count) {
        *ret_count = model->records.count;
        return model->records.items;
}

Record *const *model_departed(const Model *model, size_t *ret_count) {
        *ret_count = model->departed.count;
        return model->departed.items;
}

void model_forget_departed(Model *model) {
        record_array_clear(&model->departed);
        if (!model->attachments_changed)
                forget_replaced(model);
}

void model_set_attachments_state(Model *model, AttachmentsState state) {
        model->attachments_changed |= model->attachments.state != state;
        model->attachments.state = state;
}

AttachmentsState model_attachments_state(const Model *model) {
        return model->attachments.state;
}

static void replace_attachment(Model *model, Attachment *old) {
        model->attachments_changed = true;
        if (!old)
                return;
        old->next = model->replaced;
        model->replaced = old;
}

int model_put_attachment(Model *model, Attachment *attachment) {
        Attachment *old;
        int r;

        r = attachments_put(&model->attachments, attachment, &old);
        if (r >= 0)
                replace_attachment(model, old);
        return r;
}

void model_remove_attachment(Model *model, const char *container, const char *id) {
        replace_attachment(model, attachments_take(&model->attachments, container, id));
}

void model_forget_attachments(Model *model) {
        for (size_t i = 0; i < model->attachments.count; i++)
                replace_attachment(model, model->attachments.items[i]);
        model->attachments.count = 0;
}

static bool attach(Model *model, Record *record) {
        const Address ipv4 = record->ipv4, ipv6 = record->ipv6;

        if (!record_attach(record, &model->attachments))
                return false;
        model_move(model, record, &ipv4, &ipv6);
        return true;
}

bool model_attach(Model *model) {
        bool changed = false;

        if (!model->attachments_changed)
                return false;
        for (size_t i = 0; i < model->records.count; i++)
                changed |= attach(model, model->records.items[i]);
        model->attachments_changed = false;
        if (model->departed.count == 0)
                forget_replaced(model);
        return changed;
}

static int elements_copy(const Elements *from, Names *names, Elements *ret) {
        Elements copy = {};
        int r;

        r = array_reserve(&copy.items, &copy.capacity, from->count, sizeof(*copy.items));
        for (size_t i = 0; i < from->count && r >= 0; i++) {
                Element element = from->items[i];

                element.name = names_intern(names, element.name);
                if (element.interface)
                        element.interface = names_intern(names, element.interface);
                r = element.name && !element.interface == !from->items[i].interface ? elements_append(&copy, &element)
                                                                                     : -ENOMEM;
        }
        if (r < 0) {
                elements_done(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

int model_set_actual(Model *model, const Elements *actual) {
        Elements copy;
        int r;

        r = elements_copy(actual, model->names, &copy);
        if (r < 0)
                return r;
        elements_done(&model->actual);
        model->actual = copy;
        model->read = true;
        model_touch_all(model);
        return 0;
}

static int compare_element(const void *key, const void *item) {
        return element_compare(key, item);
}

bool elements_contain(const Elements *elements, const Element *element) {
        size_t at = array_lower_bound(element, elements->items, elements->count, sizeof(*element), compare_element);

        return at < elements->count && element_compare(element, &elements->items[at]) == 0;
}

static int collect_actual(const Model *model, Elements *to) {
        int r;

        if (model->read)
                return elements_append_all(to, &model->actual);
        r = elements_append_all(to, &model->policy_elements);
        for (size_t i = 0; i < model->records.count && r >= 0; i++)
                if (model->records.items[i]->carried)
                        r = carried_append_own(model->records.items[i]->carried, to);
        for (const Carried *orphan = model->orphans; orphan && r >= 0; orphan = orphan->next)
                r = carried_append_own(orphan, to);
        for (size_t i = 0; i < model->shares.count && r >= 0; i++)
                if (model->shares.items[i]->present)
                        r = elements_append(to, &model->shares.items[i]->element);
        return r < 0 ? r : elements_append_all(to, &model->withdrawn);
}

const Elements *model_read_elements(const Model *model) {
        return &model->actual;
}

int model_copy_actual(const Model *model, Elements *ret) {
        Elements copy = {};
        int r = collect_actual(model, &copy);

        if (r < 0) {
                elements_done(&copy);
                return r;
        }
        elements_sort(&copy);
        *ret = copy;
        return 0;
}

bool model_has_actual(const Model *model, const Element *element) {
        const Share *share;

        if (model->read)
                return elements_contain(&model->actual, element);
        share = shares_find(&model->shares, element);
        return share && share->present;
}

/* Any translation of it that is there shows that it was exposed. */
static int claim_is_in_kernel(const Record *record, const Claim *claim, const Exposures *actual) {
        Exposures wanted;
        bool found;
        int r;

        r = exposures_of_claim(record, claim, &wanted);
        if (r < 0)
                return r;
        found = exposures_meet(&wanted, actual);
        exposures_done(&wanted);
        return found;
}

int model_adopt_holders(Model *model) {
        Exposures actual = {};
        int r;

        r = exposures_of_elements(&model->actual, &actual);
        if (r >= 0 && model->attachments.state == ATTACHMENTS_UNKNOWN)
                r = remember_addresses(model->records.items, model->records.count, &model->actual, &actual,
                                       &model->attachments);
        for (size_t i = 0; i < model->records.count && actual.count > 0 && r >= 0; i++) {
                Record *record = model->records.items[i];

                for (size_t k = 0; k < record->n_claims && r >= 0; k++) {
                        r = claim_is_in_kernel(record, &record->claims[k], &actual);
                        record->claims[k].holds |= r > 0;
                }
        }
        exposures_done(&actual);
        return MIN(r, 0);
}

static int change_hairpin_port(Model *model, const Element *port) {
        return elements_append(&model->changed_hairpin_ports, port);
}

int model_add_hairpin_port(Model *model, const char *port) {
        Element element = { .kind = ELEMENT_HAIRPIN_PORT, .name = names_intern(model->names, port) };
        Elements *ports = &model->hairpin_ports;
        size_t at;
        int r;

        if (!element.name)
                return -ENOMEM;
        at = array_lower_bound(&element, ports->items, ports->count, sizeof(element), compare_element);
        if (at < ports->count && element_compare(&element, &ports->items[at]) == 0)
                return 0;
        r = change_hairpin_port(model, &element);
        if (r >= 0)
                r = array_insert_gap(&ports->items, &ports->count, &ports->capacity, at, sizeof(element));
        if (r >= 0)
                ports->items[at] = element;
        return r;
}

void model_remove_hairpin_port(Model *model, const char *port) {
        const Element element = { .kind = ELEMENT_HAIRPIN_PORT, .name = port };
        Elements *ports = &model->hairpin_ports;
        size_t at = array_lower_bound(&element, ports->items, ports->count, sizeof(element), compare_element);

        if (at == ports->count || element_compare(&element, &ports->items[at]) != 0)
                return;
        if (change_hairpin_port(model, &ports->items[at]) < 0)
                model_touch_all(model);
        array_remove(&ports->items, &ports->count, at, sizeof(element));
}

int model_forget_withdrawn(Model *model, const Element *withdrawn) {
        return elements_append(&model->forgotten, withdrawn);
}

void model_count(const Model *model, ModelCounts *ret) {
        ModelCounts counts = {
                .exposed_ports = model->sum.ports,
                .exposed_containers = model->sum.containers,
        };

        for (size_t i = 0; i < _CLAIM_STATE_MAX; i++)
                counts.claims[i] = model->sum.claims[i];
        *ret = counts;
}
