/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "common/log.h"
#include "daemon/verbs/look.h"
#include "daemon/verbs/rows.h"
#include "daemon/verbs/verb.h"

static int print(const Survey *survey, const VerbArguments *arguments) {
        Rows rows;
        int r;

        r = rows_collect(survey, &rows);
        if (r < 0)
                return r;
        r = arguments->json ? rows_print_json(&rows, survey, stdout) : rows_print(&rows, stdout);
        if (r >= 0 && rows.count == 0 && survey_knows(&survey->docker) && !arguments->json)
                log_line(LOG_ERR, "no running container carries the label " LABEL_EXPOSE);
        rows_done(&rows);
        return r;
}

int verb_list(const VerbArguments *arguments) {
        _cleanup_(survey_freep) Survey *survey = NULL;
        int r;

        r = look_around(&survey);
        if (r != 0)
                return r;
        r = print(survey, arguments);
        if (r < 0)
                return look_fail(r);
        look_complain(survey);
        return look_exit_code(survey);
}
