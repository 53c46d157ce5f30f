/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/ctnetlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/net/attribute.h"

_Static_assert(sizeof(struct nfgenmsg) == 4, "linux/netfilter/nfnetlink.h");
_Static_assert(CTA_TUPLE_ORIG == 1 && CTA_ID == 12 && CTA_ZONE == 18, "linux/netfilter/nfnetlink_conntrack.h");

static struct nlmsghdr *ctnetlink_put_header(void *buffer, uint16_t type, uint8_t family) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct nfgenmsg *extra;

        header->nlmsg_type = (uint16_t) (NFNL_SUBSYS_CTNETLINK << 8 | type);
        header->nlmsg_flags = NLM_F_REQUEST;
        extra = mnl_nlmsg_put_extra_header(header, sizeof(*extra));
        extra->nfgen_family = family;
        extra->version = NFNETLINK_V0;
        return header;
}

struct nlmsghdr *ctnetlink_put_dump(void *buffer, uint8_t family, uint32_t sequence) {
        struct nlmsghdr *header = ctnetlink_put_header(buffer, IPCTNL_MSG_CT_GET, family);

        header->nlmsg_flags |= NLM_F_DUMP;
        header->nlmsg_seq = sequence;
        return header;
}

static bool message_is_entry(const struct nlmsghdr *message) {
        return message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) &&
               mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg);
}

/* One direction of an entry; what is not there is left zero. */
typedef struct Tuple {
        uint8_t protocol;
        Address source, destination;
        uint16_t source_port, destination_port;
} Tuple;

static void tuple_decode_addresses(const struct nlattr *nest, Tuple *tuple) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                uint16_t type = mnl_attr_get_type(attribute);
                bool ipv4 = type == CTA_IP_V4_SRC || type == CTA_IP_V4_DST;
                bool source = type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC;
                uint8_t family = ipv4 ? AF_INET : AF_INET6;

                if (!ipv4 && type != CTA_IP_V6_SRC && type != CTA_IP_V6_DST)
                        continue;
                if (mnl_attr_get_payload_len(attribute) < address_size(family))
                        continue;
                *(source ? &tuple->source : &tuple->destination) =
                        address_from_bytes(family, mnl_attr_get_payload(attribute));
        }
}

static void tuple_decode_ports(const struct nlattr *nest, Tuple *tuple) {
        const struct nlattr *attribute;

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                switch (mnl_attr_get_type(attribute)) {
                case CTA_PROTO_NUM:
                        tuple->protocol = attribute_u8(attribute);
                        break;
                case CTA_PROTO_SRC_PORT:
                        tuple->source_port = attribute_be16(attribute);
                        break;
                case CTA_PROTO_DST_PORT:
                        tuple->destination_port = attribute_be16(attribute);
                        break;
                }
        }
}

static Tuple tuple_decode(const struct nlattr *nest) {
        const struct nlattr *attribute;
        Tuple tuple = {};

        ATTRIBUTES_FOR_EACH_NESTED(attribute, nest) {
                if (mnl_attr_get_type(attribute) == CTA_TUPLE_IP)
                        tuple_decode_addresses(attribute, &tuple);
                else if (mnl_attr_get_type(attribute) == CTA_TUPLE_PROTO)
                        tuple_decode_ports(attribute, &tuple);
        }
        return tuple;
}

int ctnetlink_decode(const struct nlmsghdr *message, Flow *ret) {
        Tuple original = {}, reply = {};
        const struct nlattr *attribute;

        if (!message_is_entry(message))
                return -EBADMSG;
        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(struct nfgenmsg)) {
                if (mnl_attr_get_type(attribute) == CTA_TUPLE_ORIG)
                        original = tuple_decode(attribute);
                else if (mnl_attr_get_type(attribute) == CTA_TUPLE_REPLY)
                        reply = tuple_decode(attribute);
        }
        if (original.protocol != PROTOCOL_TCP && original.protocol != PROTOCOL_UDP &&
            original.protocol != PROTOCOL_SCTP)
                return 0;
        if (!address_is_set(&original.destination) || original.destination.family != reply.source.family)
                return -EBADMSG;
        *ret = (Flow) {
                .protocol = original.protocol,
                .destination = original.destination,
                .destination_port = original.destination_port,
                .source = reply.source,
                .source_port = reply.source_port,
        };
        return 1;
}

/* What names one entry, as it stands in the kernel's message. */
typedef struct EntryName {
        const struct nlattr *tuple;
        const struct nlattr *id;
        const struct nlattr *zone; /* NULL: the default one */
} EntryName;

static int message_get_name(const struct nlmsghdr *message, EntryName *ret) {
        const struct nlattr *attribute;
        EntryName name = {};

        if (!message_is_entry(message))
                return -EBADMSG;
        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(struct nfgenmsg)) {
                switch (mnl_attr_get_type(attribute)) {
                case CTA_TUPLE_ORIG:
                        name.tuple = attribute;
                        break;
                case CTA_ID:
                        name.id = attribute;
                        break;
                case CTA_ZONE:
                        name.zone = attribute;
                        break;
                }
        }
        if (!name.tuple || mnl_attr_get_payload_len(name.tuple) == 0 || !name.id)
                return -EBADMSG;
        *ret = name;
        return 0;
}

static void request_put_copy(struct nlmsghdr *request, const struct nlattr *attribute) {
        /* With its flags: the kernel wants CTA_TUPLE_ORIG marked as nested. */
        mnl_attr_put(request, attribute->nla_type, mnl_attr_get_payload_len(attribute),
                     mnl_attr_get_payload(attribute));
}

int ctnetlink_put_delete(void *buffer, size_t size, const struct nlmsghdr *message) {
        const struct nfgenmsg *extra = mnl_nlmsg_get_payload(message);
        struct nlmsghdr *request;
        EntryName name;
        size_t need;
        int r;

        r = message_get_name(message, &name);
        if (r < 0)
                return r;
        need = NLMSG_HDRLEN + sizeof(*extra) + NLMSG_ALIGN(name.tuple->nla_len) + NLMSG_ALIGN(name.id->nla_len) +
               (name.zone ? NLMSG_ALIGN(name.zone->nla_len) : 0);
        if (need > size)
                return -EBADMSG;

        request = ctnetlink_put_header(buffer, IPCTNL_MSG_CT_DELETE, extra->nfgen_family);
        request_put_copy(request, name.tuple);
        request_put_copy(request, name.id);
        if (name.zone)
                request_put_copy(request, name.zone);
        return (int) request->nlmsg_len;
}
