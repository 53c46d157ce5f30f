/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

/* What a shim (a library that is preloaded into the daemon) shall do, and what it did: a file that the test has mapped,
 * too. tests/daemon/shim.py has the same layout. All fields are 64 bits wide and host byte order. */

typedef enum Reply {
        REPLY_LOST,      /* the kernel's answer is taken and thrown away; the call fails with `error` (0: EAGAIN) */
        REPLY_TRUNCATED, /* only its first half arrives, without a mark */
        REPLY_ERROR,     /* its messages are replaced by one error, `error`, for the same request */
        REPLY_FAILED,    /* the call fails with `error`, and the answer is still there */
} Reply;

typedef struct Control {
        /* memory.c: allocations are counted from 1. */
        uint64_t allocations;
        uint64_t fail_first; /* the number of the first that fails; 0: none */
        uint64_t fail_count; /* how many fail, one behind the other */
        uint64_t failed;
        uint64_t only_program; /* those are counted alone that the program itself asks for */

        /* netlink.c: sends, and receives that have something, are counted from 1. */
        uint64_t protocol; /* NETLINK_...: on sockets of that protocol */
        uint64_t monitors; /* on those alone that have joined a group; 0: on all others */
        uint64_t sends;
        uint64_t receives;
        uint64_t spoil_send;    /* the number of the first send that fails with `error`, not made at all; 0: none */
        uint64_t spoil_receive; /* the number of the first answer that `reply` happens to */
        uint64_t spoil_count;   /* how many, one behind the other */
        uint64_t spoiled;
        uint64_t reply;
        uint64_t error;       /* an errno */
        uint64_t deny_owner;  /* the owner flag of a new table becomes one that no kernel knows */

        /* clock.c */
        int64_t clock_offset; /* nanoseconds that CLOCK_REALTIME is ahead */
} Control;

/* NULL before the library's constructor. The environment has the file's name in SHIM_CONTROL; or SHIM_DENY_OWNER, for a
 * service that no test stands beside: then that is all that the shim does. */
extern Control *shim_control __attribute__((visibility("hidden")));
