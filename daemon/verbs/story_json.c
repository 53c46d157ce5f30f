/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/verbs/report.h"
#include "daemon/verbs/rows.h"
#include "daemon/verbs/story.h"
#include "daemon/verbs/words.h"

enum { VALUE_SIZE = 512, NAME_SIZE = 128 };

static const char *const choices[] = {
        [NETWORK_NAMED] = "named",   [NETWORK_ONLY] = "only", [NETWORK_CALICO] = "calico",
        [NETWORK_DEFAULT_ROUTE] = "default-route", [NETWORK_FIRST] = "first",
};

static bool add_label(cJSON *array, const ContainerLabel *label, const Policy *policy) {
        cJSON *object = report_append_object(array);
        char key[NAME_SIZE], value[VALUE_SIZE];
        bool known = label_is_known(label->key);

        return object && report_add_text(object, "key", words_escape(label->key, key, sizeof(key))) &&
               report_add_text(object, "value", words_escape(label->value, value, sizeof(value))) &&
               cJSON_AddBoolToObject(object, "from_image", label->from_image) &&
               cJSON_AddBoolToObject(object, "counts", known && label_counts(label, policy)) &&
               report_add_text(object, "nearest", known ? NULL : label_nearest(label->key));
}

static bool add_labels(cJSON *object, const Container *container, const Policy *policy) {
        cJSON *array = cJSON_AddArrayToObject(object, "labels");
        bool complete = array;

        for (size_t i = 0; i < container->n_labels && complete; i++)
                complete = add_label(array, &container->labels[i], policy);
        return complete;
}

static bool add_networks(cJSON *object, const Record *record) {
        cJSON *array = cJSON_AddArrayToObject(object, "networks");
        const Container *container = record->container;
        char name[NAME_SIZE] = "";
        bool complete = array;

        for (size_t i = 0; i < container->n_networks && complete; i++)
                complete = report_append_text(array, words_escape(container->networks[i].name, name, sizeof(name)));
        name[0] = '\0';
        if (record->network)
                words_escape(record->network->name, name, sizeof(name));
        return complete && report_add_text(object, "network", name) &&
               report_add_text(object, "network_choice", record->network ? choices[record->choice] : NULL);
}

static bool add_addresses(cJSON *object, const Record *record) {
        const RecordPath *path = record->path4.known ? &record->path4 : &record->path6;
        cJSON *array = cJSON_AddArrayToObject(object, "addresses");
        char text[ADDRESS_TEXT_SIZE], name[NAME_SIZE];

        return array &&
               (!address_is_set(&record->ipv4) || report_append_text(array, address_format(&record->ipv4, text))) &&
               (!address_is_set(&record->ipv6) || report_append_text(array, address_format(&record->ipv6, text))) &&
               report_add_text(object, "interface", path->known ? words_escape(path->ifname, name, sizeof(name)) : NULL);
}

static bool add_limits(cJSON *object, const Record *record) {
        const Limits *limits = &record->labels.limits;
        cJSON *from = cJSON_AddArrayToObject(object, "limit_from");
        cJSON *interfaces = cJSON_AddArrayToObject(object, "limit_interfaces");
        bool complete = from && interfaces;
        char text[PREFIX_TEXT_SIZE];

        for (size_t i = 0; i < limits->n_from && complete; i++)
                complete = report_append_text(from, prefix_format(&limits->from[i], text));
        for (size_t i = 0; i < limits->n_interfaces && complete; i++)
                complete = report_append_text(interfaces, limits->interfaces[i]);
        return complete && cJSON_AddBoolToObject(object, "balance", record->labels.balance);
}

static bool add_container(cJSON *report, const Survey *survey, const Record *record) {
        cJSON *object = record ? cJSON_AddObjectToObject(report, "container") : NULL;
        char profile[VALUE_SIZE];

        if (!record)
                return cJSON_AddNullToObject(report, "container");
        return object && report_add_text(object, "id", record->container->id) &&
               report_add_text(object, "name", record->name) &&
               report_add_text(object, "state", container_state_to_string(record->container->state)) &&
               add_labels(object, record->container, &survey->config->policy) && add_networks(object, record) &&
               add_addresses(object, record) &&
               report_add_text(object, "profile", words_escape(record->profile, profile, sizeof(profile))) &&
               add_limits(object, record);
}

static bool add_claims(cJSON *report, const Survey *survey, const Record *record) {
        cJSON *array = cJSON_AddArrayToObject(report, "claims");
        bool complete = array;

        for (size_t i = 0; record && i < record->n_claims && complete; i++) {
                Row row;

                complete = row_of_claim(survey, record, &record->claims[i], &row) >= 0 && row_append_json(array, &row);
        }
        return complete;
}

static bool add_obstacles(cJSON *report, const Obstacles *obstacles) {
        cJSON *array = cJSON_AddArrayToObject(report, "obstacles");
        bool complete = array;

        for (size_t i = 0; i < obstacles->count && complete; i++) {
                cJSON *object = report_append_object(array);

                complete = object && cJSON_AddBoolToObject(object, "certain", obstacles->items[i].certain) &&
                           report_add_text(object, "what", obstacles->items[i].what) &&
                           report_add_text(object, "remedy", obstacles->items[i].remedy);
        }
        return complete && cJSON_AddBoolToObject(report, "obstacles_known", !obstacles->incomplete);
}

static bool add_advice(cJSON *report, const Advice *advice) {
        char text[CLAIM_TEXT_SIZE];

        return report_add_text(report, "remedy", advice->text) &&
               report_add_text(report, "remedy_entry", advice->claim ? claim_format_text(advice->claim, text) : NULL);
}

int story_print_json(const Survey *survey, const Record *record, const Obstacles *obstacles, FILE *file) {
        Advice advice = {};
        cJSON *report;
        int r = 0;

        if (record)
                r = story_find_advice(survey, record, obstacles, &advice);
        if (r < 0)
                return r;
        report = report_new(survey);
        r = report && add_container(report, survey, record) && add_claims(report, survey, record) &&
                            add_obstacles(report, obstacles) && add_advice(report, &advice)
                    ? report_print(report, file)
                    : -ENOMEM;
        cJSON_Delete(report);
        return r;
}
