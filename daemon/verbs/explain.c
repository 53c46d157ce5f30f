/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/text.h"
#include "daemon/docker/lookup.h"
#include "daemon/images.h"
#include "daemon/model/arbiter.h"
#include "daemon/verbs/look.h"
#include "daemon/verbs/story.h"
#include "daemon/verbs/verb.h"

static int tell_in_words(const Survey *survey, const Record *record, const Obstacles *obstacles) {
        int r;

        story_tell_container(survey, record, stdout);
        r = story_tell_claims(survey, record, stdout);
        return r < 0 ? r : story_tell_remedy(survey, record, obstacles, stdout);
}

static int tell(const Survey *survey, const Record *record, int32_t pid, bool json) {
        Obstacles obstacles;

        obstacles_find(survey, record, pid, &obstacles);
        return json ? story_print_json(survey, record, &obstacles, stdout) : tell_in_words(survey, record, &obstacles);
}

/* Of a container that is not in the survey: its labels' origin is asked for by itself. */
static void mark_labels(const Survey *survey, Container *container) {
        _cleanup_(images_freep) Images *images = images_new();
        DockerImage image;
        int r;

        if (!images || images_mark(images, container))
                return;
        r = docker_look_up_image(survey->event, survey->config->docker_socket, container->image_id, &image);
        if (r >= 0) {
                r = images_learn(images, container->image_id, image.labels, image.n_labels);
                docker_image_done(&image);
        } else
                r = images_learn_unreadable(images, container->image_id);
        if (r >= 0)
                (void) images_mark(images, container);
}

/* One without labels, or that does not run. */
static int tell_stranger(const Survey *survey, Container *container, bool json) {
        _cleanup_(record_freep) Record *record = NULL;
        int r;

        mark_labels(survey, container);
        record = record_new(container, &survey->config->policy);
        if (!record)
                return -ENOMEM;
        r = arbiter_decide(&record, 1, NULL, 0);
        return r < 0 ? r : tell(survey, record, record->container->pid, json);
}

static int complain_of_name(const char *wanted, int error, const char *nearest) {
        char shown[128], name[128];

        text_escape(wanted, strlen(wanted), shown, sizeof(shown));
        if (error == -ENOTUNIQ)
                log_line(LOG_ERR, "explain: the IDs of several containers begin with \"%s\"", shown);
        else if (error != -ENOENT)
                return look_fail(error);
        else if (nearest)
                log_line(LOG_ERR, "explain: there is no container \"%s\": did you mean \"%s\"?", shown,
                         text_escape(nearest, strlen(nearest), name, sizeof(name)));
        else
                log_line(LOG_ERR, "explain: there is no container \"%s\", expected a name or the beginning of an ID", shown);
        return EX_NOINPUT;
}

static int find_and_tell(const Survey *survey, const char *wanted, bool json) {
        _cleanup_free_ char *nearest = NULL;
        Container *container;
        const Record *record;
        int r;

        r = docker_look_up(survey->event, survey->config->docker_socket, wanted, &container, &nearest);
        if (r < 0)
                return complain_of_name(wanted, r, nearest);
        record = model_find(survey->model, container->id);
        if (record) {
                r = tell(survey, record, container->pid, json);
                container_free(container);
        } else
                r = tell_stranger(survey, container, json);
        return r < 0 ? look_fail(r) : 0;
}

int verb_explain(const VerbArguments *arguments) {
        _cleanup_(survey_freep) Survey *survey = NULL;
        int r;

        r = look_around(&survey);
        if (r != 0)
                return r;
        if (survey_knows(&survey->docker))
                r = find_and_tell(survey, arguments->operand, arguments->json);
        else if (arguments->json && story_print_json(survey, NULL, &(Obstacles) { .incomplete = true }, stdout) < 0)
                r = look_fail(-ENOMEM);
        (void) fflush(stdout);
        if (r != 0)
                return r;
        look_complain(survey);
        return look_exit_code(survey);
}
