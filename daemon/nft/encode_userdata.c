/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libnftnl/udata.h>
#include <linux/netfilter/nf_tables.h>

#include "daemon/nft/encode.h"

/* A type has a name that nft can write behind "type", but for a plain number: then it writes "typeof" and an expression
 * that has this type, which it finds here. The numbers are nft's own (enum expr_types and enum proto_desc_id in its
 * include/, the templates of src/proto.c); as they are kept in kernels' tables, they do not change. */
enum {
        EXPRESSION_PAYLOAD = 7,
        EXPRESSION_CONCAT = 13,
        EXPRESSION_NUMGEN = 23,
        HEADER_TCP = 8,
        HEADER_IP = 12,
        HEADER_IP6 = 13,
        TCP_DESTINATION_PORT = 2,
        IP_DESTINATION = 12,
        IP6_DESTINATION = 9,
};

/* The attributes in it: which expression, and what is to be known of it. */
enum {
        TYPEOF_EXPRESSION = 0,
        TYPEOF_DATA = 1,
        NUMGEN_TYPE = 0,
        NUMGEN_MODULUS = 1,
        NUMGEN_OFFSET = 2,
        PAYLOAD_HEADER = 0,
        PAYLOAD_FIELD = 1,
};

/* False where the buffer is full, here and below. */
static bool put_numgen(struct nftnl_udata_buf *buffer, uint32_t modulus) {
        struct nftnl_udata *key = nftnl_udata_nest_start(buffer, NFTNL_UDATA_SET_KEY_TYPEOF), *data;
        bool fits = nftnl_udata_put_u32(buffer, TYPEOF_EXPRESSION, EXPRESSION_NUMGEN);

        data = nftnl_udata_nest_start(buffer, TYPEOF_DATA);
        fits = fits && nftnl_udata_put_u32(buffer, NUMGEN_TYPE, NFT_NG_INCREMENTAL) &&
               nftnl_udata_put_u32(buffer, NUMGEN_MODULUS, modulus) && nftnl_udata_put_u32(buffer, NUMGEN_OFFSET, 0);
        nftnl_udata_nest_end(buffer, data);
        nftnl_udata_nest_end(buffer, key);
        return fits;
}

static bool put_payload(struct nftnl_udata_buf *buffer, uint32_t header, uint32_t field) {
        struct nftnl_udata *data;
        bool fits = nftnl_udata_put_u32(buffer, TYPEOF_EXPRESSION, EXPRESSION_PAYLOAD);

        data = nftnl_udata_nest_start(buffer, TYPEOF_DATA);
        fits = fits && nftnl_udata_put_u32(buffer, PAYLOAD_HEADER, header) &&
               nftnl_udata_put_u32(buffer, PAYLOAD_FIELD, field);
        nftnl_udata_nest_end(buffer, data);
        return fits;
}

static bool put_destination(struct nftnl_udata_buf *buffer, uint8_t family) {
        return family == AF_INET ? put_payload(buffer, HEADER_IP, IP_DESTINATION)
                                 : put_payload(buffer, HEADER_IP6, IP6_DESTINATION);
}

/* ip daddr . tcp dport; the parts are numbered. */
static bool put_destination_and_port(struct nftnl_udata_buf *buffer, uint8_t family) {
        struct nftnl_udata *parts, *part;
        bool fits = nftnl_udata_put_u32(buffer, TYPEOF_EXPRESSION, EXPRESSION_CONCAT);

        parts = nftnl_udata_nest_start(buffer, TYPEOF_DATA);
        part = nftnl_udata_nest_start(buffer, 0);
        fits = fits && put_destination(buffer, family);
        nftnl_udata_nest_end(buffer, part);
        part = nftnl_udata_nest_start(buffer, 1);
        fits = fits && put_payload(buffer, HEADER_TCP, TCP_DESTINATION_PORT);
        nftnl_udata_nest_end(buffer, part);
        nftnl_udata_nest_end(buffer, parts);
        return fits;
}

/* typeof numgen inc mod N : ip daddr . tcp dport, of the map of a balance's backends. */
static bool put_typeof(struct nftnl_udata_buf *buffer, const SetSchema *schema, const char *object) {
        struct nftnl_udata *data;
        BalanceName balance;
        bool fits;

        if (!balance_name_parse(object, &balance) || !put_numgen(buffer, balance.backends))
                return false;
        data = nftnl_udata_nest_start(buffer, NFTNL_UDATA_SET_DATA_TYPEOF);
        fits = balance.range ? put_destination(buffer, schema->family)
                             : put_destination_and_port(buffer, schema->family);
        nftnl_udata_nest_end(buffer, data);
        return fits;
}

static bool put_all(struct nftnl_udata_buf *buffer, const SetSchema *schema, const char *object) {
        bool map = schema->data[0] != FIELD_END;

        return nftnl_udata_put_u32(buffer, NFTNL_UDATA_SET_KEYBYTEORDER, set_key_layout(schema).byteorder) &&
               (!map ||
                nftnl_udata_put_u32(buffer, NFTNL_UDATA_SET_DATABYTEORDER, set_data_layout(schema).byteorder)) &&
               (schema->key[0] != FIELD_INDEX || put_typeof(buffer, schema, object)) &&
               (!schema->comment || nftnl_udata_put_strz(buffer, NFTNL_UDATA_SET_COMMENT, schema->comment));
}

int encode_set_userdata(struct nftnl_set *set, const SetSchema *schema, const char *object) {
        struct nftnl_udata_buf *buffer = nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN);
        int r = -ENOMEM;

        if (!buffer)
                return -ENOMEM;
        if (put_all(buffer, schema, object) &&
            nftnl_set_set_data(set, NFTNL_SET_USERDATA, nftnl_udata_buf_data(buffer),
                               nftnl_udata_buf_len(buffer)) >= 0)
                r = 0;
        nftnl_udata_buf_free(buffer);
        return r;
}
