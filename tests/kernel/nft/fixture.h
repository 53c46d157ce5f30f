/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/nft/nft.h"
#include "tests/cmocka.h"
#include "tests/values.h"

/* Each test runs in a network namespace of its own, which ends with it: nothing here touches the machine's own
 * ruleset. Without the right to make one the whole program is skipped. */

/* The program's first act. Does not return where there is no right to make namespaces: exit code 77. */
void fixture_require_namespaces(void);

/* A cmocka setup function: a fresh namespace. *state is a Fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

typedef struct Fixture {
        NftSocket *nft;
        RulesetOptions options; /* mark 0x80/0x80, localhost */
        Elements desired;       /* for the test to fill; names are literals */
} Fixture;

#define NFT_TEST(function) cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

/* A shell command in the present namespace, which must succeed (run) or may fail (try_run: its exit code). */
void run(const char *format, ...) _printf_(1, 2);
int try_run(const char *format, ...) _printf_(1, 2);
/* What it writes to standard output; to be freed. */
char *output_of(const char *format, ...) _printf_(1, 2);

/* Elements, by what a test wants to say. */
Element profile(const char *name);
Element allow(const char *name, const char *container, Protocol protocol, uint16_t first, uint16_t last);
Element endpoint(const char *container, const char *name);
Element neighbours(const char *network);
Element hairpin(const char *container);
Element host_addresses(const char *addresses);
Element limit(const char *name);
Element limit_from(const char *name, const char *sources);
Element limit_interface(const char *name, const char *interface);
Element balance(const char *name);
Element backend(const char *name, uint16_t index, const char *target, uint16_t target_port);
/* hosts: a host address, or all: 0.0.0.0/0, ::/0 */
Element dnat_limit(const char *hosts, Protocol protocol, uint16_t first, uint16_t last, const char *name);
Element dnat_balance(const char *hosts, Protocol protocol, uint16_t first, uint16_t last, const char *name);
Element localnet(const char *interface);
Element hairpin_port(const char *interface);
Element dnat(Protocol protocol, uint16_t port, const char *target, uint16_t target_port);
Element dnat_host(const char *host, Protocol protocol, uint16_t port, const char *target, uint16_t target_port);
Element dnat_range(const char *host, Protocol protocol, uint16_t first, uint16_t last, const char *target);
/* host: a host address, or NULL for all */
Element withdrawn(const char *host, Protocol protocol, uint16_t first, uint16_t last, const char *container,
                  uint16_t container_first);

void want(Fixture *fixture, Element element);
/* Takes the element with that key out of the wish. */
void unwant(Fixture *fixture, Element element);

/* The way from what the kernel holds to what the test wants: read, plan, apply, and see that it is so. */
void settle(Fixture *fixture);
/* The kernel's state, which must be intact, in that table state, and hold just what the test wants. */
void assert_settled(Fixture *fixture, TableState table);
/* *ret as nft_read() gives it; to be freed by kernel_state_done(). */
void read_state(Fixture *fixture, KernelState *ret);

/* Names of limits and balances: see element.h. */
#define LIMIT_F "limit-f-00000000000000f1"
#define LIMIT_I "limit-i-00000000000000a1"
#define LIMIT_IL "limit-il-00000000000000a2"
#define LIMIT_FIL "limit-fil-00000000000000c1"
#define BALANCE4 "balance4-2-0000000000000b41"
#define BALANCE4_RANGE "balance4-3r-0000000000000b42"
#define BALANCE6 "balance6-1-0000000000000b61"
#define BALANCE6_RANGE "balance6-2r-0000000000000b62"

/* One of each kind, both families, and the awkward ones. */
void want_everything(Fixture *fixture);
