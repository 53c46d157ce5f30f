/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>

#include "tests/fuzz/fuzz.h"

/* A kernel at the other end of every netlink socket, which says what the input tells it to, whatever it is asked. It is
 * linked in the place of libc's functions on sockets: see CMakeLists.txt. The input is a row of frames, one for each
 * datagram: two bytes, of which the lowest 13 bits are the size, and the datagram. Of the other bits, FAKE_PAUSE says
 * that nothing waits behind it for a moment, and FAKE_ERROR that there is no datagram but an error, with the size as
 * its number. */
enum {
        FAKE_SIZE = 0x1fff,
        FAKE_ERROR = 0x4000,
        FAKE_PAUSE = 0x8000,
};

/* Begins with that input. on_request: hears of each message that is sent; may be NULL. */
void fake_kernel_begin(FuzzInput input, void (*on_request)(const struct nlmsghdr *message));

/* Nothing is left to be said. */
bool fake_kernel_is_done(void);

/* The message lies whole in the last datagram that was received. */
bool fake_kernel_holds(const struct nlmsghdr *message);

/* Calls for each message of the input's datagrams, in a copy of just its size. */
void fake_kernel_for_each(FuzzInput input, void (*call)(const struct nlmsghdr *message));
