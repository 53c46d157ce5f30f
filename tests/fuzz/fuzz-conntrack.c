/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>

#include "daemon/net/attribute.h"
#include "daemon/net/conntrack.h"
#include "daemon/net/ctnetlink.h"
#include "tests/fuzz/fake-kernel.h"

/* The entries of connection tracking, and what is deleted of them: only what a filter means, and one at a time. */

enum { FILTERS_MAX = 4 };

static struct {
        FlowFilter items[FILTERS_MAX];
        size_t count;
        uint8_t choice; /* which of the flows there are become filters, and how wide */
} filters;

static FlowFilter filter_of(const Flow *flow) {
        bool same = address_compare(&flow->source, &flow->destination) == 0;
        uint8_t length = (uint8_t) (filters.choice & 1 ? address_size(flow->destination.family) * 8 : 0);

        return (FlowFilter) {
                .kind = same ? FLOW_UNTRANSLATED : FLOW_TRANSLATED,
                .protocol = (Protocol) flow->protocol,
                .family = flow->destination.family,
                .destination = { address_masked(&flow->destination, length), length },
                .ports = { flow->destination_port, (uint16_t) MIN(flow->destination_port + 2u, UINT16_MAX + 0u) },
                .container = flow->source,
                .container_first = flow->source_port,
        };
}

/* What names the entry in the request is what names it in the message, and nothing else is in there: a request without
 * a tuple would delete everything. */
static void check_delete(const struct nlmsghdr *request) {
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(request);
        const struct nlattr *attribute;
        unsigned n_tuples = 0, n_ids = 0, n_others = 0;

        CHECK(request->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE));
        CHECK(mnl_nlmsg_get_payload_len(request) >= sizeof(*header) && header->version == NFNETLINK_V0);
        CHECK(request->nlmsg_len <= CTNETLINK_DELETE_SIZE_MAX);
        ATTRIBUTES_FOR_EACH(attribute, request, sizeof(*header)) {
                if (mnl_attr_get_type(attribute) == CTA_TUPLE_ORIG) {
                        CHECK(mnl_attr_get_payload_len(attribute) > 0);
                        n_tuples++;
                } else if (mnl_attr_get_type(attribute) == CTA_ID)
                        n_ids++;
                else
                        n_others += mnl_attr_get_type(attribute) != CTA_ZONE;
        }
        CHECK((const void *) attribute == message_end(request));
        CHECK(n_tuples == 1 && n_ids == 1 && n_others == 0);
}

static void check_flow(const Flow *flow) {
        CHECK(protocol_to_string(flow->protocol));
        CHECK(address_is_set(&flow->destination) && flow->destination.family == flow->source.family);
        if (filters.count < FILTERS_MAX && (filters.choice >> filters.count & 2))
                filters.items[filters.count++] = filter_of(flow);
}

static void try_message(const struct nlmsghdr *message) {
        _Alignas(struct nlmsghdr) char request[CTNETLINK_DELETE_SIZE_MAX];
        Flow flow;
        int r;

        r = ctnetlink_decode(message, &flow);
        CHECK(r == 1 || r == 0 || r == -EBADMSG);
        if (r > 0)
                check_flow(&flow);
        r = ctnetlink_put_delete(request, sizeof(request), message);
        CHECK(r == -EBADMSG || (r > 0 && r % 4 == 0));
        if (r > 0)
                check_delete((const struct nlmsghdr *) request);
}

static unsigned n_deletes;

static void on_request(const struct nlmsghdr *message) {
        if (message->nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE))
                return;
        check_delete(message);
        n_deletes++;
}

static void on_through(_unused_ void *userdata, const FlowFilter *filter) {
        CHECK(filter->kind < _FLOW_KIND_MAX);
}

static void on_done(_unused_ void *userdata, size_t deleted, int error) {
        CHECK(deleted <= n_deletes && error <= 0);
}

static void sweep(sd_event *event) {
        enum { TURNS_MAX = 16 };
        static const ConntrackHandlers handlers = { .through = on_through, .done = on_done };
        _cleanup_(conntrack_freep) Conntrack *conntrack = NULL;

        CHECK(conntrack_new(event, &handlers, NULL, &conntrack) == 0);
        CHECK(conntrack_delete(conntrack, filters.items, filters.count) == 0);
        for (unsigned i = 0; i < TURNS_MAX && !fake_kernel_is_done(); i++)
                CHECK(sd_event_run(event, 0) >= 0);
        CHECK(filters.count > 0 || n_deletes == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        sd_event *event;

        filters.count = 0;
        filters.choice = fuzz_take_byte(&input);
        n_deletes = 0;
        fake_kernel_for_each(input, try_message);
        fake_kernel_begin(input, on_request);
        CHECK(sd_event_new(&event) >= 0);
        sweep(event);
        sd_event_unref(event);
        return 0;
}
