/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/calico/record.h"

/* The endpoint records of our host, as the datastore has them. No I/O: what is told by a Tree is taken in, and what
 * has changed is handed out later. */

#define ENDPOINTS_ROOT "/calico/v1/host/%s/workload"

typedef struct Endpoint {
        char *key;
        const char *id; /* the last part of the key */
        uint64_t index; /* modifiedIndex */
        char container[65];
        EndpointRecord record;              /* empty unless readable */
        char reason[RECORD_REASON_SIZE];    /* why it cannot be read; "": it can */
        bool changed, gone;                 /* since the last time that changes were handed out */
        char **wanted;                      /* profiles of our own that must be in it: for the caller's use */
        size_t n_wanted, wanted_capacity;
} Endpoint;

typedef struct Endpoints {
        Endpoint **items; /* sorted by ID, and by key where several have one */
        size_t n_items, capacity;
} Endpoints;

/* Returns 0 or -ENOMEM. A key that is none of an endpoint of libnetwork's or a container's is left out. */
int endpoints_take(Endpoints *endpoints, const char *key, const char *value, uint64_t index);
void endpoints_drop(Endpoints *endpoints, const char *key);
/* NULL if there is none, or it is gone. */
Endpoint *endpoints_find(const Endpoints *endpoints, const char *id);
/* Hands out what has changed, and forgets what is gone. The handler may not change the table. */
void endpoints_hand_out(Endpoints *endpoints,
                        void (*handler)(void *userdata, const CalicoEndpoint *endpoint, bool gone), void *userdata);
CalicoEndpoint endpoint_view(const Endpoint *endpoint);
bool endpoint_has_profile(const Endpoint *endpoint, const char *profile);
void endpoints_done(Endpoints *endpoints);
