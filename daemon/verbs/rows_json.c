/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/verbs/report.h"
#include "daemon/verbs/rows.h"
#include "daemon/verbs/words.h"

static bool add_addresses(cJSON *object, const Address *one, const Address *other) {
        cJSON *array = cJSON_AddArrayToObject(object, "container_addresses");
        char text[ADDRESS_TEXT_SIZE];

        return array && (!one || report_append_text(array, address_format(one, text))) &&
               (!other || report_append_text(array, address_format(other, text)));
}

static bool add_ports(cJSON *object, const char *first, const char *last, PortRange ports) {
        return report_add_number(object, first, ports.first) && report_add_number(object, last, ports.last);
}

/* host: AF_UNSPEC for every address; ports of an entry that was not parsed are {0, 0}. */
static bool add_sides(cJSON *object, bool parsed, Protocol protocol, const Address *host, PortRange host_ports,
                      PortRange container_ports) {
        char text[ADDRESS_TEXT_SIZE];

        if (!parsed)
                return report_add_text(object, "protocol", NULL) && report_add_text(object, "host_address", NULL) &&
                       report_add_number(object, "host_port", -1) && report_add_number(object, "host_port_last", -1) &&
                       report_add_number(object, "container_port", -1) &&
                       report_add_number(object, "container_port_last", -1);
        return report_add_text(object, "protocol", protocol_to_string(protocol)) &&
               report_add_text(object, "host_address", address_is_set(host) ? address_format(host, text) : NULL) &&
               add_ports(object, "host_port", "host_port_last", host_ports) &&
               add_ports(object, "container_port", "container_port_last", container_ports);
}

static bool add_container(cJSON *object, const Record *record) {
        return report_add_text(object, "container_id", record ? record->container->id : NULL) &&
               report_add_text(object, "container_name", record ? record->name : NULL);
}

static bool add_claim(cJSON *object, const Row *row) {
        char network[CLAIM_REASON_SIZE] = "", text[CLAIM_TEXT_SIZE];
        const Record *record = row->record;
        const Claim *claim = row->claim;
        const Entry *entry = &claim->entry;
        /* All addresses of one family: "0.0.0.0", "::". */
        const Address host = address_is_set(&entry->host) ? entry->host : (Address) { .family = entry->family };
        const Address *ipv4, *ipv6;

        words_claim_addresses(record, claim, &ipv4, &ipv6);
        if (record->network)
                words_escape(record->network->name, network, sizeof(network));
        return add_container(object, record) && report_add_text(object, "entry", claim_format_text(claim, text)) &&
               add_sides(object, claim->error == ENTRY_OK, entry->protocol, &host, entry->host_ports,
                         entry->container_ports) &&
               add_addresses(object, ipv4, ipv6) && report_add_text(object, "network", network) &&
               report_add_text(object, "profile", row->profile);
}

static bool add_exposure(cJSON *object, const Row *row) {
        const Exposure *exposure = &row->exposure;
        const Address *host = exposure->destination.length > 0 ? &exposure->destination.address : &(Address) {};

        return add_container(object, row->neighbour) && report_add_text(object, "entry", NULL) &&
               add_sides(object, true, exposure->protocol, host, exposure->ports, words_container_ports(exposure)) &&
               add_addresses(object, &exposure->container, NULL) && report_add_text(object, "network", NULL) &&
               report_add_text(object, "profile", NULL);
}

bool row_append_json(cJSON *array, const Row *row) {
        cJSON *object = report_append_object(array);

        return object && (row->claim ? add_claim(object, row) : add_exposure(object, row)) &&
               report_add_text(object, "state", claim_state_to_string(row->state)) &&
               report_add_text(object, "reason", row->reason) && report_add_text(object, "profile_rule", row->rule) &&
               report_add_text(object, "profile_rule_reason", row->rule_reason);
}

int rows_print_json(const Rows *rows, const Survey *survey, FILE *file) {
        cJSON *report = report_new(survey);
        cJSON *array = report ? cJSON_AddArrayToObject(report, "claims") : NULL;
        bool complete = array;
        int r;

        for (size_t i = 0; i < rows->count && complete; i++)
                complete = row_append_json(array, &rows->items[i]);
        r = complete ? report_print(report, file) : -ENOMEM;
        cJSON_Delete(report);
        return r;
}
