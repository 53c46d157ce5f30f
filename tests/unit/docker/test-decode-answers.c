/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Whole answers, as engines gave them (fixtures/). */

#include "tests/cmocka.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/docker/splitter.h"
#include "tests/unit/docker/decoded.h"
#include "tests/unit/docker/fixture.h"

#define ROWS_MAX 8

/* The record in a few lines. */
static const char *describe(const Container *c, char buffer[static 4096]) {
        char a[ADDRESS_TEXT_SIZE], b[ADDRESS_TEXT_SIZE];
        int n;

        n = snprintf(buffer, 4096, "%.4s %s %s %s mode=%.14s image=%.12s%s\n", c->id, c->name,
                     container_state_to_string(c->state), container_health_to_string(c->health), c->network_mode,
                     c->image_id, c->truncated ? " truncated" : "");
        for (size_t i = 0; i < c->n_networks; i++) {
                const ContainerNetwork *w = &c->networks[i];

                n += snprintf(buffer + n, 4096 - (size_t) n, "net %s %.4s %.4s %s %s %s mac %02x%02x\n", w->name,
                              w->id, w->endpoint_id, address_format(&w->ipv4, a), address_format(&w->ipv6, b),
                              w->has_gateway ? "routed" : "inner", w->mac[0], w->mac[5]);
        }
        for (size_t i = 0; i < c->n_labels; i++)
                n += snprintf(buffer + n, 4096 - (size_t) n, "label %s=%s\n", c->labels[i].key, c->labels[i].value);
        return buffer;
}

static void check_inspect(const char *name, const char *expected) {
        char *text = fixture_read(name, NULL), buffer[4096];
        Container *container = NULL;

        assert_int_equal(decoded_text(docker_inspect_decode, text, &container), 1);
        decoded_assert_sane(container);
        assert_string_equal(describe(container, buffer), expected);
        container_free(container);
        free(text);
}

typedef struct Rows {
        Container *items[ROWS_MAX];
        size_t n;
} Rows;

static int on_row(void *userdata, const char *text, size_t size) {
        Rows *rows = userdata;

        int r;

        assert_true(rows->n < ROWS_MAX);
        r = decoded_row(text, size, &rows->items[rows->n]);
        assert_in_range(r, 0, 1);
        if (r > 0)
                decoded_assert_sane(rows->items[rows->n++]);
        return 0;
}

static Rows read_list(const char *name) {
        _cleanup_(array_splitter_done) ArraySplitter splitter = {};
        size_t size;
        char *text = fixture_read(name, &size);
        Rows rows = {};

        assert_int_equal(array_splitter_feed(&splitter, text, size, on_row, &rows), 0);
        assert_true(array_splitter_is_complete(&splitter));
        free(text);
        return rows;
}

static void free_rows(Rows *rows) {
        for (size_t i = 0; i < rows->n; i++)
                container_free(rows->items[i]);
}

static const Container *find_row(const Rows *rows, const char *name) {
        for (size_t i = 0; i < rows->n; i++)
                if (strcmp(rows->items[i]->name, name) == 0)
                        return rows->items[i];
        fail_msg("no row %s", name);
        return NULL;
}

static Container *read_inspect(const char *folder, const char *name) {
        Container *container = NULL;
        char path[64], *text;

        snprintf(path, sizeof(path), "%s/inspect-%s.json", folder, name);
        text = fixture_read(path, NULL);
        assert_int_equal(decoded_text(docker_inspect_decode, text, &container), 1);
        free(text);
        return container;
}

/* The list and the inspect of the same container at the same moment say the same of all that a claim depends on. */
static void check_same(const char *version) {
        static const char *const names[] = { "web", "flap", "nap", "side" };
        char path[64];
        Rows rows;

        snprintf(path, sizeof(path), "%s/list.json", version);
        rows = read_list(path);
        assert_int_equal(rows.n, 5); /* "plain" has no label */
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const Container *row = find_row(&rows, names[i]);
                Container *inspect = read_inspect(version, names[i]);

                assert_true(container_equal(row, inspect));
                assert_true(inspect->started > INT64_C(1795449190000000000));
                assert_true(inspect->started < INT64_C(1795449210000000000));
                assert_int_equal(row->started, 0);
                container_free(inspect);
        }
        free_rows(&rows);
}

