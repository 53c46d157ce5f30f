/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/calico/endpoints.h"
#include "daemon/calico/own.h"
#include "daemon/calico/task.h"

/* From what exposures need and the endpoints' records to what each profile must have. No I/O. */

#define HOLDER_SIZE (2 * CALICO_NAME_MAX + 2)

/* A need of the caller's, copied. */
typedef struct Want {
        CalicoNeed need; /* points into the next three */
        char *endpoint;
        char *profile; /* or NULL */
        Prefix *from;
        ProfileRule *rules;
        size_t n_rules;
        char own[OWN_NAME_SIZE];

        char target[CALICO_NAME_MAX + 1]; /* the profile that must have the rules; "" if there can be none */
        CalicoState state;
        char *reason; /* want_get_reason() */

        /* What the caller was told last. */
        bool told;
        CalicoState told_state;
        char *told_reason;

        /* For the caller's use. */
        bool kept;       /* it is still needed */
        Endpoint *found; /* its endpoint; NULL: there is none */
} Want;

/* Returns 0, -ENOMEM. */
int want_copy(const CalicoNeed *need, Want *ret);
void want_done(Want *want);
/* One line, or "". A reason for which there is no memory is "". */
const char *want_get_reason(const Want *want);
void want_set_reason(Want *want, const char *reason);
/* The caller is being told of its state and reason. Returns false if that is what it was told last. */
bool want_tell(Want *want);

typedef struct WantedProfile {
        char *name;
        TaskNeeds needs;
} WantedProfile;

typedef struct Wanted {
        WantedProfile *profiles; /* sorted by name */
        size_t n_profiles, capacity;
} Wanted;

/* The profile that must have the rules goes to want->target. Where there can be none, that is "", and state and reason
 * say why; else they are left alone. endpoint: the want's; NULL: there is none. */
void want_choose(Want *want, const Endpoint *endpoint, CalicoScope scope);

/* Adds what the want needs of its target. Returns 0 or -ENOMEM. */
int wanted_add(Wanted *wanted, const Want *want, const char *host);
/* Adds that this endpoint still has this profile of ours. Returns 0 or -ENOMEM. */
int wanted_keep(Wanted *wanted, const char *profile, const char *host, const char *endpoint);
/* Sorts, and leaves each once. */
void wanted_finish(Wanted *wanted);
void wanted_done(Wanted *wanted);

const char *holder_format(const char *host, const char *endpoint, char buffer[static HOLDER_SIZE]);
