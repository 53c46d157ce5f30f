/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "common/address.h"

/* Values as a test writes them; one that cannot be read fails it. */
Address address(const char *text);
Prefix prefix(const char *text);