static void test_list_and_inspect_agree(void **state) {
        (void) state;
        check_same("docker-20.10");
        check_same("docker-26");
        check_same("docker-29");
}

static void test_docker_20_10(void **state) {
        char buffer[4096];
        Rows rows;

        (void) state;
        check_inspect("docker-20.10/inspect-web.json",
                      "035c web running healthy mode=default image=sha256:ef228\n"
                      "net bridge 19c8 2884 172.17.0.2 fd00:d0c::242:ac11:2 routed mac 0202\n"
                      "net front 08e4 fe1a 172.19.0.2 2001:db8:77::2 routed mac 0202\n"
                      "label calico.expose=8080:80,53/udp\n");
        check_inspect("docker-20.10/inspect-flap.json",
                      "3400 flap restarting none mode=default image=sha256:ef228\n"
                      "net bridge 19c8  - - inner mac 0000\n"
                      "label calico.expose=81\n");
        check_inspect("docker-20.10/inspect-nap.json",
                      "b787 nap paused none mode=default image=sha256:ef228\n"
                      "net bridge 19c8 3e13 172.17.0.4 fd00:d0c::242:ac11:4 routed mac 0204\n"
                      "label Calico.Expose=80\n");
        check_inspect("docker-20.10/inspect-side.json",
                      "6a16 side running none mode=container:035c image=sha256:ef228\n"
                      "label calico.expose=82\n");
        rows = read_list("docker-20.10/list.json");
        assert_string_equal(describe(find_row(&rows, "web"), buffer),
                            "035c web running healthy mode=default image=sha256:ef228\n"
                            "net bridge 19c8 2884 172.17.0.2 fd00:d0c::242:ac11:2 routed mac 0202\n"
                            "net front 08e4 fe1a 172.19.0.2 2001:db8:77::2 routed mac 0202\n"
                            "label calico.expose=8080:80,53/udp\n");
        assert_int_equal(find_row(&rows, "web")->created, 1795449197);
        free_rows(&rows);
}

/* The list says health. */
static void test_docker_29(void **state) {
        Rows rows = read_list("docker-29/list.json");

        (void) state;
        assert_int_equal(find_row(&rows, "web")->health, HEALTH_HEALTHY);
        assert_int_equal(find_row(&rows, "old")->health, HEALTH_NONE);
        free_rows(&rows);
        check_inspect("docker-29/inspect-web.json",
                      "a7b0 web running healthy mode=bridge image=sha256:812f3\n"
                      "net bridge 2303 9e8d 172.17.0.2 fd00:d0c::242:ac11:2 routed mac 0202\n"
                      "net front be67 a43e 172.19.0.2 2001:db8:77::2 routed mac 0202\n"
                      "label calico.expose=8080:80,53/udp\n");
}

/* Its list has no HostConfig: the network mode is all that is missing there. */
static void test_podman_4_3(void **state) {
        static const char *const names[] = { "web", "flap", "hst" };
        Rows rows = read_list("podman-4.3/list.json");
        Container *inspect;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                inspect = read_inspect("podman-4.3", names[i]);
                inspect->network_mode[0] = '\0';
                assert_true(container_equal(find_row(&rows, names[i]), inspect));
                container_free(inspect);
        }
        free_rows(&rows);
        check_inspect("podman-4.3/inspect-web.json",
                      "7535 web running none mode=bridge image=sha256:0bf9d\n"
                      "net front2 fron  10.89.1.2 - routed mac 1698\n"
                      "net podman podm  10.88.0.4 - routed mac 6a17\n"
                      "label calico.expose=8080:80\n");
        check_inspect("podman-4.3/inspect-hst.json", "9093 hst running none mode=host image=sha256:0bf9d\n"
                                                     "label calico.expose=82\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_list_and_inspect_agree),
                cmocka_unit_test(test_docker_20_10),
                cmocka_unit_test(test_docker_29),
                cmocka_unit_test(test_podman_4_3),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
