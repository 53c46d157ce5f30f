/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/macros.h"
#include "daemon/model/element.h"
#include "daemon/model/plan.h"

/* The table `inet calico-exposed` as the rest of the daemon sees it: read it, change it, hear of changes. All calls
 * return at once: nfnetlink answers before sendmsg() returns, and a lost answer is bounded by a time limit. */

typedef struct RulesetOptions {
        uint32_t mark; /* host byte order; the bits of mask that are set on a packet that a profile allows */
        uint32_t mask;
        bool localhost; /* exposures are reachable by 127.0.0.1 on the host */
        bool enforce;   /* what the profile of an exposed container does not allow is dropped */
} RulesetOptions;

/* The netlink socket that owns the table. Where it ends, the kernel removes the table. */
typedef struct NftSocket NftSocket;

/* Opens a new socket in this network namespace. */
int nft_socket_new(NftSocket **ret);

/* Takes over a socket from systemd's file descriptor store, and drains what is left in it. Owns the descriptor only
 * on success. -ENOTSOCK, -EINVAL: it is something else. */
int nft_socket_adopt(int fd, NftSocket **ret);

/* Closes the socket; returns NULL. */
NftSocket *nft_socket_free(NftSocket *nft);
DEFINE_CLEANUP(NftSocket, nft_socket_free)

/* Remains the socket's. */
int nft_socket_fd(const NftSocket *nft);

typedef enum TableState {
        TABLE_ABSENT,
        TABLE_OWNED,   /* this socket owns it */
        TABLE_SHARED,  /* it has no owner flag: everybody may change it */
        TABLE_FOREIGN, /* another socket owns it: it cannot be changed */
} TableState;

typedef struct KernelState {
        TableState table;
        bool skeleton_intact; /* chains, sets and rules are those that the options ask for, of objects too */
        Elements elements;    /* sorted; names point into `names` */
        char **names;
        size_t n_names;
} KernelState;

/* Reads the whole table as one consistent state. A commit of anybody in the middle starts it again, at most
 * NFT_READ_ATTEMPTS times, then -EAGAIN; in a table that this socket owns only commits while the chains are listed do,
 * so that a busy host cannot keep it from its own. Elements that do not fit the skeleton's types make skeleton_intact
 * false. Negative errno otherwise; *ret is written only on success. */
#define NFT_READ_ATTEMPTS 10
int nft_read(NftSocket *nft, const RulesetOptions *options, KernelState *ret);
void kernel_state_done(KernelState *state);

/* Carries out the plan as one transaction, applied whole or not at all. With `rebuild`, the table is made anew in the
 * same transaction (what stands there is deleted first if table_exists): plan->add then holds all there shall be, and
 * plan->remove is ignored. A new table gets the owner flag where the kernel knows it; it is asked once.
 * -ENOENT, -EEXIST: the kernel did not hold what the plan started from: read again. -EPERM: foreign table.
 * After any other error it may have been carried out, and only the answer was lost: read again. An empty plan without
 * rebuild makes no system call. */
int nft_apply(NftSocket *nft, const RulesetOptions *options, const Plan *plan, bool rebuild, bool table_exists);

/* Deletes the table and all in it; that there is none is no error. */
int nft_delete_table(NftSocket *nft);

/* Whether tables are made without the owner flag, as on a kernel before 5.12: nft_apply() finds out, and tests say so. */
void nft_socket_set_shared(NftSocket *nft, bool shared);

/* The rule at the top of DOCKER-USER in `ip filter` or `ip6 filter` that lets marked packets pass. It is known as ours
 * by its comment, "calico-exposed", which iptables reads as `-m comment`: so it is found again with an earlier mark,
 * and after iptables-restore has put it back in a form of its own. Rules without it are never touched. */
typedef enum DockerUserState {
        DOCKER_USER_ABSENT,   /* there is no such chain */
        DOCKER_USER_IN_PLACE, /* the rule was there, first of the chain, once */
        DOCKER_USER_PUT,      /* it was missing, not first, or there more than once, and is right now */
} DockerUserState;

/* family: AF_INET or AF_INET6. */
int docker_user_ensure(NftSocket *nft, int family, const RulesetOptions *options, DockerUserState *ret);
/* Reads only: IN_PLACE, ABSENT, or PUT for "would have to be put". */
int docker_user_check(NftSocket *nft, int family, const RulesetOptions *options, DockerUserState *ret);
int docker_user_remove(NftSocket *nft, int family, const RulesetOptions *options);

/* Hears of every commit in this network namespace. */
typedef struct NftMonitor NftMonitor;

typedef struct NftChanges {
        bool table;          /* something in our table was changed by somebody else, or we cannot know (overrun) */
        bool docker_user[2]; /* [0] ip, [1] ip6: chain DOCKER-USER or a rule in it was changed by somebody else */
} NftChanges;

/* What must be believed where it cannot be known. */
extern const NftChanges nft_changes_all;

int nft_monitor_new(NftMonitor **ret);
NftMonitor *nft_monitor_free(NftMonitor *monitor);
DEFINE_CLEANUP(NftMonitor, nft_monitor_free)
int nft_monitor_fd(const NftMonitor *monitor);

/* Reads what waits, without blocking; changes made through `own` do not count. After a loss all may have changed, which is
 * said once nothing waits any more. */
int nft_monitor_read(NftMonitor *monitor, const NftSocket *own, NftChanges *ret);

/* As long as anybody listens, the kernel writes a notification for each element of a commit, which takes as long again
 * as all the rest of it. So for a large commit of our own we do not listen. What is missed then is known by the
 * generation of the tables: each commit counts, whoever's it is.
 * Returns 0, or negative errno: then it still listens. *ret: what nft_monitor_resume() must be given. */
int nft_monitor_pause(NftMonitor *monitor, NftSocket *own, uint32_t *ret_generation);

/* Listens again. committed: there was one commit of ours since. Changes are reported if there was any other, or if we
 * cannot know. Returns 0, or negative errno: it does not listen, and this is to be called again before anything is
 * believed. */
int nft_monitor_resume(NftMonitor *monitor, NftSocket *own, uint32_t generation, bool committed, NftChanges *ret);
