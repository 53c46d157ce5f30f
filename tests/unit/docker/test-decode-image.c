/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/docker/decode.h"
#include "tests/unit/docker/fixture.h"

static int decode(const char *text, DockerImage *ret) {
        size_t size = strlen(text);
        char *copy = fixture_copy(text, size);
        int r = docker_image_decode(copy, size, ret);

        free(copy);
        return r;
}

static void check_labels(const char *text, const char *expected) {
        DockerImage image = {};
        char shown[512] = "";

        assert_int_equal(decode(text, &image), 1);
        assert_true(!image.labels == (image.n_labels == 0));
        for (size_t i = 0; i < image.n_labels; i++) {
                sprintf(shown + strlen(shown), "%s=%s;", image.labels[i].key, image.labels[i].value);
                assert_false(image.labels[i].cut);
                assert_false(image.labels[i].from_image);
        }
        assert_string_equal(shown, expected);
        docker_image_done(&image);
        docker_image_done(&image);
}

/* 20.10 and 26 are recorded answers; 29 (as with containerd's store) and Podman are written by hand. */
static void test_engines(void **state) {
        static const struct {
                const char *name, *labels;
        } cases[] = {
                { "docker-20.10/image-labelled.json", "calico.expose=8080:80;calico.expose.when=healthy;" },
                { "docker-20.10/image-plain.json", "" },
                { "docker-26/image-labelled.json", "calico.expose=8080:80;calico.expose.when=healthy;" },
                { "docker-26/image-plain.json", "" },
                { "docker-29/image-labelled.json", "calico.expose=8080:80;calico.expose.when=healthy;" },
                { "docker-29/image-plain.json", "" },
                { "podman/image-labelled.json", "calico.expose=8080:80;calico.expose.when=healthy;" },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char *text = fixture_read(cases[i].name, NULL);

                check_labels(text, cases[i].labels);
                free(text);
        }
}

static void test_absent(void **state) {
        (void) state;
        check_labels("{\"Id\":\"x\"}", "");
        check_labels("{\"Id\":\"x\",\"Config\":null}", "");
        check_labels("{\"Id\":\"x\",\"Config\":{}}", "");
        check_labels("{\"Id\":\"x\",\"Config\":{\"Labels\":null}}", "");
        check_labels("{\"Id\":\"x\",\"Config\":{\"Labels\":{}}}", "");
        check_labels("{\"Id\":\"x\",\"Config\":{\"Labels\":{\"calico.expos\":\"80\"}}}", "");
        /* The container that the image was made from, and what is written elsewhere, is not it. */
        check_labels("{\"Id\":\"x\",\"ContainerConfig\":{\"Labels\":{\"calico.expose\":\"80\"}},\"Labels\":"
                     "{\"calico.expose\":\"81\"}}", "");
        check_labels("{\"Id\":\"x\",\"Config\":{\"Labels\":{\"Calico.Expose\":\"80\",\"calico.expose\":null}}}",
                     "Calico.Expose=80;");
}

/* Nothing that is no image may pass for one without labels. */
static void test_unreadable(void **state) {
        static const char *const texts[] = {
                "", "null", "[]", "{}", "7", "\"x\"", "{\"message\":\"x\"}", "{\"Id\":7}", "{\"Id\":null}",
                "{\"Id\":\"x\"", "[{\"Id\":\"x\"}]", "{\"Id\":\"x\"}{}", "{\"Id\":\"x\",\"Config\":[]}",
                "{\"Id\":\"x\",\"Config\":7}", "{\"Id\":\"x\",\"Config\":\"\"}",
                "{\"Id\":\"x\",\"Config\":{\"Labels\":[]}}", "{\"Id\":\"x\",\"Config\":{\"Labels\":true}}",
                "{\"Id\":\"x\",\"Config\":{\"Labels\":\"calico.expose=80\"}}",
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                DockerImage image = { .n_labels = 7 };

                assert_int_equal(decode(texts[i], &image), -EBADMSG);
                assert_int_equal(image.n_labels, 7);
        }
}

/* A value that is cut still says its size, as a container's does. */
static void test_long_value(void **state) {
        size_t size = CONTAINER_LABEL_SIZE_MAX + 5;
        char *value = malloc(size + 1), *text;
        DockerImage image;

        (void) state;
        memset(value, 'x', size);
        value[size] = '\0';
        assert_true(asprintf(&text, "{\"Id\":\"x\",\"Config\":{\"Labels\":{\"calico.expose\":\"%s\"}}}", value) > 0);
        assert_int_equal(decode(text, &image), 1);
        assert_int_equal(image.n_labels, 1);
        assert_true(image.labels[0].cut);
        assert_int_equal(strlen(image.labels[0].value), CONTAINER_LABEL_SIZE_MAX);
        docker_image_done(&image);
        free(text);
        free(value);
}

/* Each byte of a real answer changed, and each cut. */
static void test_mutations(void **state) {
        static const char bytes[] = "\"\\{}[]:,0\xff";
        char *text = fixture_read("docker-26/image-labelled.json", NULL), *copy;

        (void) state;
        text[strcspn(text, "\n")] = '\0';
        copy = strdup(text);
        for (size_t i = 0; i < strlen(text); i++) {
                DockerImage image = {};

                for (size_t k = 0; k < sizeof(bytes) - 1; k++) {
                        int r;

                        copy[i] = bytes[k];
                        r = docker_image_decode(copy, strlen(text), &image);
                        assert_true(r == 1 || r == -EBADMSG);
                        docker_image_done(&image);
                }
                copy[i] = '\0';
                assert_int_equal(decode(copy, &image), -EBADMSG);
                copy[i] = text[i];
        }
        free(copy);
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_engines),    cmocka_unit_test(test_absent),    cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_long_value), cmocka_unit_test(test_mutations),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
