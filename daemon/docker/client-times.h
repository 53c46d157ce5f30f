/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/docker/client.h"
#include "daemon/docker/link.h"

/* Replaces the client's time limits and intervals, before its first attempt to connect: for tests. */
void docker_client_set_times(DockerClient *client, const DockerTimes *times);
