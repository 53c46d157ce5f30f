/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/model/exposure.h"
#include "daemon/model/record.h"

/* Values in words, for those who read them. Each writes into the buffer and returns it. */

/* "172.17.0.2:80", "[fd00::2]:8000-8010" */
#define WORDS_PLACE_SIZE (ADDRESS_TEXT_SIZE + PORT_RANGE_TEXT_SIZE + 4)
const char *words_place(const Address *address, PortRange ports, char buffer[static WORDS_PLACE_SIZE]);

/* "8080/tcp", "127.0.0.1:8080/tcp": host ports; a destination of length 0 is every address. */
#define WORDS_HOST_SIZE (WORDS_PLACE_SIZE + 8)
const char *words_host(const Prefix *destination, PortRange ports, uint8_t protocol,
                       char buffer[static WORDS_HOST_SIZE]);

/* The ports of the container that an exposure leads to. */
PortRange words_container_ports(const Exposure *exposure);

/* Fit to be shown, and cut at `size`. */
const char *words_escape(const char *text, char *buffer, size_t size);

/* The addresses of the container that the claim may use; one, both, or none of them. */
void words_claim_addresses(const Record *record, const Claim *claim, const Address **ret_ipv4, const Address **ret_ipv6);
