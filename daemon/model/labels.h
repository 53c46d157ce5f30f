/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "daemon/model/container.h"
#include "daemon/model/limits.h"
#include "daemon/model/policy.h"

/* The labels of DESIGN.md section 2 beside calico.expose itself. */

#define LABEL_EXPOSE "calico.expose"

#define LABEL_PROBLEM_SIZE 192

typedef struct Labels {
        const char *network; /* name or ID, or NULL; the container's */
        const char *profile; /* or NULL; the container's */
        Limits limits;
        bool healthy; /* calico.expose.when=healthy */
        bool balance; /* calico.expose.mode=balance */
        /* Why one of them cannot be obeyed (NULL if all can): then nothing of the container may be exposed, for a limit
         * that was meant would be missing. */
        char *problem;
} Labels;

/* Reads them all; labels that came from the image count only where the policy says so. Returns 0 or -ENOMEM. */
int labels_read(const Container *container, const Policy *policy, Labels *ret);
void labels_done(Labels *labels);

/* True if the label counts: it was given when the container was run, or the policy honours the image's. */
bool label_counts(const ContainerLabel *label, const Policy *policy);

/* True if that key is one of the known ones, exactly. */
bool label_is_known(const char *key);
/* The known label that was probably meant; NULL if none is near. */
const char *label_nearest(const char *key);
