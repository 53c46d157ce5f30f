/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include "common/netlink.h"

/* The first attribute of that type in an nf_tables message, checked to be of that kind; NULL if there is none. The
 * message may be anything of the length that its header says. */
static inline const struct nlattr *attribute_find(const struct nlmsghdr *message, uint16_t type,
                                                  enum mnl_attr_data_type kind) {
        const struct nlattr *attribute = mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg));
        const char *end = message_end(message);

        for (; mnl_attr_ok(attribute, (int) (end - (const char *) attribute)); attribute = mnl_attr_next(attribute))
                if (mnl_attr_get_type(attribute) == type)
                        return mnl_attr_validate(attribute, kind) < 0 ? NULL : attribute;
        return NULL;
}
