/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/docker/decode.h"

/* Single questions to the engine, for who can wait for the answer: the loop is run until it is there, some seconds at the
 * most. Errors: -ETIMEDOUT, -ECONNREFUSED and others of a connection, -EREMOTEIO if the engine refused, -EBADMSG if the
 * answer cannot be read, -ENOMEM. */

/* Any container, stopped ones and those without a label of ours included, by its name or the beginning of its ID.
 * -ENOENT: there is none; *ret_nearest is the name that was probably meant then, to be freed, or NULL. -ENOTUNIQ: several
 * IDs begin so. */
int docker_look_up(sd_event *event, const char *socket_path, const char *wanted, Container **ret, char **ret_nearest);

/* image_id: as Container.image_id. */
int docker_look_up_image(sd_event *event, const char *socket_path, const char *image_id, DockerImage *ret);
