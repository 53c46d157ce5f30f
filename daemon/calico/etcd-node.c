/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/etcd-node.h"

#include <errno.h>

#define DEPTH_MAX 256

/* One byte that is not in a string. Returns 1 if an innermost object ends with it. */
static int take_structure(NodeSplitter *splitter, char c) {
        if (c == '{') {
                if (++splitter->depth > DEPTH_MAX)
                        return -EBADMSG;
                splitter->innermost = true;
                text_buffer_clear(&splitter->object);
        } else if (c == '}') {
                bool ended = splitter->innermost;

                if (splitter->depth == 0)
                        return -EBADMSG;
                splitter->depth--;
                splitter->innermost = false;
                return ended;
        }
        return 0;
}

/* The end of the run that begins here and needs no look at its bytes' meaning. */
static size_t find_special(const NodeSplitter *splitter, const char *data, size_t size) {
        size_t i = 0;

        if (splitter->in_string)
                while (i < size && data[i] != '"' && data[i] != '\\')
                        i++;
        else
                while (i < size && data[i] != '"' && data[i] != '{' && data[i] != '}')
                        i++;
        return i;
}

static int keep(NodeSplitter *splitter, const char *data, size_t size) {
        return splitter->innermost ? text_buffer_append(&splitter->object, data, size, ETCD_VALUE_MAX) : 0;
}

int node_splitter_feed(NodeSplitter *splitter, const char *data, size_t size,
                       int (*handler)(void *userdata, const char *text, size_t size), void *userdata) {
        const char *end = data + size;
        int r;

        splitter->total += size;
        if (splitter->total > ETCD_TREE_MAX)
                return -EMSGSIZE;
        while (data < end) {
                size_t run = splitter->escaped ? 0 : find_special(splitter, data, (size_t) (end - data));
                int ended = 0;

                r = keep(splitter, data, run);
                data += run;
                if (r < 0 || data == end)
                        return r;
                if (splitter->escaped)
                        splitter->escaped = false;
                else if (*data == '"')
                        splitter->in_string = !splitter->in_string;
                else if (splitter->in_string)
                        splitter->escaped = true;
                else
                        ended = take_structure(splitter, *data);
                r = ended < 0 ? ended
                    : ended   ? text_buffer_append(&splitter->object, data, 1, ETCD_VALUE_MAX)
                              : keep(splitter, data, 1);
                if (r >= 0 && ended)
                        r = handler(userdata, splitter->object.text, splitter->object.size);
                if (r < 0)
                        return r;
                data++;
        }
        return 0;
}

void node_splitter_done(NodeSplitter *splitter) {
        text_buffer_done(&splitter->object);
        *splitter = (NodeSplitter) {};
}

int etcd_node_decode(const cJSON *json, EtcdNode *ret) {
        EtcdNode node = { .key = json_text(json, "key"), .value = json_text(json, "value") };
        int64_t index = json_integer(json, "modifiedIndex");

        /* A directory has no value, and neither has a key that was deleted. */
        if (!node.key || index <= 0 || (node.value && json_is_true(json, "dir")))
                return -EBADMSG;
        node.index = (uint64_t) index;
        *ret = node;
        return 0;
}

unsigned etcd_error_code(const char *text, size_t size) {
        _cleanup_(json_freep) cJSON *json = NULL;
        int64_t code;

        if (json_parse(text, size, &json) < 0)
                return 0;
        code = json_integer(json, "errorCode");
        return code > 0 && code < 1000 ? (unsigned) code : 0;
}
