/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/report.h"

#include <errno.h>

bool report_add_text(cJSON *object, const char *name, const char *text) {
        return text && *text ? cJSON_AddStringToObject(object, name, text) : cJSON_AddNullToObject(object, name);
}

bool report_add_number(cJSON *object, const char *name, int number) {
        return number >= 0 ? cJSON_AddNumberToObject(object, name, number) : cJSON_AddNullToObject(object, name);
}

bool report_append_text(cJSON *array, const char *text) {
        cJSON *item = cJSON_CreateString(text);

        if (item && cJSON_AddItemToArray(array, item))
                return true;
        cJSON_Delete(item);
        return false;
}

cJSON *report_append_object(cJSON *array) {
        cJSON *object = cJSON_CreateObject();

        if (object && cJSON_AddItemToArray(array, object))
                return object;
        cJSON_Delete(object);
        return NULL;
}

static bool add_source(cJSON *report, const char *name, const SurveyProblem *problem) {
        cJSON *source = cJSON_AddObjectToObject(report, name);

        return source && cJSON_AddBoolToObject(source, "known", survey_knows(problem)) &&
               report_add_text(source, "reason", problem->text);
}

/* Where it is not used, nothing is known or unknown of it. */
static bool add_calico(cJSON *report, const Survey *survey) {
        cJSON *source;

        if (survey->config->calico.enabled)
                return add_source(report, "calico", &survey->calico);
        source = cJSON_AddObjectToObject(report, "calico");
        return source && cJSON_AddNullToObject(source, "known") && report_add_text(source, "reason", NULL);
}

static bool add_daemon(cJSON *report, const Survey *survey) {
        cJSON *daemon = cJSON_AddObjectToObject(report, "daemon");

        if (!daemon)
                return false;
        if (survey->daemon == DAEMON_UNKNOWN ? !cJSON_AddNullToObject(daemon, "running")
                                             : !cJSON_AddBoolToObject(daemon, "running", survey->daemon == DAEMON_RUNS))
                return false;
        return report_add_text(daemon, "status", survey->service.status);
}

cJSON *report_new(const Survey *survey) {
        cJSON *report = cJSON_CreateObject();

        if (report && cJSON_AddNumberToObject(report, "version", REPORT_VERSION) &&
            (!survey || (add_daemon(report, survey) && add_source(report, "docker", &survey->docker) &&
                         add_source(report, "kernel", &survey->kernel) && add_calico(report, survey))))
                return report;
        cJSON_Delete(report);
        return NULL;
}

int report_print(const cJSON *report, FILE *file) {
        char *text = cJSON_Print(report);

        if (!text)
                return -ENOMEM;
        fprintf(file, "%s\n", text);
        cJSON_free(text);
        return 0;
}
