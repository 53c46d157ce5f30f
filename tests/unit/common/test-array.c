/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>

#include "common/array.h"
#include "common/macros.h"
#include "tests/cmocka.h"

static int compare(const void *key, const void *item) {
        return *(const int *) key - *(const int *) item;
}

static void test_sorted_inserts(void **state _unused_) {
        static const int input[] = { 5, 1, 9, 3, 7, 3, 0, 9 };
        _cleanup_free_ int *items = NULL;
        size_t count = 0, capacity = 0;

        for (size_t i = 0; i < ELEMENTSOF(input); i++) {
                size_t at = array_lower_bound(&input[i], items, count, sizeof(*items), compare);

                assert_int_equal(array_insert_gap(&items, &count, &capacity, at, sizeof(*items)), 0);
                assert_int_equal(items[at], 0);
                items[at] = input[i];
        }
        assert_int_equal(count, ELEMENTSOF(input));
        for (size_t i = 1; i < count; i++)
                assert_true(items[i - 1] <= items[i]);

        array_remove(&items, &count, 0, sizeof(*items));
        assert_int_equal(items[0], 1);
        array_remove(&items, &count, count - 1, sizeof(*items));
        assert_int_equal(items[count - 1], 9);
        assert_int_equal(count, ELEMENTSOF(input) - 2);
}

static void test_lower_bound(void **state _unused_) {
        static const int items[] = { 2, 4, 4, 6 };
        static const struct {
                int key;
                size_t at;
        } cases[] = { { 1, 0 }, { 2, 0 }, { 3, 1 }, { 4, 1 }, { 5, 3 }, { 6, 3 }, { 7, 4 } };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                assert_int_equal(array_lower_bound(&cases[i].key, items, 4, sizeof(*items), compare), cases[i].at);
        assert_int_equal(array_lower_bound(&cases[0].key, NULL, 0, sizeof(*items), compare), 0);
}

static unsigned compared;

static int compare_counted(const void *a, const void *b) {
        compared++;
        return compare(a, b);
}

static void test_sort(void **state _unused_) {
        int items[] = { 5, 1, 9, 3, 7, 3, 0, 9 };

        array_sort(items, ELEMENTSOF(items), sizeof(*items), compare_counted);
        for (size_t i = 1; i < ELEMENTSOF(items); i++)
                assert_true(items[i - 1] <= items[i]);
        compared = 0;
        array_sort(items, ELEMENTSOF(items), sizeof(*items), compare_counted);
        assert_int_equal(compared, ELEMENTSOF(items) - 1);
        array_sort(NULL, 0, sizeof(*items), compare_counted);
        array_sort(items, 1, sizeof(*items), compare_counted);
        assert_int_equal(compared, ELEMENTSOF(items) - 1);
}

static void test_too_large(void **state _unused_) {
        _cleanup_free_ int *items = NULL;
        size_t capacity = 0;

        assert_int_equal(array_reserve(&items, &capacity, SIZE_MAX / sizeof(int) + 1, sizeof(int)), -ENOMEM);
        assert_null(items);
        assert_int_equal(capacity, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sorted_inserts),
                cmocka_unit_test(test_lower_bound),
                cmocka_unit_test(test_sort),
                cmocka_unit_test(test_too_large),
        };

        return cmocka_run_group_tests_name("array", tests, NULL, NULL);
}
