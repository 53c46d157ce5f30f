/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/plan.h"

int plan_make(const Elements *actual, const Elements *desired, Plan *ret) {
        Plan plan = {};
        size_t i = 0, j = 0;
        int r = 0;

        while (r >= 0 && (i < actual->count || j < desired->count)) {
                int order = i == actual->count    ? 1
                            : j == desired->count ? -1
                                                  : element_compare(&actual->items[i], &desired->items[j]);

                if (order < 0)
                        r = elements_append(&plan.remove, &actual->items[i++]);
                else if (order > 0)
                        r = elements_append(&plan.add, &desired->items[j++]);
                else
                        i++, j++;
        }
        if (r < 0) {
                plan_done(&plan);
                return r;
        }
        *ret = plan;
        return 0;
}

void plan_done(Plan *plan) {
        elements_done(&plan->remove);
        elements_done(&plan->add);
}
