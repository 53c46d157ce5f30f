/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "daemon/http/json.h"
#include "daemon/docker/splitter.h"
#include "daemon/model/protocol.h"
#include "tests/fuzz/check-container.h"
#include "tests/fuzz/fuzz.h"

typedef struct List {
        DockerPorts ports;
        const cJSON *row; /* of the body that cJSON read as one; NULL: it could not, or there is no further one */
} List;

static void check_row(const Container *container, const DockerPorts *ports, size_t n_before) {
        check_container(container);
        CHECK(container->n_labels > 0);
        CHECK(container->state != CONTAINER_STOPPED || ports->n_items == n_before);
}

static int on_row(void *userdata, const char *text, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;
        _cleanup_(json_freep) cJSON *json = NULL;
        List *list = userdata;
        size_t n_before = list->ports.n_items;
        int r = docker_row_decode(text, size, &list->ports, &container);

        CHECK(r == 1 || r == 0 || r == -EBADMSG);
        CHECK((r == 1) == !!container);
        CHECK(list->ports.n_items >= n_before && list->ports.n_items <= DOCKER_HOST_PORTS_MAX);
        if (container)
                check_row(container, &list->ports, n_before);
        if (list->row) {
                CHECK(json_parse(text, size, &json) == 0);
                CHECK(cJSON_IsObject(json) && cJSON_Compare(json, list->row, true));
                list->row = list->row->next;
        }
        return 0;
}

static void check_ports(const DockerPorts *ports) {
        for (size_t i = 0; i < ports->n_items; i++) {
                const HostPort *port = &ports->items[i].host, *before = i == 0 ? NULL : &ports->items[i - 1].host;

                CHECK(!before || host_port_compare(before, port) <= 0);
                CHECK(!before || host_port_compare(before, port) < 0 || before->family != port->family ||
                      address_compare(&before->address, &port->address) != 0);
                CHECK(protocol_to_string(port->protocol) && port->port != 0 && port->docker);
                CHECK(!address_is_set(&port->address) || port->address.family == port->family);
                fuzz_check_shown(port->user, sizeof(port->user));
        }
}

/* All of it is one list of objects, to cJSON: which takes more for blanks than JSON does, and passes over a byte order
 * mark. */
static bool is_list(const cJSON *json, const uint8_t *data, size_t size) {
        const cJSON *item;

        if (!cJSON_IsArray(json) || *data == 0xef)
                return false;
        cJSON_ArrayForEach(item, json)
                if (!cJSON_IsObject(item))
                        return false;
        for (size_t i = 0; i < size; i++)
                if (data[i] < ' ' && !memchr("\t\r\n", data[i], 3))
                        return false;
        return true;
}

/* NaN is not equal to itself, and cJSON makes it of no text; but it does make infinity, which it compares badly. */
static bool is_comparable(const uint8_t *data, size_t size) {
        return !memchr(data, 'e', size) && !memchr(data, 'E', size);
}

/* The body of a list: what the splitter cuts out of it are the objects that cJSON finds in it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(json_freep) cJSON *json = NULL;
        ArraySplitter splitter = {};
        List list = {};
        int r;

        if (size > 0 && is_comparable(data, size))
                (void) json_parse((const char *) data, size, &json);
        list.row = json && cJSON_IsArray(json) ? json->child : NULL;
        r = array_splitter_feed(&splitter, (const char *) data, size, on_row, &list);
        CHECK(r == 0 || r == -EBADMSG);
        CHECK(!is_list(json, data, size) || (r == 0 && array_splitter_is_complete(&splitter) && !list.row));
        array_splitter_done(&splitter);
        docker_ports_sort(&list.ports);
        check_ports(&list.ports);
        docker_ports_done(&list.ports);
        return 0;
}
