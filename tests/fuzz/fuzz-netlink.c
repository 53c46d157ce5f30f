/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "daemon/net/netlink.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/socket.h"
#include "tests/fuzz/fake-kernel.h"

/* Requests, and any answers to them: those that come in several datagrams, that belong to another request, that are
 * errors, or none. The first byte says what is asked. */

enum { MANY = 3 };

static unsigned n_requests;

static void on_request(const struct nlmsghdr *message) {
        CHECK(message->nlmsg_flags & NLM_F_REQUEST);
        n_requests++;
}

/* All of it can be read. */
static int on_message(const struct nlmsghdr *message, void *userdata) {
        unsigned *n_messages = userdata;

        CHECK(fake_kernel_holds(message));
        (*n_messages)++;
        return (message->nlmsg_flags & NLM_F_REPLACE) ? -ECANCELED : 0;
}

static void on_result(int error, void *userdata) {
        unsigned *n_results = userdata;

        CHECK(error <= 0);
        (*n_results)++;
}

static void ask_once(uint16_t flags) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_REQUEST_SIZE];
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        _cleanup_(netlink_close) Netlink netlink;
        unsigned n_messages = 0;

        request->nlmsg_type = NLMSG_MIN_TYPE;
        request->nlmsg_flags = flags;
        CHECK(netlink_open(NETLINK_ROUTE, &netlink) == 0);
        CHECK(netlink_request(&netlink, request, on_message, &n_messages) <= 0);
        CHECK(netlink_request(&netlink, request, NULL, NULL) <= 0);
}

static void ask_single(void) {
        ask_once(0);
}

static void ask_dump(void) {
        ask_once(NLM_F_DUMP);
}

static void ask_many(void) {
        _Alignas(struct nlmsghdr) char buffer[MANY * sizeof(struct nlmsghdr)];
        _cleanup_(netlink_close) Netlink netlink;
        unsigned n_results = 0;
        int r;

        for (size_t i = 0; i < MANY; i++)
                mnl_nlmsg_put_header(buffer + i * sizeof(struct nlmsghdr));
        CHECK(netlink_open(NETLINK_NETFILTER, &netlink) == 0);
        r = netlink_request_many(&netlink, buffer, sizeof(buffer), on_result, &n_results);
        CHECK(r <= 0 && n_requests == MANY);
        CHECK(r < 0 || n_results == MANY);
}

typedef struct Heard {
        size_t next; /* number that may come next */
        unsigned count;
} Heard;

static void on_answer(size_t number, const struct nlmsghdr *message, int error, void *userdata) {
        Heard *heard = userdata;

        CHECK(number >= heard->next && number < MANY);
        CHECK(message ? error == 0 && fake_kernel_holds(message) : error <= 0);
        heard->next = number + 1;
        heard->count++;
}

static void ask_many_answers(void) {
        _Alignas(struct nlmsghdr) char buffer[MANY * sizeof(struct nlmsghdr)];
        _cleanup_(netlink_close) Netlink netlink;
        Heard heard = {};
        int r;

        for (size_t i = 0; i < MANY; i++)
                mnl_nlmsg_put_header(buffer + i * sizeof(struct nlmsghdr));
        CHECK(netlink_open(NETLINK_ROUTE, &netlink) == 0);
        r = netlink_ask_many(&netlink, buffer, sizeof(buffer), on_answer, &heard);
        CHECK(r <= 0 && n_requests == MANY);
        CHECK(r < 0 || heard.next == MANY);
}

static void ask_nft(void) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETCHAIN, NFPROTO_INET, NLM_F_DUMP, 0);
        _cleanup_(nft_socket_freep) NftSocket *nft = NULL;
        unsigned n_messages = 0;
        uint32_t generation = 0;

        CHECK(nft_socket_new(&nft) == 0);
        CHECK(nft_socket_request(nft, request, on_message, &n_messages) <= 0);
        CHECK((nft_socket_get_generation(nft, &generation) == 0) == (generation != 0));
}

static void commit_nft(void) {
        _cleanup_(nft_socket_freep) NftSocket *nft = NULL;
        int r;

        CHECK(nft_socket_new(&nft) == 0);
        encode_delete_table(nft_socket_begin(nft));
        r = nft_socket_commit(nft);
        CHECK(r <= 0);
        CHECK(n_requests == 3 || (n_requests == 0 && r < 0)); /* the batch's begin, the message, its end */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static void (*const questions[])(void) = {
                ask_single, ask_dump, ask_many, ask_nft, commit_nft, ask_many_answers,
        };
        FuzzInput input = { data, size };
        uint8_t question = fuzz_take_byte(&input);

        n_requests = 0;
        fake_kernel_begin(input, on_request);
        questions[question % ELEMENTSOF(questions)]();
        return 0;
}
