/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include "common/macros.h"

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

/* The first attribute of that type in an nf_tables message, checked to be of that kind; NULL if there is none. The
 * message may be anything of the length that its header says. */
static inline const struct nlattr *attribute_find(const struct nlmsghdr *message, uint16_t type,
                                                  enum mnl_attr_data_type kind) {
        const struct nlattr *attribute = mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));
        const char *end = mnl_nlmsg_get_payload_tail(message);

        for (; mnl_attr_ok(attribute, (int) (end - (const char *) attribute)); attribute = mnl_attr_next(attribute))
                if (mnl_attr_get_type(attribute) == type)
                        return mnl_attr_validate(attribute, kind) < 0 ? NULL : attribute;
        return NULL;
}
