/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/needs.h"

#include <stdlib.h>
#include <string.h>

#include "common/array.h"

void task_needs_done(TaskNeeds *needs) {
        for (size_t i = 0; i < needs->n_needs; i++)
                free(needs->needs[i].holder);
        free(needs->needs);
        for (size_t i = 0; i < needs->n_keep; i++)
                free(needs->keep[i]);
        free(needs->keep);
        *needs = (TaskNeeds) {};
}

bool task_needs_equal(const TaskNeeds *a, const TaskNeeds *b) {
        if (a->n_needs != b->n_needs || a->n_keep != b->n_keep)
                return false;
        for (size_t i = 0; i < a->n_needs; i++)
                if (profile_rule_compare(&a->needs[i].rule, &b->needs[i].rule) != 0 ||
                    strcmp(a->needs[i].holder, b->needs[i].holder) != 0)
                        return false;
        for (size_t i = 0; i < a->n_keep; i++)
                if (strcmp(a->keep[i], b->keep[i]) != 0)
                        return false;
        return true;
}

static int holder_compare(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

void task_needs_sort(TaskNeeds *needs) {
        size_t n = 0;

        array_sort(needs->needs, needs->n_needs, sizeof(*needs->needs), ledger_need_compare);
        for (size_t i = 0; i < needs->n_needs; i++)
                if (n > 0 && ledger_need_compare(&needs->needs[n - 1], &needs->needs[i]) == 0)
                        free(needs->needs[i].holder);
                else
                        needs->needs[n++] = needs->needs[i];
        needs->n_needs = n;
        array_sort(needs->keep, needs->n_keep, sizeof(*needs->keep), holder_compare);
}
