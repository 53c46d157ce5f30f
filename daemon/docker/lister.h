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
        bool listed; /* one was read whole */
} Lister;

/* A long list is read when nothing else is to be done: what is decided goes to the kernel before. Until the first one is
 * there, nothing can be decided: so that is read in one go. */
#define LISTER_PRIORITY (SD_EVENT_PRIORITY_IDLE + 50)

/* See docker_client_list(). The link has an Http of that priority for it. */
int lister_start(Lister *lister);
/* The connection is lost: what is under way has failed. */
void lister_fail(Lister *lister, const char *reason);
void lister_done(Lister *lister);
