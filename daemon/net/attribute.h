/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/netlink.h"

/* Reading netlink attributes; whatever lengths a message claims, nothing outside it is read. */

static inline bool attribute_ok(const struct nlattr *attribute, const void *end) {
        return mnl_attr_ok(attribute, (int) ((const char *) end - (const char *) attribute));
}

static inline const void *attribute_end(const struct nlattr *attribute) {
        return (const char *) mnl_attr_get_payload(attribute) + mnl_attr_get_payload_len(attribute);
}

/* The attributes behind a message's header of that size (which must be there), and those inside an attribute. mnl's
 * own loops convert a pointer's difference unseen, which our warnings refuse. */
#define ATTRIBUTES_FOR_EACH(attribute, message, header_size)                                                  \
        for ((attribute) = mnl_nlmsg_get_payload_offset((message), (header_size));                            \
             attribute_ok((attribute), message_end(message)); (attribute) = mnl_attr_next(attribute))
#define ATTRIBUTES_FOR_EACH_NESTED(attribute, nest)                                                           \
        for ((attribute) = mnl_attr_get_payload(nest); attribute_ok((attribute), attribute_end(nest));        \
             (attribute) = mnl_attr_next(attribute))

static inline uint32_t attribute_u32(const struct nlattr *attribute) {
        return mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t) ? mnl_attr_get_u32(attribute) : 0;
}

/* In network byte order, as netfilter has it. */
static inline uint16_t attribute_be16(const struct nlattr *attribute) {
        return mnl_attr_get_payload_len(attribute) >= sizeof(uint16_t) ? ntohs(mnl_attr_get_u16(attribute)) : 0;
}

static inline uint8_t attribute_u8(const struct nlattr *attribute) {
        return mnl_attr_get_payload_len(attribute) >= sizeof(uint8_t) ? mnl_attr_get_u8(attribute) : 0;
}

static inline bool attribute_bool(const struct nlattr *attribute) {
        return attribute_u8(attribute) != 0;
}

/* With or without the terminating zero. */
static inline bool attribute_is_text(const struct nlattr *attribute, const char *text) {
        size_t size = mnl_attr_get_payload_len(attribute);

        return size >= strlen(text) && strncmp(mnl_attr_get_payload(attribute), text, size) == 0;
}
