/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"
#include "daemon/model/exposure.h"
#include "daemon/model/plan.h"
#include "daemon/model/record.h"

/* What is known of Docker (records) and of the kernel (actual elements), and the way from one to the other. */
typedef struct Model Model;

typedef struct ModelCounts {
        size_t exposed_ports;      /* a range counts each of its ports */
        size_t exposed_containers;
        size_t claims[_CLAIM_STATE_MAX];
} ModelCounts;

/* policy: stays the caller's, and must live as long as the model or until another is set. */
int model_new(const Policy *policy, Model **ret);
Model *model_free(Model *model);
DEFINE_CLEANUP(Model, model_free)

/* Takes the container over, on success and failure alike; it replaces what was known of it. Returns 1, or 0 if it says
 * nothing new, or -ENOMEM with the model as it was. */
int model_put(Model *model, Container *container);

/* Judges all containers anew by another policy. Returns 0, or -ENOMEM with the model as it was. */
int model_set_policy(Model *model, const Policy *policy);

/* What processes of the host and Docker itself use, at least with the protocols of newcomers: see arbiter.h. Taken over,
 * sorted or not. */
void model_set_host_ports(Model *model, HostPort *ports, size_t n_ports);

/* Returns false if it is not known. The record stays readable among the departed until model_forget_departed(). */
bool model_remove(Model *model, const char *id);

/* A decision looks at the records that were touched, and at those that have to do with them. Who is put is touched, and
 * so is who had to do with one that is replaced or removed; others by who changes something of them in place: their paths,
 * or, with model_touch_all(), anything else. It lasts until a decision was carried out. */
void model_touch(Model *model, Record *record);
void model_touch_all(Model *model);

/* Records sorted by container ID; valid until the next put or remove. */
Record *const *model_records(const Model *model, size_t *ret_count);
/* Those that are touched; in no order. */
Record *const *model_touched(const Model *model, size_t *ret_count);
/* Those that the last decision was about, sorted: no claim of another is different since. */
Record *const *model_decided(const Model *model, size_t *ret_count);
/* Calls visit(userdata, record) at least for all that have an address in the prefix, which may be called to touch them. */
void model_visit_addresses(Model *model, const Prefix *prefix, void (*visit)(void *userdata, Record *record),
                           void *userdata);
Record *const *model_departed(const Model *model, size_t *ret_count);
void model_forget_departed(Model *model);
Record *model_find(const Model *model, const char *id);

/* What Calico's datastore says of endpoints, where it is used: off until a state is set. All of it counts for the records
 * from model_attach() on. */
void model_set_attachments_state(Model *model, AttachmentsState state);
AttachmentsState model_attachments_state(const Model *model);
/* Takes it over, on success and failure alike. Returns 0 or -ENOMEM. */
int model_put_attachment(Model *model, Attachment *attachment);
void model_remove_attachment(Model *model, const char *container, const char *id);
void model_forget_attachments(Model *model);
/* To be called before the model is decided, if any of the above was; true if a record says something else now. */
bool model_attach(Model *model);

/* What the kernel holds now, sorted; copied. Returns 0 or -ENOMEM. */
int model_set_actual(Model *model, const Elements *actual);
/* The same, until a decision about it was carried out; then nothing. Valid until model_set_actual() or model_commit(). */
const Elements *model_read_elements(const Model *model);
/* What it holds, as it was set or carried out since, sorted; the names stay the model's. Returns 0 or -ENOMEM. */
int model_copy_actual(const Model *model, Elements *ret);
/* element: of a kind that several records may need. */
bool model_has_actual(const Model *model, const Element *element);

/* After a start: a claim whose translation stands in the kernel holds its port already. While Calico's datastore is not
 * known, a container without an address has the one that stands there (remember.h). Returns 0 or -ENOMEM. */
int model_adopt_holders(Model *model);

/* A bridge port that we put into hairpin mode, to be remembered in the table. Returns 0 or -ENOMEM. */
int model_add_hairpin_port(Model *model, const char *port);
void model_remove_hairpin_port(Model *model, const char *port);

/* The old flows of what was withdrawn are gone: the next plan drops its element, which need not be remembered any more.
 * Returns 0, or -ENOMEM: then it is, until the daemon starts anew. */
int model_forget_withdrawn(Model *model, const Element *withdrawn);

/* The protocols of claims that could be exposed and do not hold their host port yet, as protocol_bit(). */
unsigned model_newcomers(const Model *model);

/* True if a claim waits for a port that a process of the host, or Docker, has. */
bool model_waits_for_host_ports(const Model *model);

/* Decides every claim, and what must change in the kernel; the first time, after model_set_actual() and after
 * model_touch_all() by looking at all, else at what was touched alone. The plan is valid until the next call of a
 * function that changes the model. Returns 0 or -ENOMEM. */
int model_decide(Model *model, Plan *ret);

/* Until the decision is carried out: what the kernel holds, and shall hold, sorted; of all, or of the records that it
 * is about and what they share with others. */
const Elements *model_before(const Model *model);
const Elements *model_after(const Model *model);

/* The last plan was carried out. */
void model_commit(Model *model);

void model_count(const Model *model, ModelCounts *ret);
