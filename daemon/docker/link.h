/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "daemon/docker/notices.h"
#include "daemon/http/http.h"

/* Time limits and intervals, in microseconds. */
typedef struct DockerTimes {
        uint64_t ping;           /* for an answer to GET /_ping */
        uint64_t subscribe;      /* for the header of the answer to GET /events */
        uint64_t list;           /* for a whole list */
        uint64_t inspect;        /* for an inspect: it waits while a driver of the container is called */
        uint64_t probe_interval; /* between two probes of a standing connection */
        uint64_t probe_again;    /* before the one that confirms a failed one */
        uint64_t backoff_minimum;
        uint64_t backoff_maximum;
        uint64_t gap;    /* between two attempts at the least, whatever happens to the socket's file */
        uint64_t settle; /* from the socket's appearance to the attempt: it is made first, and listens then */
        uint64_t stable; /* a connection that stood this long was a good one: the backoff begins anew */
        uint64_t replay; /* how long after the subscription events from before it may come */
} DockerTimes;

/* The connection as those see it who ask for things on it. */
typedef struct DockerLink {
        Http *http;      /* NULL while there is none */
        Http *list_http; /* and another for lists alone, beside it: what is read there has the lowest priority */
        char prefix[24]; /* of each path: "/v1.41", or "" */
        const char *list_filters; /* of the engine's list, as JSON; NULL: its own default is what we want */
        DockerTimes times;
        Notices *notices;
} DockerLink;
