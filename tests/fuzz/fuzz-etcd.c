/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/calico/etcd-node.h"
#include "tests/fuzz/fuzz.h"

/* An answer about a whole tree is the same keys, however it comes in. */

typedef struct Pieces {
        uint64_t hash;
        size_t count;
} Pieces;

static void look_at_node(const char *text, size_t size) {
        cJSON *json = cJSON_ParseWithLength(text, size);
        EtcdNode node;

        if (json && etcd_node_decode(json, &node) == 0)
                CHECK(node.key);
        cJSON_Delete(json);
}

static int on_piece(void *userdata, const char *text, size_t size) {
        Pieces *pieces = userdata;
        char *copy = fuzz_copy(text, size);

        CHECK(size >= 2 && text[0] == '{' && text[size - 1] == '}');
        look_at_node(copy, size);
        for (size_t i = 0; i < size; i++)
                pieces->hash = pieces->hash * 31 + (uint8_t) copy[i];
        pieces->count++;
        free(copy);
        return 0;
}

static int split(const char *data, size_t size, size_t chunk, Pieces *pieces, bool *ret_complete) {
        NodeSplitter splitter = {};
        int r = 0;

        for (size_t at = 0; r >= 0 && at < size; at += chunk) {
                char *copy = fuzz_copy(data + at, MIN(chunk, size - at));

                r = node_splitter_feed(&splitter, copy, MIN(chunk, size - at), on_piece, pieces);
                free(copy);
        }
        *ret_complete = r >= 0 && node_splitter_is_complete(&splitter);
        node_splitter_done(&splitter);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = fuzz_copy(data, size);
        Pieces whole = {}, bytes = {};
        bool complete, complete_too;
        int r = split(text, size, size ?: 1, &whole, &complete);

        CHECK(r == 0 || r == -EBADMSG || r == -EMSGSIZE);
        CHECK(split(text, size, 1, &bytes, &complete_too) == r);
        CHECK(complete == complete_too && whole.count == bytes.count && whole.hash == bytes.hash);
        (void) etcd_error_code(text, size);
        free(text);
        return 0;
}
