/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/config-calico.h"
#include "daemon/metrics.h"
#include "daemon/model/model.h"
#include "daemon/status.h"

/* Calico's side of the daemon: keeps the model's attachments what the datastore says of this host's endpoints, and the
 * datastore's profiles what the model's exposures need. Nothing waits for it. */
typedef struct Profiles Profiles;

typedef struct ProfilesHandlers {
        void (*changed)(void *userdata); /* the model's attachments: model_attach() */
        void (*status)(void *userdata);  /* profiles_status() may be another one */
} ProfilesHandlers;

/* Uses no datastore until one is prepared and committed. Copies the handlers. Returns 0 or a negative errno. */
int profiles_new(sd_event *event, Model *model, const ProfilesHandlers *handlers, void *userdata, Profiles **ret);
/* What is in place in the datastore stays. */
Profiles *profiles_free(Profiles *profiles);
DEFINE_CLEANUP(Profiles, profiles_free)

/* Whatever the configuration says of the datastore, in two steps of which only the first can fail. What an earlier
 * configuration had put into it under another host's name, or with a datastore when there is none any more, is taken
 * back as soon as it can be. */
typedef struct ProfilesClient ProfilesClient;
/* *ret is NULL where no datastore is used. Returns 0 or a negative errno. */
int profiles_prepare(Profiles *profiles, const CalicoConfig *config, ProfilesClient **ret);
void profiles_commit(Profiles *profiles, ProfilesClient *client);
ProfilesClient *profiles_abandon(ProfilesClient *client);

/* The model's exposures are what the kernel holds: from now on their rules are needed, and no others. To be called only
 * when Docker's containers are known. */
void profiles_set_carried_out(Profiles *profiles);

const ProfilesStatus *profiles_status(const Profiles *profiles);
MetricsProfiles profiles_metrics(const Profiles *profiles);
