/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/calico/etcd.h"
#include "daemon/calico/ledger.h"
#include "daemon/calico/needs.h"
#include "daemon/calico/own.h"

/* Brings one profile and its ledger to where they must be: reads both, makes the step that ledger_plan() or own_plan()
 * says, and so on until there is none; again whenever it is told that something may have changed. All that it knows
 * between two steps can be read again. */

#define PROFILE_ROOT "/calico/v1/policy/profile"
#define LEDGER_ROOT "/calico-exposed/v1/profile"
#define HOST_ROOT "/calico-exposed/v1/host"

typedef struct Task Task;

/* What the tasks of one datastore share. */
typedef struct TaskContext {
        sd_event *event;
        EtcdClient *client;
        const char *host;
        uint64_t settle; /* microseconds that a rule which was removed is watched for */
        /* Whether another host's share was given up, as of a ledger with this index. */
        bool (*is_gone)(void *userdata, const char *host, uint64_t index);
        /* The state or reason is another one, or the task has come to rest. */
        void (*changed)(void *userdata, Task *task);
        void (*warning)(void *userdata, const char *text);
        void *userdata;
} TaskContext;

/* A name that calico_name_is_valid(). Does nothing until task_run(). Returns 0 or a negative errno. */
int task_new(const TaskContext *context, const char *profile, Task **ret);
Task *task_free(Task *task);
DEFINE_CLEANUP(Task, task_free)

/* What is needed of the profile from now on: taken over, in any case, and sorted. Runs the task if that is something
 * new. */
void task_set_needs(Task *task, TaskNeeds *needs);

/* Look again. */
void task_run(Task *task);
/* A key of the profile, or its ledger, has this index now (0: it is gone): task_check() then looks again, unless that
 * is what was seen already. Noticing only writes it down. */
void task_notice_part(Task *task, OwnPart part, uint64_t index);
void task_notice_ledger(Task *task, uint64_t index);
void task_check(Task *task);

const char *task_get_profile(const Task *task);
/* PENDING from new needs on, and when a look failed, with the reason if it is known; else the last look's outcome. */
CalicoState task_get_state(const Task *task);
const char *task_get_reason(const Task *task);
/* Nothing is under way. */
bool task_is_idle(const Task *task);
/* Nothing is needed, and nothing is left. */
bool task_is_over(const Task *task);
/* The ledger as the last look left it, and so what is in place; empty where it was refused. */
const Ledger *task_get_ledger(const Task *task);
