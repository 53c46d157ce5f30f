/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/ledger.h"

/* Profiles of our own, for Scope=endpoint: each allows one port (or range), and is appended to the endpoints whose
 * containers expose it. Their names are reserved:
 *
 *     calico-exposed-tcp-80
 *     calico-exposed-udp-8000-8010
 *     calico-exposed-tcp-80-from-9e3779b97f4a7c15      with the hash of the networks that calico.expose.from names
 *
 * One with such a name is as it must be or is made so, whoever changed it: tags ["P"] and labels {} as calicoctl writes
 * them, rules with just the inbound rules that the name stands for (one for each network) and nothing outbound, so that
 * it opens this and nothing else.
 *
 * It is there as long as somebody needs it. Its ledger (/calico-exposed/v1/profile/<name>, as in ledger.h) names the
 * endpoints that have it or are to have it, on all hosts. The order is always:
 *
 *   take:  ledger names the endpoint; profile is made if it is not there; profile is appended to the endpoint's record.
 *   give:  profile is taken out of the record; ledger drops the endpoint (a record that is gone holds nothing).
 *   last:  ledger says `delete` and the rules' index; rules, tags, labels, each if it still is as it was read (another
 *          host that has finished this and made the profile anew has new ones); the directory. After a while, in which
 *          a write may still arrive that a daemon sent before it was killed, all this once more, and the ledger.
 *
 * A daemon that dies in between leaves a holder too many or a deletion unfinished, never an endpoint with a profile
 * that nobody vouches for: the next look, after its restart, or of any host that wants the same profile, goes on.
 * Somebody who takes while `delete` stands finishes the deletion first. */

#define OWN_NAME_SIZE sizeof("calico-exposed-sctp-65535-65535-from-0123456789abcdef")

/* Writes the name into the buffer and returns it. The networks are sorted, as Limits has them. */
const char *own_profile_name(Protocol protocol, PortRange ports, const Prefix *from, size_t n_from,
                             char buffer[static OWN_NAME_SIZE]);
bool own_profile_is(const char *name);

/* A key of the profile: its text is NULL where there is none. */
typedef struct OwnKey {
        char *text;
        uint64_t index;
} OwnKey;

typedef enum OwnPart {
        OWN_RULES, /* the first to go, the last to come: without rules there is no profile */
        OWN_TAGS,
        OWN_LABELS,
        _OWN_PART_MAX,
} OwnPart;

/* "rules", "tags", "labels". */
const char *own_part_to_string(OwnPart part);

typedef enum OwnStep {
        OWN_DONE,
        OWN_STORE,            /* write the ledger: text, or delete it (NULL) */
        OWN_PUT,              /* write the part: text, if it still has the index, or, with index 0, if there is none */
        OWN_DELETE,           /* the part, if it still has the index */
        OWN_DELETE_DIRECTORY, /* the profile's own, if it is empty */
} OwnStep;

typedef struct OwnPlan {
        OwnStep step;
        OwnPart part;
        uint64_t index;
        char *text; /* the caller's */
} OwnPlan;

/* Decides the next step, and changes *ledger to what is then to be stored. Of the input, the fields about the rules and
 * their history are not looked at. keep: an endpoint of our host that still has the profile, beside those that need
 * it. directory: the profile's directory may be there. Returns 0 or -ENOMEM. */
int own_plan(Ledger *ledger, const LedgerInput *input, const char *name, const OwnKey keys[static _OWN_PART_MAX],
             bool directory, OwnPlan *ret);
