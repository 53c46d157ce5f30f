/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "tests/fuzz/check-container.h"
#include "tests/fuzz/fuzz.h"

/* Blanks around the text say nothing. */
static void check_blanks(const uint8_t *data, size_t size, const Container *container) {
        _cleanup_(container_freep) Container *again = NULL;
        _cleanup_free_ char *text = fuzz_must(malloc(size + 2));

        text[0] = '\n';
        memcpy(text + 1, data, size);
        text[size + 1] = ' ';
        CHECK(docker_inspect_decode(text, size + 2, &again) == 1);
        CHECK(container_equal(container, again) && container->started == again->started);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(container_freep) Container *container = NULL;
        int r = docker_inspect_decode((const char *) data, size, &container);

        CHECK(r == 1 || r == -EBADMSG);
        CHECK((r == 1) == !!container);
        if (container) {
                check_container(container);
                check_blanks(data, size, container);
        }
        return 0;
}
