/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/history.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"

void history_clear(History *history) {
        for (size_t i = 0; i < history->n_events; i++) {
                free(history->events[i].before);
                free(history->events[i].now);
        }
        history->n_events = 0;
        history->state = LEDGER_HISTORY_UNASKED;
}

void history_done(History *history) {
        history_clear(history);
        free(history->events);
        *history = (History) {};
}

static char *copy_value(const EtcdNode *node) {
        return node->value ? strdup(node->value) : NULL;
}

int history_add(History *history, const EtcdAnswer *answer) {
        LedgerEvent event = { .index = answer->node.index };

        if (array_reserve(&history->events, &history->capacity, history->n_events + 1, sizeof(event)) < 0)
                return -ENOMEM;
        event.before = copy_value(&answer->previous);
        event.now = copy_value(&answer->node);
        history->events[history->n_events++] = event;
        return (answer->previous.value && !event.before) || (answer->node.value && !event.now) ? -ENOMEM : 0;
}
