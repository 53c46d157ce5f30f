/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

#include "common/address.h"
#include "common/macros.h"
#include "daemon/model/protocol.h"

/* Calico's datastore (calico-containers 0.19: etcd's v2 API), in the caller's event loop. Nothing here blocks, and
 * nothing here knows of Docker or nftables. It says what the endpoint records of our host hold, and makes the profiles
 * allow what the caller needs (how, and how it is undone: ledger.h, own.h). While the datastore is away everything
 * stays as it was said last; what is needed is made good when it is back. */

typedef enum CalicoScope {
        CALICO_SCOPE_ENDPOINT, /* a profile of our own for each exposed port, appended to the endpoint's */
        CALICO_SCOPE_PROFILE,  /* a rule in the endpoint's own profile */
} CalicoScope;

typedef struct CalicoOptions {
        const char *const *endpoints; /* of etcd, at least one: "http://127.0.0.1:2379" */
        size_t n_endpoints;
        const char *ca_file, *cert_file, *key_file, *user, *password; /* NULL: none */
        const char *hostname; /* as Calico has it in its keys */
        CalicoScope scope;
} CalicoOptions;

/* .../workload/libnetwork/libnetwork/endpoint/<id>, where id is Docker's EndpointID and container is "", or
 * .../workload/docker/<container>/endpoint/<id>. A record that cannot be read has a reason, and neither addresses nor
 * profiles. That it says "active" does not mean that the container lives. */
typedef struct CalicoEndpoint {
        const char *id;
        const char *container; /* the full ID */
        bool active;
        const Address *addresses;
        size_t n_addresses;
        char *const *profiles;
        size_t n_profiles;
        const char *reason; /* "" */
} CalicoEndpoint;

/* The first of its profiles that is not this project's own, where the rule goes with CALICO_SCOPE_PROFILE; NULL: none. */
const char *calico_endpoint_profile(const CalicoEndpoint *endpoint);

/* What an exposure needs to be allowed. */
typedef struct CalicoNeed {
        const char *endpoint; /* its id */
        const char *profile;  /* that must get the rule, whatever the scope; NULL: by the scope */
        Protocol protocol;
        PortRange ports;    /* of the container */
        const Prefix *from; /* sources that are let in; none: everywhere */
        size_t n_from;
} CalicoNeed;

/* Total order. */
int calico_need_compare(const CalicoNeed *a, const CalicoNeed *b);

typedef enum CalicoState {
        CALICO_PENDING, /* not yet; tried until it is, or is not needed any more */
        CALICO_IN_PLACE,
        CALICO_REFUSED, /* cannot be; tried again when what is refused for changes */
        _CALICO_STATE_MAX,
} CalicoState;

#define CALICO_REASON_SIZE 640

typedef struct CalicoOutcome {
        CalicoState state;
        const char *profile; /* that has, or is to have, the rule; "" if it cannot be said */
        const char *reason;  /* one line, unless it is in place; else "" */
        const char *warning; /* what calicoctl 0.19 cannot read in this rule: "SCTP", "a range of ports"; or NULL */
} CalicoOutcome;

/* All are set, and called from the loop. They may call anything here but calico_free(). Strings are valid during the
 * call. */
typedef struct CalicoHandlers {
        /* The records of all endpoints were read, and told by endpoint(). Again whenever the datastore is back. */
        void (*connected)(void *userdata);
        /* One line for the log; told when the reason changes. */
        void (*disconnected)(void *userdata, const char *reason);
        void (*endpoint)(void *userdata, const CalicoEndpoint *endpoint, bool gone);
        /* The outcome of the i-th of the needs that were set last has changed. */
        void (*outcome)(void *userdata, size_t i, const CalicoOutcome *outcome);
        /* Something that somebody should know, in one line. */
        void (*warning)(void *userdata, const char *text);
} CalicoHandlers;

typedef struct Calico Calico;

/* Copies all but userdata. Returns 0, a negative errno; -EINVAL for a hostname that is no name of Calico's. */
int calico_new(sd_event *event, const CalicoOptions *options, const CalicoHandlers *handlers, void *userdata,
               Calico **ret);
/* What is in place stays: a restart interrupts nothing. */
Calico *calico_free(Calico *calico);
DEFINE_CLEANUP(Calico, calico_free)

/* All that this host needs, replacing what it needed before. Nothing is taken out of the datastore before this was
 * called the first time: so it must not be, before all is known. Each need is then PENDING until its outcome is told.
 * Returns 0 or -ENOMEM. */
int calico_set_needs(Calico *calico, const CalicoNeed *needs, size_t n_needs);
/* Of the i-th of them; valid until something here runs. */
CalicoOutcome calico_get_outcome(const Calico *calico, size_t i);
/* Nothing of what was set last is under way: all is in place or refused, and nothing is left to be taken out. */
bool calico_is_settled(const Calico *calico);

/* It is settled, nothing is needed, and no other trace of what this host needed is to be undone. */
bool calico_is_empty(const Calico *calico);

/* Goes through the endpoints that are known. */
void calico_foreach_endpoint(const Calico *calico, void (*handler)(void *userdata, const CalicoEndpoint *endpoint),
                             void *userdata);
