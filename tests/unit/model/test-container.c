/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static Container *build_rich(void) {
        Container *container = build_on_bridge(1, "80,53/udp");

        build_network(container, "other", "", "2001:db8::1", true);
        build_label(container, "calico.expose.from", "10.0.0.0/8");
        build_label(container, "calico.expose.when", "");
        return container;
}

static Container *copy_of(const Container *container, Texts *texts) {
        Container *copy = container_copy(container, texts);

        assert_non_null(copy);
        return copy;
}

/* Of its own: neither what it was copied from nor the pool need stay. The image is not compared: it cannot be another
 * one. */
static void test_copy(void **state _unused_) {
        _cleanup_(container_freep) Container *same = build_rich(), *again = NULL;
        Texts *texts = texts_new();
        Container *original = build_rich(), *copy = copy_of(original, texts);

        container_free(original);
        again = copy_of(copy, texts);
        container_free(copy);
        texts_free(texts);
        assert_true(container_equal(again, same));
        assert_string_equal(container_find_label(again, "calico.expose.from")->value, "10.0.0.0/8");
        assert_string_equal(again->networks[1].name, "other");
        assert_null(again->image_id);
}

static void test_copy_of_little(void **state _unused_) {
        _cleanup_(texts_freep) Texts *texts = texts_new();
        _cleanup_(container_freep) Container *original = container_new("1"), *copy = copy_of(original, texts);

        assert_true(container_equal(copy, original));
        assert_null(copy->name);
        assert_null(copy->networks);
}

/* Of two containers on one network, its ID is there once. */
static void test_copies_share(void **state _unused_) {
        _cleanup_(texts_freep) Texts *texts = texts_new();
        _cleanup_(container_freep) Container *a = build_on_bridge(1, "80"), *b = build_on_bridge(2, "81");
        _cleanup_(container_freep) Container *first = copy_of(a, texts), *second = copy_of(b, texts);

        assert_ptr_equal(first->networks[0].id, second->networks[0].id);
        assert_ptr_equal(first->labels[0].key, second->labels[0].key);
        assert_ptr_equal(first->network_mode, second->network_mode);
        assert_ptr_not_equal(first->labels[0].value, second->labels[0].value);
}

/* Networks come and go: what they were called does not stay. */
static void test_unused_texts_go(void **state _unused_) {
        enum { MANY = 5000, FEW = 8 };
        _cleanup_(texts_freep) Texts *texts = texts_new();
        char *kept = texts_share(texts, "kept"), text[32];

        for (unsigned i = 0; i < MANY; i++) {
                snprintf(text, sizeof(text), "text%u", i);
                text_release(texts_share(texts, text));
        }
        assert_in_range(texts_count(texts), 1, FEW);
        assert_ptr_equal(texts_share(texts, "kept"), kept);
        text_release(kept);
        text_release(kept);
        text_release(NULL);
}

/* As many as are in use stay, whatever comes between them. */
static void test_used_texts_stay(void **state _unused_) {
        enum { MANY = 1000 };
        _cleanup_(texts_freep) Texts *texts = texts_new();
        char *used[MANY], text[32];

        for (unsigned i = 0; i < MANY; i++) {
                snprintf(text, sizeof(text), "gone%u", i);
                text_release(texts_share(texts, text));
                snprintf(text, sizeof(text), "used%u", i);
                used[i] = texts_share(texts, text);
        }
        for (unsigned i = 0; i < MANY; i++) {
                snprintf(text, sizeof(text), "used%u", i);
                assert_string_equal(used[i], text);
                assert_ptr_equal(texts_share(texts, text), used[i]);
                text_release(used[i]);
                text_release(used[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_copy_of_little),
                cmocka_unit_test(test_copies_share),
                cmocka_unit_test(test_unused_texts_go),
                cmocka_unit_test(test_used_texts_stay),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
