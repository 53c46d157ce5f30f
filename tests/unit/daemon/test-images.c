/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "daemon/images.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static ContainerLabel label(const char *key, const char *value) {
        return (ContainerLabel) { .key = (char *) (uintptr_t) key, .value = (char *) (uintptr_t) value };
}

static Container *of_image(const char *image, const char *expose) {
        Container *container = build_container(1, expose);

        free(container->image_id);
        container->image_id = strdup(image);
        assert_non_null(container->image_id);
        return container;
}

static void test_mark(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        _cleanup_(container_freep) Container *same = of_image("a", "80"), *other = of_image("a", "81");
        const ContainerLabel labels[] = { label("calico.expose", "80"), label("calico.expose.mode", "balance") };

        build_label(same, "calico.expose.from", "10.0.0.0/8");
        assert_false(images_mark(images, same));
        assert_int_equal(images_learn(images, "a", labels, 2), 0);
        assert_true(images_mark(images, same));
        assert_true(same->labels[0].from_image);
        assert_false(same->labels[1].from_image);
        assert_true(images_mark(images, other));
        assert_false(other->labels[0].from_image);
}

static void test_no_labels_no_image(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        _cleanup_(container_freep) Container *plain = of_image("a", NULL);

        assert_true(images_mark(images, plain));
}

static void test_unreadable(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        _cleanup_(container_freep) Container *container = of_image("a", "80");

        assert_int_equal(images_learn_unreadable(images, "a"), 1);
        assert_true(images_mark(images, container));
        assert_true(container->labels[0].from_image);
        images_doubt_unreadable(images);
        assert_false(images_mark(images, container));
        assert_int_equal(images_learn_unreadable(images, "a"), 0);
        assert_true(images_mark(images, container));
        images_doubt_unreadable(images);
        assert_int_equal(images_learn(images, "a", NULL, 0), 0);
        images_doubt_unreadable(images);
        assert_true(images_mark(images, container));
        assert_false(container->labels[0].from_image);
        assert_int_equal(images_learn_unreadable(images, "a"), 1);
}

static void test_the_oldest_goes(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        _cleanup_(container_freep) Container *used = of_image("0", "80"), *unused = of_image("1", "80");

        for (unsigned i = 0; i < IMAGES_MAX * 2; i++) {
                char id[16];

                snprintf(id, sizeof(id), "%u", i);
                assert_int_equal(images_learn(images, id, NULL, 0), 0);
                assert_true(images_mark(images, used));
        }
        assert_false(images_mark(images, unused));
}

static void test_parked(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        Container *second = of_image("a", "81"), *other = of_image("b", "80"), *taken;

        second->id[0] = '1';
        other->id[0] = '2';
        assert_int_equal(images_park(images, of_image("a", "80")), 1);
        assert_int_equal(images_park(images, second), 0);
        assert_int_equal(images_park(images, other), 1);
        assert_int_equal(images_park(images, of_image("a", "82")), 0); /* the first one again */
        while ((taken = images_take_parked(images, "a")))
                container_free(taken);
        assert_true(images_has_parked(images));
        images_drop_parked(images, "nobody");
        images_drop_parked(images, other->id);
        assert_false(images_has_parked(images));
}

static void test_tried_again(void **state _unused_) {
        _cleanup_(images_freep) Images *images = images_new();
        Container *late = of_image("a", "81"), *taken;

        assert_false(images_try_again(images, "a"));
        assert_false(images_is_awaited(images, "a"));
        assert_int_equal(images_park(images, of_image("a", "80")), 1);
        assert_true(images_is_awaited(images, "a"));
        assert_false(images_is_awaited(images, "b"));
        for (unsigned i = 1; i < IMAGE_ATTEMPTS; i++) {
                assert_false(images_try_again(images, "b"));
                assert_true(images_try_again(images, "a"));
        }
        late->id[0] = '1';
        assert_int_equal(images_park(images, late), 0);
        assert_true(images_try_again(images, "a"));
        while ((taken = images_take_parked(images, "a")))
                container_free(taken);
        assert_false(images_try_again(images, "a"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mark),
                cmocka_unit_test(test_no_labels_no_image),
                cmocka_unit_test(test_unreadable),
                cmocka_unit_test(test_the_oldest_goes),
                cmocka_unit_test(test_parked),
                cmocka_unit_test(test_tried_again),
        };

        return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
