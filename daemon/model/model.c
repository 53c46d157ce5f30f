/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/model.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"
#include "daemon/model/arbiter.h"
#include "daemon/model/desired.h"
#include "daemon/model/names.h"

typedef struct RecordArray {
        Record **items;
        size_t count, capacity;
} RecordArray;

struct Model {
        RecordArray records; /* sorted by ID */
        RecordArray departed;
        Elements actual, desired;
        Names *names;         /* of actual, desired, and the hairpin ports */
        Elements hairpin_ports; /* ELEMENT_HAIRPIN_PORT, sorted */
};

int model_new(Model **ret) {
        _cleanup_(model_freep) Model *model = calloc(1, sizeof(*model));

        if (!model || !(model->names = names_new()))
                return -ENOMEM;
        *ret = TAKE_PTR(model);
        return 0;
}

static void record_array_clear(RecordArray *array) {
        for (size_t i = 0; i < array->count; i++)
                record_free(array->items[i]);
        array->count = 0;
}

Model *model_free(Model *model) {
        if (!model)
                return NULL;
        record_array_clear(&model->records);
        record_array_clear(&model->departed);
        free(model->records.items);
        free(model->departed.items);
        elements_done(&model->actual);
        elements_done(&model->desired);
        elements_done(&model->hairpin_ports);
        names_free(model->names);
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

int model_put(Model *model, Container *container) {
        _cleanup_(record_freep) Record *record = NULL;
        size_t at;
        bool known = locate(model, container->id, &at);

        if (known && container_equal(model->records.items[at]->container, container)) {
                container_free(container);
                return 0;
        }
        record = record_new(container);
        if (!record)
                return -ENOMEM;
        if (known) {
                record_inherit(record, model->records.items[at]);
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
}

static int elements_copy(const Elements *from, Names *names, Elements *ret) {
        Elements copy = {};
        int r;

        r = array_reserve(&copy.items, &copy.capacity, from->count, sizeof(*copy.items));
        for (size_t i = 0; i < from->count && r >= 0; i++) {
                Element element = from->items[i];

                element.name = names_intern(names, element.name);
                r = element.name ? elements_append(&copy, &element) : -ENOMEM;
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

/* What the claim would have in the table if it were exposed: any translation of it that is there shows that it was. */
static bool claim_is_in_kernel(const Model *model, const Record *record, const Claim *claim) {
        Claim exposed = *claim;
        Record alone = *record;
        Elements elements = {};
        bool found = false;

        if (claim->state == CLAIM_INVALID)
                return false;
        exposed.state = CLAIM_EXPOSED;
        alone.claims = &exposed;
        alone.n_claims = 1;
        if (desired_append(&alone, model->names, &elements) >= 0)
                for (size_t i = 0; i < elements.count && !found; i++)
                        found = element_is_translation(&elements.items[i]) &&
                                elements_contain(&model->actual, &elements.items[i]);
        elements_done(&elements);
        return found;
}

void model_adopt_holders(Model *model) {
        for (size_t i = 0; i < model->records.count; i++) {
                Record *record = model->records.items[i];

                for (size_t k = 0; k < record->n_claims; k++)
                        record->claims[k].holds |= claim_is_in_kernel(model, record, &record->claims[k]);
        }
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

int model_decide(Model *model, Plan *ret) {
        Elements desired = {};
        int r;

        r = arbiter_decide(model->records.items, model->records.count);
        for (size_t i = 0; i < model->records.count && r >= 0; i++)
                r = desired_append(model->records.items[i], model->names, &desired);
        for (size_t i = 0; i < model->hairpin_ports.count && r >= 0; i++)
                r = elements_append(&desired, &model->hairpin_ports.items[i]);
        if (r < 0) {
                elements_done(&desired);
                return r;
        }
        desired_settle(&desired);
        elements_done(&model->desired);
        model->desired = desired;
        return plan_make(&model->actual, &model->desired, ret);
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
        if (names_count(model->names) > model->records.count * 2 + NAMES_SPARE)
                renew_names(model);
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
                                counts.exposed_ports += port_range_count(claim->entry.host_ports);
                        }
                }
                counts.exposed_containers += exposed;
        }
        *ret = counts;
}
