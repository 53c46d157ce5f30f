/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/rows.h"

#include <string.h>

#include "common/array.h"
#include "daemon/verbs/table.h"
#include "daemon/verbs/words.h"

void rows_done(Rows *rows) {
        free(rows->items);
        *rows = (Rows) {};
}

static int rows_append(Rows *rows, const Row *row) {
        int r;

        r = array_reserve(&rows->items, &rows->capacity, rows->count + 1, sizeof(*row));
        if (r >= 0)
                rows->items[rows->count++] = *row;
        return r;
}

static const char *const rule_words[_CALICO_STATE_MAX] = {
        [CALICO_PENDING] = "pending", [CALICO_IN_PLACE] = "in_place", [CALICO_REFUSED] = "refused",
};

/* Exposed, but Felix does not let it pass, is worth a reason. */
static void fill_rule(Row *row, const ClaimFacts *facts) {
        const char *profile = facts->knows_rule && *facts->rule.profile ? facts->rule.profile : row->record->profile;

        words_escape(profile, row->profile, sizeof(row->profile));
        if (!facts->knows_rule)
                return;
        row->rule = rule_words[facts->rule.state];
        snprintf(row->rule_reason, sizeof(row->rule_reason), "%s", facts->rule.reason);
        if (facts->rule.state != CALICO_IN_PLACE && row->state == CLAIM_EXPOSED)
                snprintf(row->reason, sizeof(row->reason), "profile rule %s: %s", row->rule, facts->rule.reason);
}

int row_of_claim(const Survey *survey, const Record *record, const Claim *claim, Row *ret) {
        ClaimFacts facts;
        int r;

        r = survey_get_facts(survey, record, claim, &facts);
        if (r < 0)
                return r;
        *ret = (Row) { .record = record, .claim = claim, .state = facts.state };
        snprintf(ret->reason, sizeof(ret->reason), "%s", facts.reason);
        fill_rule(ret, &facts);
        return 0;
}

static int add_claim(const Survey *survey, const Record *record, const Claim *claim, Rows *rows) {
        Row row;
        int r;

        r = row_of_claim(survey, record, claim, &row);
        return r < 0 ? r : rows_append(rows, &row);
}

static int add_claims(const Survey *survey, Rows *rows) {
        size_t n;
        Record *const *records = model_records(survey->model, &n);
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++)
                for (size_t k = 0; k < records[i]->n_claims && r >= 0; k++)
                        r = add_claim(survey, records[i], &records[i]->claims[k], rows);
        return r;
}

static int add_unclaimed(const Survey *survey, Rows *rows) {
        const char *reason = survey_knows(&survey->docker) ? "in the kernel, but no container asks for it"
                                                         : "in the kernel; Docker could not be asked about it";
        Exposures unclaimed = {};
        int r;

        r = survey_get_unclaimed(survey, &unclaimed);
        for (size_t i = 0; i < unclaimed.count && r >= 0; i++) {
                Row row = { .exposure = unclaimed.items[i], .state = CLAIM_EXPOSED };

                row.neighbour = survey_find_address(survey, &row.exposure.container);
                snprintf(row.reason, sizeof(row.reason), "%s", reason);
                r = rows_append(rows, &row);
        }
        exposures_done(&unclaimed);
        return r;
}

/* What rows are sorted by; an entry that could not be parsed has no port. */
typedef struct Place {
        unsigned port;
        unsigned protocol;
        Address host;
        const char *name;
} Place;

static Place place_of(const Row *row) {
        if (!row->claim)
                return (Place) { row->exposure.ports.first, row->exposure.protocol, row->exposure.destination.address, "" };
        if (row->claim->error != ENTRY_OK)
                return (Place) { .port = UINT32_MAX, .name = row->record->name };
        return (Place) { row->claim->entry.host_ports.first, (unsigned) row->claim->entry.protocol,
                         row->claim->entry.host, row->record->name };
}

static int compare_rows(const void *a, const void *b) {
        const Row *first = a, *second = b;
        const Place x = place_of(first), y = place_of(second);
        int r;

        if (x.port != y.port)
                return x.port < y.port ? -1 : 1;
        if (x.protocol != y.protocol)
                return x.protocol < y.protocol ? -1 : 1;
        r = address_compare(&x.host, &y.host);
        if (r == 0)
                r = strcmp(x.name, y.name);
        /* Within a container, in the label's order. */
        return r != 0 ? r : (first->claim > second->claim) - (first->claim < second->claim);
}

