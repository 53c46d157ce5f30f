/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/macros.h"
#include "tests/values.h"

/* Tests of what the kernel does: each program works in a network namespace of its own, which ends with it, so that
 * nothing of the machine's own network is ever touched. */

/* Puts the process into a fresh namespace with lo up. Exits with 77 (skipped) where that is not permitted. */
void netns_enter_fresh(void);

/* The current namespace, as a descriptor. */
int netns_current(void);
/* A further fresh namespace with lo up, as a descriptor; the process stays where it is. */
int netns_new(void);
/* Moves the process into that namespace. */
void netns_enter(int fd);

/* Runs a shell command that must succeed; netns_run_in() in that namespace, where "$NETNS" is. */
void netns_run(const char *format, ...) _printf_(1, 2);
void netns_run_in(int netns, const char *format, ...) _printf_(2, 3);
/* Runs it again and again until it succeeds; fails the test at the deadline. */
void netns_await(const char *command);
/* Waits until each global IPv6 address of the current namespace is reachable: `ip addr add` returns before the kernel
 * has put in its local route, even with nodad (addrconf_dad_work() in net/ipv6/addrconf.c). */
void netns_await_addresses(void);
/* Moves an interface into that namespace. */
void netns_give(int netns, const char *ifname);
/* Leaves the process's netlink monitor so many bytes of room (SO_RCVBUF): what comes faster than it is read is lost. */
void netns_limit_monitor(int size);
/* Puts so many datagrams into its queue, of a sender that it passes over. */
void netns_crowd_monitor(unsigned n);
/* Writes a file below /proc/sys of the current namespace. */
void netns_sysctl(const char *path, const char *value);

/* Runs the loop until done() is true; fails the test at the deadline. Returns the longest time that one turn of the
 * loop took, in microseconds of this process' and its kernel's work (so that others' load does not count). */
#define LOOP_SECONDS_MAX 20u
uint64_t loop_until(sd_event *event, bool (*done)(void *userdata), void *userdata);
/* Turns the loop until nothing is pending. */
void loop_settle(sd_event *event);
uint64_t now_usec(void);
uint64_t spent_usec(void);
