/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"

/* Messages of a datagram as it was received; whatever lengths they claim, nothing outside it is read. */

/* For a walk over the messages of a datagram: whether there is a whole one in what is left. mnl_nlmsg_ok() counts in
 * int, and takes a length of 2 GiB and more for a negative one. */
static inline bool message_is_whole(const struct nlmsghdr *message, size_t left) {
        return left >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) && message->nlmsg_len <= left;
}

static inline const struct nlmsghdr *message_next(const struct nlmsghdr *message, size_t *left) {
        size_t step = MIN(((size_t) message->nlmsg_len + NLMSG_ALIGNTO - 1) / NLMSG_ALIGNTO * NLMSG_ALIGNTO, *left);

        *left -= step;
        return (const struct nlmsghdr *) (const void *) ((const char *) message + step);
}

/* mnl_nlmsg_get_payload_tail() would round up, over what was received. */
static inline const void *message_end(const struct nlmsghdr *message) {
        return (const char *) message + message->nlmsg_len;
}
