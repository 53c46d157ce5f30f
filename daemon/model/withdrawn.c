/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/withdrawn.h"

Element withdrawn_of_exposure(const Exposure *exposure) {
        return (Element) {
                .kind = ELEMENT_WITHDRAWN,
                .family = exposure->family,
                .protocol = exposure->protocol,
                .prefix = exposure->destination,
                .address = exposure->container,
                .ports = exposure->ports,
                .name = "",
                .target_port = exposure->container_first,
        };
}

Exposure withdrawn_to_exposure(const Element *withdrawn) {
        return (Exposure) {
                .protocol = withdrawn->protocol,
                .family = withdrawn->family,
                .destination = withdrawn->prefix,
                .ports = withdrawn->ports,
                .container = withdrawn->address,
                .container_first = withdrawn->target_port,
        };
}

static int append_remembered(const Elements *before, const Exposures *exposed, Elements *ret) {
        int r = 0;

        for (size_t i = 0; i < before->count && r >= 0; i++) {
                Exposure exposure = withdrawn_to_exposure(&before->items[i]);

                if (before->items[i].kind == ELEMENT_WITHDRAWN &&
                    !exposures_meet(&(Exposures) { &exposure, 1, 1 }, exposed))
                        r = elements_append(ret, &before->items[i]);
        }
        return r;
}

static int append_withdrawn(const Exposures *was, const Exposures *is, Elements *ret) {
        Exposures gone;
        int r;

        r = exposures_subtract(was, is, &gone);
        if (r < 0)
                return r;
        for (size_t i = 0; i < gone.count && r >= 0; i++) {
                Element element = withdrawn_of_exposure(&gone.items[i]);

                r = elements_append(ret, &element);
        }
        exposures_done(&gone);
        return r;
}

/* The same host port and container address with another port of the container, all within the moment that forgetting
 * takes: one of the two is remembered. */
static void drop_equal_keys(Elements *elements) {
        size_t kept = 0;

        for (size_t i = 0; i < elements->count; i++)
                if (kept == 0 || element_compare_key(&elements->items[kept - 1], &elements->items[i]) != 0)
                        elements->items[kept++] = elements->items[i];
        elements->count = kept;
}

int withdrawn_between(const Elements *before, const Elements *after, Elements *ret) {
        Exposures was = {}, is = {};
        Elements withdrawn = {};
        int r;

        r = exposures_of_elements(before, &was);
        if (r >= 0)
                r = exposures_of_elements(after, &is);
        if (r >= 0)
                r = append_remembered(before, &is, &withdrawn);
        if (r >= 0)
                r = append_withdrawn(&was, &is, &withdrawn);
        exposures_done(&is);
        exposures_done(&was);
        if (r < 0) {
                elements_done(&withdrawn);
                return r;
        }
        elements_sort(&withdrawn);
        drop_equal_keys(&withdrawn);
        *ret = withdrawn;
        return 0;
}
