/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/verbs/differences.h"
#include "daemon/verbs/look.h"
#include "daemon/verbs/report.h"
#include "daemon/verbs/verb.h"

/* What is under way heals within a second; a claim whose host port was freed by a process takes two. */
enum { LOOKS = 4 };
static const struct timespec pause_between = { .tv_sec = 1 };

/* Not those of sysexits.h: as diff(1). */
enum {
        CHECK_MATCHES = 0,
        CHECK_DIFFERS = 1,
        CHECK_UNKNOWN = 2,
};

typedef struct Check {
        Survey *survey; /* the last one */
        Differences differences;
        char unknown[SURVEY_PROBLEM_SIZE]; /* why it cannot be told; "" if it can */
} Check;

static void check_done(Check *check) {
        differences_done(&check->differences);
        survey_free(check->survey);
}

/* Returns 0, also where it cannot be told, or -ENOMEM. */
static int look_for_differences(Check *check, Differences *ret) {
        const Survey *survey = check->survey;
        Differences differences = {};
        int r;

        *ret = differences;
        if (!survey_knows(&survey->docker) || !survey_knows(&survey->kernel) || !survey_knows(&survey->calico)) {
                snprintf(check->unknown, sizeof(check->unknown), "%s",
                         !survey_knows(&survey->docker)   ? survey->docker.text
                         : !survey_knows(&survey->kernel) ? survey->kernel.text
                                                          : survey->calico.text);
                return 0;
        }
        r = differences_find(survey, &differences);
        if (r >= 0 && survey->look)
                r = differences_find_rules(survey, &differences);
        if (r >= 0)
                r = differences_find_flows(survey, &differences);
        if (r < 0 && r != -ENOMEM) {
                snprintf(check->unknown, sizeof(check->unknown), "cannot read connection tracking: %s", strerror(-r));
                r = 0;
        }
        *ret = differences;
        return r;
}

static int check_once(Check *check, Differences *ret) {
        char error[CONFIG_ERROR_SIZE];
        int r;

        check->survey = survey_free(check->survey);
        r = survey_take(CONFIG_PATH, &check->survey, error);
        if (r == -EINVAL)
                snprintf(check->unknown, sizeof(check->unknown), "%.*s", (int) sizeof(check->unknown) - 1, error);
        return r == -EINVAL ? 0 : r < 0 ? r : look_for_differences(check, ret);
}

/* What is there at each look is a difference; the first look without any ends it. */
static int check_run(Check *check) {
        int r;

        r = check_once(check, &check->differences);
        for (unsigned i = 1; i < LOOKS && r >= 0 && !*check->unknown && check->differences.count > 0; i++) {
                Differences again = {};

                (void) nanosleep(&pause_between, NULL);
                r = check_once(check, &again);
                if (r >= 0 && !*check->unknown)
                        differences_intersect(&check->differences, &again);
                differences_done(&again);
        }
        return r;
}

static int outcome(const Check *check) {
        return *check->unknown ? CHECK_UNKNOWN : check->differences.count > 0 ? CHECK_DIFFERS : CHECK_MATCHES;
}

static bool fill_report(cJSON *report, const Check *check) {
        static const char *const results[] = { "match", "differ", "unknown" };
        bool complete = report_add_text(report, "result", results[outcome(check)]) &&
                        report_add_text(report, "reason", check->unknown);
        cJSON *array = cJSON_AddArrayToObject(report, "differences");

        complete = complete && array;
        for (size_t i = 0; i < check->differences.count && complete && !*check->unknown; i++) {
                cJSON *object = report_append_object(array);

                complete = object &&
                           report_add_text(object, "kind",
                                           difference_kind_to_string(check->differences.items[i].kind)) &&
                           report_add_text(object, "what", check->differences.items[i].text);
        }
        return complete;
}

static int print_json(const Check *check) {
        cJSON *report = report_new(check->survey);
        int r = -ENOMEM;

        if (report && fill_report(report, check))
                r = report_print(report, stdout);
        cJSON_Delete(report);
        return r;
}

static void print_text(const Check *check) {
        char buffer[SURVEY_PROBLEM_SIZE];
        const char *daemon = check->survey ? survey_describe_daemon(check->survey, buffer) : NULL;

        if (*check->unknown)
                log_line(LOG_ERR, "Cannot tell: %s", check->unknown);
        for (size_t i = 0; i < check->differences.count && !*check->unknown; i++)
                printf("%s: %s\n", difference_kind_to_string(check->differences.items[i].kind),
                       check->differences.items[i].text);
        if (outcome(check) == CHECK_MATCHES && isatty(STDOUT_FILENO))
                puts("The kernel has what the containers ask for.");
        if (daemon)
                log_line(LOG_ERR, "%s", daemon);
}

int verb_check(const VerbArguments *arguments) {
        Check check = {};
        int r;

        r = check_run(&check);
        if (r >= 0 && arguments->json)
                r = print_json(&check);
        else if (r >= 0)
                print_text(&check);
        if (r < 0)
                (void) look_fail(r);
        r = r < 0 ? CHECK_UNKNOWN : outcome(&check);
        check_done(&check);
        return r;
}
