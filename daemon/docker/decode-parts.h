/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "daemon/http/json.h"

/* What the shapes of daemon/docker/decode.h have in common, or what is long in them. All return 0, -EBADMSG, or
 * -ENOMEM, as there. */

/* The labels of ours in an object of labels (NULL: none), sorted by key; CONTAINER_LABELS_MAX of them at the most.
 * Where there are more, the first by key stay: so what is on a container from its image is there in both, or in
 * neither. Sets *truncated, and never clears it, where something was over a limit; *dropped, too, where a whole label
 * is missing. Writes nothing on failure. */
int decode_labels(const cJSON *labels, ContainerLabel **ret, size_t *ret_count, bool *dropped, bool *truncated);

/* True for AF_UNSPEC, too. */
static inline bool address_is_zero(const Address *address) {
        static const uint8_t zero[sizeof(address->bytes)];

        return memcmp(address->bytes, zero, sizeof(zero)) == 0;
}

/* The ports of the host that a row's member "Ports" names, which are added. id, name: of the container; not escaped. */
int decode_row_host_ports(const cJSON *row, const char *id, const char *name, DockerPorts *ports);
