/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "tests/cmocka.h"

#include <signal.h>
#include <systemd/sd-event.h>

#include "daemon/calico/calico-times.h"
#include "daemon/calico/calico.h"
#include "netns.h"
#include "tests/etcd/api.h"
#include "tests/etcd/server.h"

/* Hosts of one cluster in one loop, each with a Calico of its own, and what it was told. */

#define HOSTS_MAX 3
#define NEEDS_MAX 64

typedef struct Told {
        CalicoState state;
        char profile[256];
        char reason[CALICO_REASON_SIZE];
        const char *warning;
        unsigned times;
} Told;

typedef struct Host {
        char name[64];
        Calico *calico; /* NULL: its daemon does not run */
        CalicoNeed needs[NEEDS_MAX];
        size_t n_needs;
        Told told[NEEDS_MAX];
        unsigned connected, disconnected, warnings;
        char reason[CALICO_REASON_SIZE]; /* of the last disconnection */
        char *endpoints[256];            /* "e1 192.168.0.1,fd80::1 web,db", "-e1" when it went, "e1 ! reason" */
        size_t n_endpoints;
} Host;

typedef struct Cluster {
        Server server;
        sd_event *event;
        CalicoScope scope;
        Host hosts[HOSTS_MAX];
} Cluster;

/* Setup and teardown of a test: a fresh etcd, and no hosts yet. */
int cluster_setup(void **state);
int cluster_teardown(void **state);
/* A test's cluster, with the profile "web" and two endpoints that have it: e1 on node1, e2 on node2. */
Cluster *cluster_begin(void **state);
/* For all tests of a program: main()'s group functions. */
int cluster_enter(void **state);

Host *cluster_start(Cluster *cluster, unsigned i, CalicoScope scope);
/* As if it was killed: nothing is said to the datastore. */
void cluster_kill(Cluster *cluster, unsigned i);
/* Starts the first host again and again, with a need of e1 and without, each time killed some steps later than the time
 * before; in the end it runs, without a need. */
void cluster_kill_anywhere(Cluster *cluster, CalicoScope scope);

/* What the i-th host needs: the list is in host->needs. */
void host_set_needs(Host *host);
void host_add_need(Host *host, const char *endpoint, Protocol protocol, uint16_t port);
void host_remove_need(Host *host, size_t i);

/* Runs the loop until the condition holds; fails after a deadline. */
#define cluster_wait(cluster, condition)                                             \
        do {                                                                         \
                uint64_t _deadline = now_usec() + UINT64_C(30000000);                \
                while (!(condition)) {                                               \
                        if (now_usec() > _deadline)                                  \
                                fail_msg("waited in vain for %s", #condition);       \
                        assert_true(sd_event_run((cluster)->event, 10000) >= 0);     \
                }                                                                    \
        } while (0)
/* Runs the loop until nothing is under way on any host that runs. */
void cluster_settle(Cluster *cluster);
bool cluster_is_settled(const Cluster *cluster);

/* Records as Calico writes them. */
void put_docker_endpoint(Cluster *cluster, const char *host, const char *endpoint, const char *address,
                         const char *profiles);
void put_libnetwork_endpoint(Cluster *cluster, const char *host, const char *endpoint, const char *address,
                             const char *profiles);
void delete_endpoint(Cluster *cluster, const char *host, const char *endpoint);
/* "a,b": the profiles of an endpoint that put_libnetwork_endpoint() made; in a static buffer. */
const char *get_endpoint_profiles(Cluster *cluster, const char *host, const char *endpoint);
void put_profile(Cluster *cluster, const char *profile);
/* Its inbound rules in one line, without blanks; "-" if there is none. In a static buffer. */
const char *get_inbound(Cluster *cluster, const char *profile);
#define OWN_INBOUND(profile) "[{\"action\":\"allow\",\"src_tag\":\"" profile "\"}]"
#define ALLOW(protocol, port) "{\"action\":\"allow\",\"protocol\":\"" protocol "\",\"dst_ports\":[" port "]}"
/* True if the key is there. */
bool key_exists(Cluster *cluster, const char *key);
