/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"

/* One reading of Calico's datastore, in a process that never writes: what is there, and whether it is what is needed. */
typedef struct CalicoLook CalicoLook;

/* Begins when the loop runs. Returns 0, a negative errno; -EINVAL for a hostname that is no name of Calico's. */
int calico_look_new(sd_event *event, const CalicoOptions *options, CalicoLook **ret);
CalicoLook *calico_look_free(CalicoLook *look);
DEFINE_CLEANUP(CalicoLook, calico_look_free)

/* All was read; only then may what stands below be asked. */
bool calico_look_is_done(const CalicoLook *look);
/* Why the datastore did not answer, in one line; "" if nothing failed yet. */
const char *calico_look_get_failure(const CalicoLook *look);

void calico_look_foreach_endpoint(const CalicoLook *look,
                                  void (*handler)(void *userdata, const CalicoEndpoint *endpoint), void *userdata);

/* What has become of a need. */
typedef struct CalicoVerdict {
        CalicoState state; /* PENDING: it is not there, but could be */
        char profile[256]; /* as in CalicoOutcome */
        char reason[CALICO_REASON_SIZE];
        bool ours; /* in place, put there by this project, and taken out by it when nobody needs it any more */
} CalicoVerdict;

/* Returns 0 or -ENOMEM. */
int calico_look_judge(const CalicoLook *look, const CalicoNeed *need, CalicoVerdict *ret);

/* Goes through those who need the same rules in the same profile, on all hosts, but for this need itself, as
 * "<host>/<endpoint>". Returns 0 or -ENOMEM. */
int calico_look_foreach_other(const CalicoLook *look, const CalicoNeed *need,
                              void (*handler)(void *userdata, const char *holder), void *userdata);

/* Goes through what this host has in the datastore and does not need, if these are all its needs: a line for each, as
 * "profile calico-exposed-tcp-80 on endpoint ...". Returns 0, -ENOMEM, or what the handler returned, if negative. */
int calico_look_foreach_extra(const CalicoLook *look, const CalicoNeed *needs, size_t n_needs,
                              int (*handler)(void *userdata, const char *what), void *userdata);
