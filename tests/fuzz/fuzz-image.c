/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "tests/fuzz/check-container.h"
#include "tests/fuzz/fuzz.h"

static void check_same(const DockerImage *image, const Container *container) {
        CHECK(image->n_labels == container->n_labels);
        for (size_t i = 0; i < image->n_labels; i++) {
                CHECK(strcmp(image->labels[i].key, container->labels[i].key) == 0);
                CHECK(strcmp(image->labels[i].value, container->labels[i].value) == 0);
                CHECK(image->labels[i].cut == container->labels[i].cut);
        }
}

/* What an image says, a container made from it says in the same words: what is cut of one is cut of the other. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;
        DockerImage image = {};
        int r = docker_image_decode((const char *) data, size, &image);

        CHECK(r == 1 || r == -EBADMSG);
        CHECK(r == 1 || !image.labels);
        check_labels(image.labels, image.n_labels);
        if (docker_inspect_decode((const char *) data, size, &container) == 1) {
                CHECK(r == 1);
                check_same(&image, container);
        }
        docker_image_done(&image);
        return 0;
}
