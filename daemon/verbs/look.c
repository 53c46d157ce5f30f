/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/look.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"

int look_fail(int error) {
        log_line(LOG_ERR, "Cannot go on: %s", strerror(-error));
        return EX_OSERR;
}

int look_around(Survey **ret) {
        char error[CONFIG_ERROR_SIZE];
        int r;

        r = survey_take(CONFIG_PATH, ret, error);
        if (r == -EINVAL) {
                log_line(LOG_ERR, "%s", error);
                return EX_CONFIG;
        }
        return r < 0 ? look_fail(r) : 0;
}

void look_complain(const Survey *survey) {
        char buffer[SURVEY_PROBLEM_SIZE];
        const char *daemon = survey_describe_daemon(survey, buffer);

        if (!survey_knows(&survey->docker))
                log_line(LOG_ERR, "%s", survey->docker.text);
        if (!survey_knows(&survey->kernel))
                log_line(LOG_ERR, "%s", survey->kernel.text);
        if (!survey_knows(&survey->calico))
                log_line(LOG_ERR, "%s", survey->calico.text);
        if (daemon)
                log_line(LOG_ERR, "%s", daemon);
}

int look_exit_code(const Survey *survey) {
        if (survey->docker.permission || survey->kernel.permission)
                return EX_NOPERM;
        return survey_knows(&survey->docker) && survey_knows(&survey->kernel) && survey_knows(&survey->calico)
                       ? EX_OK
                       : EX_UNAVAILABLE;
}
