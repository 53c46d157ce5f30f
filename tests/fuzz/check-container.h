/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/model/container.h"

/* What the model may rely on, whatever Docker said: daemon/model/container.h and daemon/docker/decode.h. */
void check_labels(const ContainerLabel *labels, size_t n_labels);
void check_container(const Container *container);
