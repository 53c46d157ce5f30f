/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/nft/batch.h"
#include "daemon/nft/nft.h"

/* Questions to nf_tables and transactions on it. The rest of NftSocket (new, adopt, free...) is in nft.h. */

/* Its netlink port number: the kernel names the owner of a table, and the author of a change, by it. */
uint32_t nft_socket_port(const NftSocket *nft);

/* True where tables are to be made without an owner. */
bool nft_socket_is_shared(const NftSocket *nft);

/* Begins a transaction for nft_socket_commit(), one at a time: the batch is the socket's own. */
Batch *nft_socket_begin(NftSocket *nft);

/* Ends that batch, sends it, and waits for the verdict. The error is that of the first message that failed (or of the
 * batch itself); nothing was applied then. -ETIMEDOUT, -ENOBUFS: there is no telling whether it was. */
int nft_socket_commit(NftSocket *nft);

/* Called for each message of an answer; 0 or negative errno. */
typedef int (*NftMessageHandler)(const struct nlmsghdr *message, void *userdata);

/* Room for a request: a header and names. */
#define NFT_REQUEST_SIZE 1024

/* Sends a request (with NLM_F_DUMP in its flags: a dump) and hands each message of the answer to the handler, none
 * after one that it refused. The sequence number is filled in. Returns 0, the handler's error or the kernel's
 * (-ENOENT: there is no such thing), or -ETIMEDOUT. */
int nft_socket_request(NftSocket *nft, struct nlmsghdr *request, NftMessageHandler handler, void *userdata);

/* The number of the ruleset's generation in this network namespace: each commit of anybody raises it. */
int nft_socket_get_generation(NftSocket *nft, uint32_t *ret);
