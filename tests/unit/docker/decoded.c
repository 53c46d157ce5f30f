/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/docker/decoded.h"

#include <stdlib.h>
#include <string.h>

#include "tests/cmocka.h"
#include "tests/unit/docker/fixture.h"

int decoded_row(const char *text, size_t size, Container **ret) {
        DockerPorts ports = {};
        int r;

        r = docker_row_decode(text, size, &ports, ret);
        docker_ports_done(&ports);
        return r;
}

int decoded_text(Decode function, const char *text, Container **ret) {
        size_t size = strlen(text);
        char *copy = fixture_copy(text, size);
        int r = function(copy, size, ret);

        free(copy);
        return r;
}

void decoded_assert_sane(const Container *container) {
        assert_true(container_id_is_valid(container->id));
        assert_non_null(container->name);
        assert_non_null(container->image_id);
        assert_non_null(container->network_mode);
        assert_in_range(container->state, 0, _CONTAINER_STATE_MAX - 1);
        assert_in_range(container->health, 0, _CONTAINER_HEALTH_MAX - 1);
        assert_in_range(container->n_labels, 0, CONTAINER_LABELS_MAX);
        assert_in_range(container->n_networks, 0, CONTAINER_NETWORKS_MAX);
        for (size_t i = 0; i < container->n_networks; i++) {
                assert_non_null(container->networks[i].id);
                assert_non_null(container->networks[i].endpoint_id);
                if (i > 0)
                        assert_true(strcmp(container->networks[i - 1].name, container->networks[i].name) <= 0);
        }
        for (size_t i = 0; i < container->n_labels; i++) {
                assert_in_range(strlen(container->labels[i].value), 0, CONTAINER_LABEL_SIZE_MAX);
                if (i > 0)
                        assert_true(strcmp(container->labels[i - 1].key, container->labels[i].key) <= 0);
        }
}
