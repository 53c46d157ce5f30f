/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/calico/look.h"
#include "daemon/config.h"
#include "daemon/docker/client.h"
#include "daemon/model/model.h"
#include "daemon/net/paths.h"
#include "daemon/nft/nft.h"
#include "daemon/service.h"

/* One reading of everything, in a process that changes nothing: configuration, Docker, Calico's datastore, kernel, systemd. Claims are
 * decided by the daemon's own code, and what it would change is the difference. */

#define SURVEY_FAMILIES 2 /* [0] IPv4, [1] IPv6 */
#define SURVEY_PROBLEM_SIZE 320

/* A source of facts that could not be asked. */
typedef struct SurveyProblem {
        bool permission;                /* because a permission is missing */
        char text[SURVEY_PROBLEM_SIZE]; /* in one line, fit to be shown; "" if there is none */
} SurveyProblem;

typedef enum SurveyDaemon {
        DAEMON_DOWN,
        DAEMON_RUNS,
        DAEMON_UNKNOWN, /* no systemd, and a table that nobody owns or that cannot be read */
} SurveyDaemon;

typedef struct Survey {
        Config *config;
        sd_event *event; /* for further questions: nothing in it acts any more */
        Model *model;    /* decided; without Docker, or without the kernel, by what there is */
        DockerPort *published; /* by Docker itself */
        size_t n_published;
        Paths *paths; /* answers questions only */
        NftSocket *nft;

        SurveyProblem docker, kernel, calico;
        CalicoLook *look; /* NULL: no datastore is used, or it could not be asked */

        /* Where the kernel could be read. */
        TableState table;
        bool skeleton_intact;
        DockerUserState docker_user[SURVEY_FAMILIES];
        Plan plan; /* from what is there to what should be: all of it a difference, but see model/withdrawn.h */
        Exposures actual, desired;

        bool no_memory; /* while it was filled */
        SurveyDaemon daemon;
        bool systemd; /* it could be asked */
        ServiceState service;
} Survey;

/* Some seconds at the most. Returns 0, -EINVAL for a configuration that is not good (error says what), or another
 * negative errno for what nobody foresaw. From then on only errors are logged: what the daemon would tell of its own way
 * is no news here. That Docker or the kernel cannot be asked is no error: see the problems. */
int survey_take(const char *config_path, Survey **ret, char error[static CONFIG_ERROR_SIZE]);
Survey *survey_free(Survey *survey);
DEFINE_CLEANUP(Survey, survey_free)

static inline bool survey_knows(const SurveyProblem *source) {
        return source->text[0] == '\0';
}

/* What is true of a claim. One that the daemon would expose, but that is not in the kernel, is not exposed: it waits for
 * the daemon. */
typedef struct ClaimFacts { /* not to be copied */
        ClaimState state;
        const char *reason; /* "" if there is nothing to say; in the buffer, the record, or static */
        bool pending;       /* only the daemon is missing, or was not there yet */
        bool needs_rule;    /* it is exposed at an address of Calico's */
        bool knows_rule;    /* and the datastore could be asked */
        CalicoVerdict rule; /* which says then what became of its profile rule */
        char buffer[CLAIM_REASON_SIZE];
} ClaimFacts;

/* Returns 0 or -ENOMEM. */
int survey_get_facts(const Survey *survey, const Record *record, const Claim *claim, ClaimFacts *ret);

/* What the kernel forwards though no claim asks for it (or because Docker cannot be asked). Returns 0 or -ENOMEM. */
int survey_get_unclaimed(const Survey *survey, Exposures *ret);

/* The container that has the address, by what Docker said; NULL if there is none. */
const Record *survey_find_address(const Survey *survey, const Address *address);

/* What there is to say of the daemon, in one line; NULL if it runs. */
const char *survey_describe_daemon(const Survey *survey, char buffer[static SURVEY_PROBLEM_SIZE]);