int rows_collect(const Survey *survey, Rows *ret) {
        Rows rows = {};
        int r = 0;

        if (survey_knows(&survey->docker))
                r = add_claims(survey, &rows);
        if (r >= 0)
                r = add_unclaimed(survey, &rows);
        if (r < 0) {
                rows_done(&rows);
                return r;
        }
        array_sort(rows.items, rows.count, sizeof(*rows.items), compare_rows);
        *ret = rows;
        return 0;
}

/* The table */

enum { CELL_STATE, CELL_HOST, CELL_CONTAINER, CELL_ADDRESS, CELL_NETWORK, CELL_PROFILE, CELL_REASON, _CELL_MAX };
enum { CELL_SIZE = ROW_REASON_SIZE };

static const TableColumn columns[_CELL_MAX] = {
        [CELL_STATE] = { "STATE", 0, 8 },      [CELL_HOST] = { "HOST", 0, 24 },
        [CELL_CONTAINER] = { "CONTAINER", 0, 24 }, [CELL_ADDRESS] = { "ADDRESS", 1, 20 },
        [CELL_NETWORK] = { "NETWORK", 2, 16 }, [CELL_PROFILE] = { "PROFILE", 3, 16 },
        [CELL_REASON] = { "REASON", 0, 40 },
};

static const TableColour state_colours[_CLAIM_STATE_MAX] = {
        [CLAIM_EXPOSED] = TABLE_GOOD,  [CLAIM_WAITING] = TABLE_UNDECIDED, [CLAIM_CONFLICT] = TABLE_BAD,
        [CLAIM_DENIED] = TABLE_BAD,    [CLAIM_INVALID] = TABLE_BAD,
};

static void format_addresses(const Row *row, char *buffer, size_t size) {
        char v4[WORDS_PLACE_SIZE] = "", v6[WORDS_PLACE_SIZE] = "";
        const Address *ipv4, *ipv6;

        words_claim_addresses(row->record, row->claim, &ipv4, &ipv6);
        if (ipv4)
                words_place(ipv4, row->claim->entry.container_ports, v4);
        if (ipv6)
                words_place(ipv6, row->claim->entry.container_ports, v6);
        snprintf(buffer, size, "%s%s%s", v4, ipv4 && ipv6 ? " " : "", v6);
}

static void fill_claim(const Row *row, char cells[_CELL_MAX][CELL_SIZE]) {
        const Record *record = row->record;
        char text[CLAIM_TEXT_SIZE];

        if (row->claim->error == ENTRY_OK) {
                entry_format_host(&row->claim->entry, cells[CELL_HOST]);
                format_addresses(row, cells[CELL_ADDRESS], CELL_SIZE);
        } else
                snprintf(cells[CELL_HOST], CELL_SIZE, "\"%s\"", claim_format_text(row->claim, text));
        snprintf(cells[CELL_CONTAINER], CELL_SIZE, "%s", record->name);
        if (record->network)
                words_escape(record->network->name, cells[CELL_NETWORK], CELL_SIZE);
        snprintf(cells[CELL_PROFILE], CELL_SIZE, "%s", row->profile);
}

static void fill_exposure(const Row *row, char cells[_CELL_MAX][CELL_SIZE]) {
        const Exposure *exposure = &row->exposure;

        words_host(&exposure->destination, exposure->ports, exposure->protocol, cells[CELL_HOST]);
        words_place(&exposure->container, words_container_ports(exposure), cells[CELL_ADDRESS]);
        snprintf(cells[CELL_CONTAINER], CELL_SIZE, "%s", row->neighbour ? row->neighbour->name : "");
}

static int add_row(Table *table, const Row *row) {
        char cells[_CELL_MAX][CELL_SIZE] = {};
        const char *shown[_CELL_MAX];

        snprintf(cells[CELL_STATE], CELL_SIZE, "%s", claim_state_to_string(row->state));
        snprintf(cells[CELL_REASON], CELL_SIZE, "%s", row->reason);
        if (row->claim)
                fill_claim(row, cells);
        else
                fill_exposure(row, cells);
        for (size_t i = 0; i < _CELL_MAX; i++)
                shown[i] = cells[i];
        return table_add(table, state_colours[row->state], shown);
}

int rows_print(const Rows *rows, FILE *file) {
        Table table = { .columns = columns, .n_columns = _CELL_MAX };
        TableStyle style = table_style_detect(file);
        int r = 0;

        for (size_t i = 0; i < rows->count && r >= 0; i++)
                r = add_row(&table, &rows->items[i]);
        if (r >= 0)
                r = table_print(&table, &style, file);
        table_done(&table);
        return r;
}
