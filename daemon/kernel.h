/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "daemon/metrics.h"
#include "daemon/model/model.h"
#include "daemon/nft/nft.h"

/* The kernel's side of the daemon: makes the table, DOCKER-USER, connection tracking and the interfaces' switches what
 * the model asks for, and hears when somebody else changed them. */
typedef struct Kernel Kernel;

/* Something changed under us: kernel_reconcile() has work. */
typedef void (*KernelChanged)(void *userdata);

/* stored_fd: the socket that systemd kept, or -1; taken over. Logs what it finds. Returns 0 or a negative errno. */
int kernel_new(sd_event *event, const RulesetOptions *options, int stored_fd, Model *model, KernelChanged changed,
               void *userdata, Kernel **ret);
Kernel *kernel_free(Kernel *kernel);
DEFINE_CLEANUP(Kernel, kernel_free)

/* Reads what stands in the kernel into the model; with no table there, makes an empty one, so that the socket owns it
 * from the start. To be called once, before the first reconcile. */
int kernel_start(Kernel *kernel);

/* Instead of kernel_start(), for who only wants to know or to withdraw: reads what stands into the model, whoever owns
 * it. */
int kernel_look(Kernel *kernel, TableState *ret);

/* Decides the model anew and carries out the difference. Returns 1 if the table was changed, 0 if it was right
 * already, or a negative errno with the table as it was (to be tried again). */
int kernel_reconcile(Kernel *kernel);

/* What was counted since the start. */
const MetricsKernel *kernel_metrics(const Kernel *kernel);

/* Looks again at what nobody reports: the next reconcile reads the table, and the interfaces' switches are set. */
void kernel_suspect(Kernel *kernel);

/* From the next reconcile on, the table is made by these. */
void kernel_set_options(Kernel *kernel, const RulesetOptions *options);

/* True if something was left undone that the next reconcile must try again, though nobody will report it. */
bool kernel_is_unfinished(const Kernel *kernel);

/* Takes away all that is ours, old flows included: runs the loop until they are gone, some seconds at the most, when
 * nothing else in it acts any more. Nothing but kernel_free() may follow. */
void kernel_withdraw_all(Kernel *kernel);
