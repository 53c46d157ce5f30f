/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "common/array.h"
#include "common/text.h"
#include "daemon/profile-rules.h"
#include "daemon/verbs/differences.h"
#include "daemon/verbs/words.h"

typedef struct Needs {
        CalicoNeed *items;
        size_t count, capacity;
} Needs;

static int add_need(Needs *needs, const CalicoNeed *need) {
        int r = array_reserve(&needs->items, &needs->capacity, needs->count + 1, sizeof(*need));

        if (r >= 0)
                needs->items[needs->count++] = *need;
        return r;
}

/* "the rule for port 80/tcp of web in profile cal: profile cal does not have the rule" */
static int tell_missing(const Record *record, const Claim *claim, const CalicoVerdict *verdict,
                        Differences *differences) {
        char ports[PORT_RANGE_TEXT_SIZE];

        return differences_add(differences, DIFFERENCE_MISSING, "the rule for port %s/%s of %s%s%s: %s",
                               port_range_format(claim->entry.container_ports, ports),
                               protocol_to_string(claim->entry.protocol), record->name,
                               *verdict->profile ? " in profile " : " in any profile", verdict->profile, verdict->reason);
}

static int compare_claim(const Survey *survey, const Record *record, const Claim *claim, Needs *needs,
                         Differences *differences) {
        CalicoVerdict verdict;
        CalicoNeed need;
        int r;

        if (!profile_rule_need(record, claim, &need))
                return 0;
        r = add_need(needs, &need);
        if (r >= 0)
                r = calico_look_judge(survey->look, &need, &verdict);
        if (r >= 0 && verdict.state != CALICO_IN_PLACE)
                r = tell_missing(record, claim, &verdict, differences);
        return r;
}

static int tell_extra(void *userdata, const char *what) {
        return differences_add(userdata, DIFFERENCE_EXTRA, "%s: no exposed port needs it", what);
}

int differences_find_rules(const Survey *survey, Differences *differences) {
        Needs needs = {};
        size_t n;
        Record *const *records = model_records(survey->model, &n);
        int r = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; r >= 0 && k < records[i]->n_claims; k++)
                        r = compare_claim(survey, records[i], &records[i]->claims[k], &needs, differences);
        if (r >= 0)
                r = calico_look_foreach_extra(survey->look, needs.items, needs.count, tell_extra, differences);
        free(needs.items);
        return r;
}
