/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/array.h"
#include "daemon/model/model-inside.h"
#include "daemon/model/tally.h"

void model_touch_all(Model *model) {
        for (size_t i = 0; i < model->touched.count; i++)
                model->touched.items[i]->touched = false;
        model->touched.count = 0;
        model->all = true;
}

void model_touch(Model *model, Record *record) {
        RecordArray *touched = &model->touched;

        if (model->all || record->touched)
                return;
        if (array_reserve(&touched->items, &touched->capacity, touched->count + 1, sizeof(record)) < 0) {
                model_touch_all(model);
                return;
        }
        record->touched = true;
        touched->items[touched->count++] = record;
}

static void touch(void *userdata, Record *record) {
        model_touch(userdata, record);
}

Record *const *model_touched(const Model *model, size_t *ret_count) {
        const RecordArray *touched = model->all ? &model->records : &model->touched;

        *ret_count = touched->count;
        return touched->items;
}

Record *const *model_decided(const Model *model, size_t *ret_count) {
        *ret_count = model->scope.count;
        return model->scope.items;
}

void model_visit_addresses(Model *model, const Prefix *prefix, void (*visit)(void *userdata, Record *record),
                           void *userdata) {
        if (!model->all && address_is_set(&prefix->address)) {
                index_visit_addresses(&model->index, prefix, visit, userdata);
                return;
        }
        for (size_t i = 0; i < model->records.count; i++)
                visit(userdata, model->records.items[i]);
}

static void touch_address(Model *model, const Address *address) {
        const Prefix prefix = prefix_of_address(address);

        if (address_is_set(address))
                index_visit_addresses(&model->index, &prefix, touch, model);
}

static void forget_touched(Model *model, Record *record) {
        RecordArray *touched = &model->touched;
        size_t i = 0;

        if (!record->touched)
                return;
        while (touched->items[i] != record)
                i++;
        array_remove(&touched->items, &touched->count, i, sizeof(record));
        record->touched = false;
}

void model_take_out(Model *model, Record *record) {
        model->scope.count = 0;
        tally_subtract(&model->sum, &record->tally);
        if (model->all)
                return;
        for (size_t i = 0; i < record->n_claims && !model->all; i++)
                if (!record->claims[i].refused)
                        index_visit_ports(&model->index, record->claims[i].entry.protocol,
                                          record->claims[i].entry.host_ports, touch, model);
        touch_address(model, &record->ipv4);
        touch_address(model, &record->ipv6);
        forget_touched(model, record);
        index_remove(&model->index, record);
}

void model_take_in(Model *model, Record *record) {
        model->scope.count = 0;
        record->tally = tally_of(&record, 0);
        tally_add(&model->sum, &record->tally);
        if (!model->all && index_add(&model->index, record) < 0)
                model_touch_all(model);
        model_touch(model, record);
}

void model_move(Model *model, Record *record, const Address *ipv4, const Address *ipv6) {
        model->scope.count = 0;
        tally_subtract(&model->sum, &record->tally);
        record->tally = tally_of(&record, 0);
        tally_add(&model->sum, &record->tally);
        if (model->all)
                return;
        touch_address(model, ipv4);
        touch_address(model, ipv6);
        if (index_move(&model->index, record, ipv4, ipv6) < 0)
                model_touch_all(model);
        model_touch(model, record);
}
