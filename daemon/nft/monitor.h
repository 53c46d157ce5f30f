/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "daemon/nft/nft.h"

/* What one datagram of NFNLGRP_NFTABLES says was changed; joins what *changes says already. own_port: whose changes do
 * not count, 0 for none. Takes any bytes. */
void monitor_take_datagram(const void *datagram, size_t size, uint32_t own_port, NftChanges *changes);
