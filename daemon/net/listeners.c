/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "daemon/net/attribute.h"

_Static_assert(sizeof(struct inet_diag_sockid) == 48, "linux/inet_diag.h");
_Static_assert(sizeof(struct inet_diag_req_v2) == 56, "linux/inet_diag.h");
_Static_assert(sizeof(struct inet_diag_msg) == 72, "linux/inet_diag.h");
_Static_assert(INET_DIAG_SKV6ONLY == 11 && INET_DIAG_LOCALS == 12, "linux/inet_diag.h");
_Static_assert(sizeof(struct sockaddr_storage) == 128, "man 3 sockaddr");

/* States of sockets, net/tcp_states.h; other protocols borrow them. */
#define STATE_CLOSE 7
#define STATE_LISTEN 10

/* What is asked for; the kernel filters by the state, so that connections cost nothing. */
static const struct Question {
        Protocol protocol;
        unsigned state;
        bool optional;
} questions[] = {
        { PROTOCOL_TCP, STATE_LISTEN, false },
        { PROTOCOL_UDP, STATE_CLOSE, false },
        { PROTOCOL_SCTP, STATE_LISTEN, true },
};

void listeners_done(Listeners *listeners) {
        free(listeners->items);
        *listeners = (Listeners) {};
}

/* One address, 4 or 16 bytes by the listener's family. */
static int listeners_append(Listeners *listeners, Listener listener, const void *bytes, bool only6) {
        static const uint8_t any[16], mapped[12] = { [10] = 0xff, [11] = 0xff };
        int r;

        if (memcmp(bytes, any, address_size(listener.family)) == 0)
                listener.dual = listener.family == AF_INET6 && !only6;
        else if (listener.family == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
                listener.family = AF_INET;
                listener.address = address_from_bytes(AF_INET, (const uint8_t *) bytes + sizeof(mapped));
        } else
                listener.address = address_from_bytes(listener.family, bytes);

        r = array_reserve(&listeners->items, &listeners->capacity, listeners->count + 1, sizeof(listener));
        if (r < 0)
                return r;
        listeners->items[listeners->count++] = listener;
        return 0;
}

/* An SCTP endpoint may have several addresses: an array of struct sockaddr_storage. */
static int listeners_append_locals(Listeners *listeners, Listener listener, const struct nlattr *locals, bool only6) {
        size_t n = mnl_attr_get_payload_len(locals) / sizeof(struct sockaddr_storage);

        for (size_t i = 0; i < n; i++) {
                struct sockaddr_storage storage;
                const void *bytes;
                int r;

                memcpy(&storage, (const char *) mnl_attr_get_payload(locals) + i * sizeof(storage), sizeof(storage));
                if (storage.ss_family == AF_INET)
                        bytes = &((const struct sockaddr_in *) &storage)->sin_addr;
                else if (storage.ss_family == AF_INET6)
                        bytes = &((const struct sockaddr_in6 *) &storage)->sin6_addr;
                else
                        continue;
                listener.family = (uint8_t) storage.ss_family;
                r = listeners_append(listeners, listener, bytes, only6);
                if (r < 0)
                        return r;
        }
        return 0;
}

int listeners_add(Listeners *listeners, Protocol protocol, const struct nlmsghdr *message) {
        const struct inet_diag_msg *header = mnl_nlmsg_get_payload(message);
        const struct nlattr *attribute, *locals = NULL;
        bool only6 = false;
        Listener listener;

        if (message->nlmsg_type != SOCK_DIAG_BY_FAMILY || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;
        if (address_size(header->idiag_family) == 0)
                return -EBADMSG;
        listener = (Listener) {
                .family = header->idiag_family, .protocol = protocol, .port = ntohs(header->id.idiag_sport),
                .uid = header->idiag_uid, .inode = header->idiag_inode, .ifindex = header->id.idiag_if,
        };
        if (listener.port == 0)
                return 0;
        ATTRIBUTES_FOR_EACH(attribute, message, sizeof(*header)) {
                if (mnl_attr_get_type(attribute) == INET_DIAG_SKV6ONLY)
                        only6 = attribute_bool(attribute);
                else if (mnl_attr_get_type(attribute) == INET_DIAG_LOCALS)
                        locals = attribute;
        }
        if (locals)
                return listeners_append_locals(listeners, listener, locals, only6);
        return listeners_append(listeners, listener, header->id.idiag_src, only6);
}

typedef struct Reading {
        Listeners *listeners;
        Protocol protocol;
} Reading;

static int listeners_on_message(const struct nlmsghdr *message, void *userdata) {
        Reading *reading = userdata;

        return listeners_add(reading->listeners, reading->protocol, message);
}

static int listeners_ask(Netlink *netlink, uint8_t family, const struct Question *question, Listeners *listeners) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
        Reading reading = { .listeners = listeners, .protocol = question->protocol };
        struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
        struct inet_diag_req_v2 *request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
        int r;

        header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        header->nlmsg_flags = NLM_F_DUMP;
        request->sdiag_family = family;
        request->sdiag_protocol = (uint8_t) question->protocol;
        request->idiag_states = 1u << question->state;
        r = netlink_request(netlink, header, listeners_on_message, &reading);
        return r == -ENOENT && question->optional ? 0 : r;
}

static int listeners_ask_all(Netlink *netlink, unsigned protocols, Listeners *listeners) {
        const uint8_t families[] = { AF_INET, AF_INET6 };

        for (size_t i = 0; i < ELEMENTSOF(questions); i++)
                for (size_t k = 0; k < ELEMENTSOF(families) && (protocols & protocol_bit(questions[i].protocol)); k++) {
                        int r = listeners_ask(netlink, families[k], &questions[i], listeners);

                        if (r < 0)
                                return r;
                }
        return 0;
}

int listeners_read(Netlink *netlink, unsigned protocols, Listeners *ret) {
        _cleanup_(listeners_done) Listeners listeners = {};
        int r = 0;

        if (netlink->fd < 0)
                r = netlink_open(NETLINK_SOCK_DIAG, netlink);
        if (r >= 0)
                r = listeners_ask_all(netlink, protocols, &listeners);
        if (r < 0) {
                netlink_close(netlink); /* there may be an unfinished dump in it */
                return r;
        }
        *ret = listeners;
        listeners = (Listeners) {};
        return 0;
}
