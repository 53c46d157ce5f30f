/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/history.h"
#include "daemon/calico/task.h"
#include "daemon/http/backoff.h"

/* What a task is made of, for its two files alone: task.c reads, and says what became of it; task-step.c makes the steps
 * in between. */

#define TASK_KEY_SIZE 512

typedef struct Notice {
        bool given;
        uint64_t index;
} Notice;

struct Task {
        const TaskContext *context;
        char *profile;
        bool own;
        TaskNeeds needs;

        EtcdRequest *request;   /* the step that is under way */
        sd_event_source *timer; /* the next look, after a failure, a lost race, or to forget what was removed */
        bool again;             /* something changed meanwhile */
        bool resting;           /* the last look came to its end, and nothing was to be done any more */
        unsigned conflicts, steps;
        Backoff backoff;

        /* What was read. Texts are NULL, and indexes 0, where there is no such key. */
        char *ledger_text;
        uint64_t ledger_index;
        Ledger ledger; /* of the step that is under way */
        Ledger last;   /* as the last look left it; empty where it was refused */
        OwnKey keys[_OWN_PART_MAX]; /* of a profile that is not ours, the rules alone */
        bool directory;

        /* The step that is to be made, once the datastore has agreed. */
        char *text;
        OwnPart part;
        uint64_t known_next;

        /* Of the rules' history. */
        uint64_t known, settled, settling;
        History history;

        Notice noticed_ledger, noticed_parts[_OWN_PART_MAX];
        CalicoState state;
        char reason[CALICO_REASON_SIZE];
};

/* task-step.c: the next step of the look that is under way, after which it goes on by itself until one of these ends
 * it. */
void task_make_step(Task *task);

/* task.c: each of these ends the look. Nothing is left to be done: */
void task_rest(Task *task, CalicoState state, const char *reason);
/* Tried again later; until then it is pending. */
void task_fail(Task *task, const char *reason);
void task_fail_with(Task *task, int error);
/* Somebody was faster: on fresh data. */
void task_lose(Task *task);

/* The request, and the text that it was to write. */
void task_clear_step(Task *task);
/* Takes the text over; NULL: there is no such key. */
void task_take_key(OwnKey *key, char *text, uint64_t index);

/* Write the key into the buffer, and return it. */
const char *task_ledger_key(const Task *task, char buffer[static TASK_KEY_SIZE]);
const char *task_part_key(const Task *task, OwnPart part, char buffer[static TASK_KEY_SIZE]);
const char *task_directory_key(const Task *task, char buffer[static TASK_KEY_SIZE]);
