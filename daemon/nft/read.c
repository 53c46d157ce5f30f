/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libnftnl/common.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "daemon/nft/decode.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/socket.h"

/* A dump takes several system calls, and a commit in between makes it skip or repeat entries without a mark
 * (NLM_F_DUMP_INTR is not set). What the kernel does say is the generation that each message was written in. */
typedef struct Reader {
        NftSocket *nft;
        Snapshot *snapshot;
        int (*take)(Snapshot *snapshot, const struct nlmsghdr *message);
        const FoundSet *set; /* take is NULL then */
        uint32_t generation; /* 0: not looked at */
} Reader;

static int reader_take(const struct nlmsghdr *message, void *userdata) {
        Reader *reader = userdata;
        const struct nfgenmsg *header = mnl_nlmsg_get_payload(message);

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return -EBADMSG;
        if (reader->generation != 0 && ntohs(header->res_id) != (uint16_t) reader->generation)
                return -ESTALE;
        return reader->take ? reader->take(reader->snapshot, message)
                            : snapshot_take_elements(reader->snapshot, reader->set, message);
}

static int read_table(Reader *reader) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETTABLE, NFPROTO_INET, 0, 0);
        int r;

        mnl_attr_put_strz(request, NFTA_TABLE_NAME, CALICO_EXPOSED_TABLE);
        reader->take = snapshot_take_table;
        r = nft_socket_request(reader->nft, request, reader_take, reader);
        if (r >= 0 && reader->snapshot->state.table == TABLE_ABSENT) /* confirmed, but what it is was lost on its way */
                return -EBADMSG;
        return r;
}

/* attribute: which one is the table's name in a request of that type. */
static int read_all(Reader *reader, uint16_t type, uint16_t attribute,
                    int (*take)(Snapshot *snapshot, const struct nlmsghdr *message)) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, NFPROTO_INET, NLM_F_DUMP, 0);

        mnl_attr_put_strz(request, attribute, CALICO_EXPOSED_TABLE);
        reader->take = take;
        return nft_socket_request(reader->nft, request, reader_take, reader);
}

static int read_elements(Reader *reader, const FoundSet *set) {
        char buffer[NFT_REQUEST_SIZE] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 0);
        char name[OBJECT_NAME_SIZE];

        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, CALICO_EXPOSED_TABLE);
        mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, set_name(set->schema, set->object, name));
        reader->take = NULL;
        reader->set = set;
        return nft_socket_request(reader->nft, request, reader_take, reader);
}

static int check_generation(const Reader *reader) {
        uint32_t now = 0;
        int r;

        if (reader->generation == 0)
                return 0;
        r = nft_socket_get_generation(reader->nft, &now);
        return r < 0 ? r : now == reader->generation ? 0 : -ESTALE;
}

/* Chains are listed for all tables in one row, which any commit can shift. All else is asked for by table, and in a
 * table that this socket owns nobody else changes anything: there the commits of others need not be heeded. */
static int read_chains(Reader *reader) {
        int r = read_all(reader, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, snapshot_take_chain);

        if (r < 0 || reader->snapshot->state.table != TABLE_OWNED)
                return r;
        r = check_generation(reader);
        reader->generation = 0;
        return r;
}

static int read_contents(Reader *reader) {
        int r = read_chains(reader);

        if (r >= 0)
                r = read_all(reader, NFT_MSG_GETSET, NFTA_SET_TABLE, snapshot_take_set);
        if (r >= 0)
                r = read_all(reader, NFT_MSG_GETRULE, NFTA_RULE_TABLE, snapshot_take_rule);
        for (size_t i = 0; r >= 0 && i < reader->snapshot->n_sets; i++)
                r = read_elements(reader, &reader->snapshot->sets[i]);
        if (r >= 0)
                r = check_generation(reader);
        /* It was there a moment ago. */
        return r == -ENOENT ? -ESTALE : r;
}

/* -ESTALE: something changed while it was read. */
static int read_once(NftSocket *nft, const RulesetOptions *options, KernelState *ret) {
        Snapshot snapshot = { .options = options, .port = nft_socket_port(nft) };
        Reader reader = { .nft = nft, .snapshot = &snapshot };
        int r;

        r = nft_socket_get_generation(nft, &reader.generation);
        if (r >= 0)
                r = read_table(&reader);
        if (r == -ENOENT)
                *ret = (KernelState) { .table = TABLE_ABSENT };
        if (r >= 0)
                r = read_contents(&reader);
        if (r >= 0)
                r = snapshot_finish(&snapshot, ret);
        snapshot_done(&snapshot);
        return r == -ENOENT ? 0 : r;
}

int nft_read(NftSocket *nft, const RulesetOptions *options, KernelState *ret) {
        int r = -ESTALE;

        for (int i = 0; i < NFT_READ_ATTEMPTS && r == -ESTALE; i++)
                r = read_once(nft, options, ret);
        return r == -ESTALE ? -EAGAIN : r;
}
