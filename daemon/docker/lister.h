/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/docker/decode.h"
#include "daemon/docker/link.h"
#include "daemon/docker/splitter.h"

/* GET /containers/json: rows are decoded and told as they arrive, and those without a label of ours dropped at once. */
typedef struct Lister {
        const DockerLink *link;
        HttpRequest *request; /* NULL while there is none under way */
        ArraySplitter rows;
        DockerPorts ports;
        bool truncated;
        bool again;
} Lister;

/* See docker_client_list(). The link has an Http. */
int lister_start(Lister *lister);
/* The connection is lost: what is under way has failed. */
void lister_fail(Lister *lister, const char *reason);
void lister_done(Lister *lister);
