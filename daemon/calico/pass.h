/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/calico/endpoints.h"
#include "daemon/calico/member.h"
#include "daemon/calico/shared.h"
#include "daemon/calico/task.h"
#include "daemon/calico/tree.h"
#include "daemon/calico/wants.h"

/* What calico.c (what is told, by the datastore and to the caller) and pass.c (what follows from it) share. */

struct Calico {
        sd_event *event;
        char *host;
        CalicoScope scope;
        CalicoHandlers handlers;
        void *userdata;
        EtcdClient *client;

        Tree *records_tree, *profiles_tree, *shared_tree;
        Endpoints endpoints;
        Shared shared;
        char reason[CALICO_REASON_SIZE]; /* why the datastore is away; "": it is not, or nothing is known yet */
        bool connected;                  /* the caller was told */

        sd_event_source *pass;     /* armed by whatever changes; it comes when its time has come, too */
        sd_event_source *pass_later;
        EtcdRequest *registration;

        Want **wants;  /* in the caller's order */
        Want **sorted; /* the same, by calico_need_compare(): as the endpoints, by ID */
        size_t n_wants;
        bool wants_set;
        TaskContext task_context;
        Task **tasks; /* sorted by profile */
        size_t n_tasks, tasks_capacity;
        MemberContext member_context;
        Member **members; /* sorted by key */
        size_t n_members, members_capacity;
};

/* All three trees were read, and the datastore has answered since. */
bool calico_is_synced(const Calico *calico);

/* NULL: there is none. */
Task *pass_find_task(const Calico *calico, const char *profile);
/* From all that is known to what must be done: starts tasks and members, and ends those that are over. Returns 0 or
 * -ENOMEM. */
int pass_make_right(Calico *calico);
/* Tells the caller which outcomes have changed. */
void pass_tell_outcomes(Calico *calico);
/* The endpoint has those profiles of ours that it must have, and no others. */
bool pass_endpoint_is_right(const Endpoint *endpoint);
