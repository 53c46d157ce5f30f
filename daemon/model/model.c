/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/model.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/model/arbiter.h"
#include "daemon/model/desired.h"
#include "daemon/model/exposure.h"
#include "daemon/model/names.h"
#include "daemon/model/remember.h"
#include "daemon/model/withdrawn.h"

typedef struct RecordArray {
        Record **items;
        size_t count, capacity;
} RecordArray;

struct Model {
        const Policy *policy;
        HostPort *host_ports; /* sorted */
        size_t n_host_ports;
        RecordArray records; /* sorted by ID */
        RecordArray departed;
        Attachments attachments;
        Attachment *replaced; /* records may still point to them: the departed, and all until model_attach() */
        bool attachments_changed;
        Elements actual, desired;
        Names *names;         /* of actual, desired, and the hairpin ports */
        Elements hairpin_ports; /* ELEMENT_HAIRPIN_PORT, sorted */
        Elements forgotten;     /* ELEMENT_WITHDRAWN that the next plan drops */
};

int model_new(const Policy *policy, Model **ret) {
        _cleanup_(model_freep) Model *model = calloc(1, sizeof(*model));

        if (!model || !(model->names = names_new()))
                return -ENOMEM;
        model->policy = policy;
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
        record_array_clear(&model->records);
        record_array_clear(&model->departed);
        free(model->records.items);
        free(model->departed.items);
        attachments_done(&model->attachments);
        forget_replaced(model);
        elements_done(&model->actual);
        elements_done(&model->desired);
        elements_done(&model->hairpin_ports);
        elements_done(&model->forgotten);
        names_free(model->names);
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
static void record_settle(const Model *model, Record *record, const Record *old) {
        if (old)
                record->memory = old->memory;
        (void) record_attach(record, &model->attachments);
        if (old)
                record_inherit(record, old);
}

static Record *record_renew(const Model *model, const Record *old, const Policy *policy) {
        Container *copy = container_copy(old->container);
        Record *record = copy ? record_new(copy, policy) : NULL;

        if (record)
                record_settle(model, record, old);
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
        for (size_t i = 0; i < n; i++) {
                record_free(model->records.items[i]);
                model->records.items[i] = renewed[i];
        }
        model->policy = policy;
        return 0;
}

static int compare_host_ports(const void *a, const void *b) {
        return host_port_compare(a, b);
}

void model_set_host_ports(Model *model, HostPort *ports, size_t n_ports) {
        if (n_ports > 1)
                qsort(ports, n_ports, sizeof(*ports), compare_host_ports);
        free(model->host_ports);
        model->host_ports = ports;
        model->n_host_ports = n_ports;
}

bool model_has_newcomers(const Model *model) {
        for (size_t i = 0; i < model->records.count; i++) {
                const Record *record = model->records.items[i];

                for (size_t k = 0; k < record->n_claims && record->waiting == REASON_NONE; k++)
                        if (!record->claims[k].refused && !record->claims[k].holds)
                                return true;
        }
        return false;
}

bool model_waits_for_host_ports(const Model *model) {
        for (size_t i = 0; i < model->records.count; i++)
                for (size_t k = 0; k < model->records.items[i]->n_claims; k++)
                        if (model->records.items[i]->claims[k].reason == REASON_HOST_PORT)
                                return true;
        return false;
}

/* Who does not know how healthy a container is says nothing new by that. */
static bool says_nothing_new(const Container *container, const Container *known) {
        return container_equal(container, known) &&
               (container->health == HEALTH_UNKNOWN || container->health == known->health);
}

int model_put(Model *model, Container *container) {
        _cleanup_(record_freep) Record *record = NULL;
        size_t at;
        bool known = locate(model, container->id, &at);

        if (known && says_nothing_new(container, model->records.items[at]->container)) {
                container_free(container);
                return 0;
        }
        record = record_new(container, model->policy);
        if (!record)
                return -ENOMEM;
        record_settle(model, record, known ? model->records.items[at] : NULL);
        if (known) {
                record_free(model->records.items[at]);
        } else if (array_insert_gap(&model->records.items, &model->records.count, &model->records.capacity, at,
                                    sizeof(record)) < 0)
                return -ENOMEM;
        model->records.items[at] = TAKE_PTR(record);
        return 1;
}

bool model_remove(Model *model, const char *id) {
        RecordArray *departed = &model->departed;
        Record *record;
        size_t at;

        if (!locate(model, id, &at))
                return false;
        record = model->records.items[at];
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

bool model_attach(Model *model) {
        bool changed = false;

        if (!model->attachments_changed)
                return false;
        for (size_t i = 0; i < model->records.count; i++)
                changed |= record_attach(model->records.items[i], &model->attachments);
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
        return 0;
}

const Elements *model_actual(const Model *model) {
        return &model->actual;
}

static int compare_element(const void *key, const void *item) {
        return element_compare(key, item);
}

static bool elements_contain(const Elements *elements, const Element *element) {
        size_t at = array_lower_bound(element, elements->items, elements->count, sizeof(*element), compare_element);

        return at < elements->count && element_compare(element, &elements->items[at]) == 0;
}

int model_get_exposures(const Model *model, const Record *record, const Claim *claim, Exposures *ret) {
        Desired desired = { .names = model->names };
        Claim exposed = *claim;
        Record alone = *record;
        int r;

        exposed.state = CLAIM_EXPOSED;
        alone.claims = &exposed;
        alone.n_claims = claim->refused ? 0 : 1;
        r = desired_add_record(&desired, &alone);
        if (r >= 0)
                r = desired_settle(&desired);
        if (r >= 0)
                r = exposures_of_elements(&desired.elements, ret);
        desired_done(&desired);
        return r;
}

/* Any translation of it that is there shows that it was exposed. */
static int claim_is_in_kernel(const Model *model, const Record *record, const Claim *claim, const Exposures *actual) {
        Exposures wanted;
        bool found;
        int r;

        r = model_get_exposures(model, record, claim, &wanted);
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
        for (size_t i = 0; i < model->records.count && r >= 0; i++) {
                Record *record = model->records.items[i];

                for (size_t k = 0; k < record->n_claims && r >= 0; k++) {
                        r = claim_is_in_kernel(model, record, &record->claims[k], &actual);
                        record->claims[k].holds |= r > 0;
                }
        }
        exposures_done(&actual);
        return MIN(r, 0);
}

int model_add_hairpin_port(Model *model, const char *port) {
        Element element = { .kind = ELEMENT_HAIRPIN_PORT, .name = names_intern(model->names, port) };
        int r;

        if (!element.name)
                return -ENOMEM;
        if (elements_contain(&model->hairpin_ports, &element))
                return 0;
        r = elements_append(&model->hairpin_ports, &element);
        elements_sort(&model->hairpin_ports);
        return r;
}

void model_remove_hairpin_port(Model *model, const char *port) {
        Elements *ports = &model->hairpin_ports;

        for (size_t i = 0; i < ports->count; i++)
                if (strcmp(ports->items[i].name, port) == 0) {
                        array_remove(&ports->items, &ports->count, i, sizeof(*ports->items));
                        return;
                }
}

int model_forget_withdrawn(Model *model, const Element *withdrawn) {
        return elements_append(&model->forgotten, withdrawn);
}

/* What is withdrawn just now, for the second time, has new flows. */
static bool is_forgotten(const Model *model, const Element *withdrawn) {
        return elements_contain(&model->forgotten, withdrawn) && elements_contain(&model->actual, withdrawn);
}

/* They sort behind all others. */
static int append_withdrawn(const Model *model, Elements *desired) {
        Elements withdrawn;
        int r;

        r = withdrawn_between(&model->actual, desired, &withdrawn);
        if (r < 0)
                return r;
        for (size_t i = 0; i < withdrawn.count && r >= 0; i++)
                if (!is_forgotten(model, &withdrawn.items[i]))
                        r = elements_append(desired, &withdrawn.items[i]);
        elements_done(&withdrawn);
        return r;
}

static int collect_desired(const Model *model, Desired *desired) {
        int r;

        r = desired_add_policy(desired, model->policy);
        for (size_t i = 0; i < model->records.count && r >= 0; i++)
                r = desired_add_record(desired, model->records.items[i]);
        for (size_t i = 0; i < model->hairpin_ports.count && r >= 0; i++)
                r = elements_append(&desired->elements, &model->hairpin_ports.items[i]);
        if (r >= 0)
                r = desired_settle(desired);
        return r < 0 ? r : append_withdrawn(model, &desired->elements);
}

int model_decide(Model *model, Plan *ret) {
        Desired desired = { .names = model->names };
        int r;

        elements_sort(&model->forgotten);
        r = arbiter_decide(model->records.items, model->records.count, model->host_ports, model->n_host_ports);
        if (r >= 0)
                r = collect_desired(model, &desired);
        if (r >= 0) {
                elements_done(&model->desired);
                model->desired = desired.elements;
                desired.elements = (Elements) {};
                r = plan_make(&model->actual, &model->desired, ret);
        }
        desired_done(&desired);
        return r;
}

const Elements *model_desired(const Model *model) {
        return &model->desired;
}

/* Interfaces and networks come and go: names that nothing uses any more are dropped by moving the others. */
static void renew_names(Model *model) {
        _cleanup_(names_freep) Names *names = names_new();
        Elements actual = {}, ports = {};

        if (names && elements_copy(&model->actual, names, &actual) >= 0 &&
            elements_copy(&model->hairpin_ports, names, &ports) >= 0) {
                elements_done(&model->actual);
                elements_done(&model->hairpin_ports);
                model->actual = actual;
                model->hairpin_ports = ports;
                names_free(model->names);
                model->names = TAKE_PTR(names);
                return;
        }
        elements_done(&actual);
        elements_done(&ports);
}

enum { NAMES_SPARE = 1024 }; /* names that may be stale before the pool is renewed */

void model_commit(Model *model) {
        elements_done(&model->actual);
        model->actual = model->desired;
        model->desired = (Elements) {};
        elements_done(&model->forgotten);
        if (names_count(model->names) > model->records.count * 2 + NAMES_SPARE)
                renew_names(model);
}

/* A port that several containers balance is one port. */
static bool is_counted_elsewhere(const Model *model, size_t at, const Claim *claim) {
        if (!model->records.items[at]->labels.balance)
                return false;
        for (size_t i = 0; i < at; i++) {
                const Record *record = model->records.items[i];

                for (size_t k = 0; k < record->n_claims && record->labels.balance; k++)
                        if (record->claims[k].state == CLAIM_EXPOSED &&
                            entry_same_host_side(&record->claims[k].entry, &claim->entry))
                                return true;
        }
        return false;
}

void model_count(const Model *model, ModelCounts *ret) {
        ModelCounts counts = {};

        for (size_t i = 0; i < model->records.count; i++) {
                const Record *record = model->records.items[i];
                bool exposed = false;

                for (size_t k = 0; k < record->n_claims; k++) {
                        const Claim *claim = &record->claims[k];

                        counts.claims[claim->state]++;
                        if (claim->state == CLAIM_EXPOSED) {
                                exposed = true;
                                if (!is_counted_elsewhere(model, i, claim))
                                        counts.exposed_ports += port_range_count(claim->entry.host_ports);
                        }
                }
                counts.exposed_containers += exposed;
        }
        *ret = counts;
}
