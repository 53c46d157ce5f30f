/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/calico/span.h"

/* Not terminated, so that what is read behind the text is found. */
static int parse(const char *text, size_t size, char **ret_copy, Span *ret) {
        char *copy = malloc(size ? size : 1);

        memcpy(copy, text, size);
        *ret_copy = copy;
        return span_parse(copy, size, ret);
}

static void test_values(_unused_ void **state) {
        static const char *const good[] = {
                "0", "-0", "12", "-1.5e+10", "0.0E-0", "12345678901234567890123", "true", "false", "null", "\"\"",
                "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fF\"", "\"\x7f\xc3\xa4\"", "[]", "[ ]", "{}", "{ }", "[1,2]",
                " \t\r\n[ 1 , {\"a\" : [ ] } ] ", "{\"a\":1,\"a\":2}", "[[[[]]]]",
        };
        static const char *const bad[] = {
                "", " ", "01", "+1", "-", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity", "-Infinity", "tru", "nul",
                "truex", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"", "\"\t\"", "'a'", "[", "]",
                "[1,]", "[,1]", "[1 2]", "[1}", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}",
                "1 2", "[] []", "{\"a\":1]", "//", "[1]x",
        };
        char *copy;
        Span span;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                if (parse(good[i], strlen(good[i]), &copy, &span) != 0)
                        fail_msg("refused: %s", good[i]);
                free(copy);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                if (parse(bad[i], strlen(bad[i]), &copy, &span) != -EBADMSG)
                        fail_msg("accepted: %s", bad[i]);
                free(copy);
        }
        assert_int_equal(parse("\"a\0b\"", 5, &copy, &span), -EBADMSG);
        free(copy);
        assert_int_equal(parse("1\0", 2, &copy, &span), -EBADMSG);
        free(copy);
        assert_int_equal(parse("  [1]\n", 6, &copy, &span), 0);
        assert_ptr_equal(span.text, copy + 2);
        assert_int_equal(span.size, 3);
        free(copy);
}

static void test_depth(_unused_ void **state) {
        char text[2 * SPAN_DEPTH_MAX + 2];
        Span span;

        memset(text, '[', SPAN_DEPTH_MAX);
        memset(text + SPAN_DEPTH_MAX, ']', SPAN_DEPTH_MAX);
        assert_int_equal(span_parse(text, (size_t) 2 * SPAN_DEPTH_MAX, &span), 0);
        memset(text, '[', SPAN_DEPTH_MAX + 1);
        memset(text + SPAN_DEPTH_MAX + 1, ']', SPAN_DEPTH_MAX + 1);
        assert_int_equal(span_parse(text, sizeof(text), &span), -EBADMSG);
        /* No matter how deep: the stack is not touched beyond. */
        for (size_t i = 0; i < 2; i++) {
                size_t size = 1 << 20;
                char *deep = malloc(size);

                memset(deep, i == 0 ? '[' : '{', size);
                assert_int_equal(span_parse(deep, size, &span), -EBADMSG);
                free(deep);
        }
}

static Span get(const char *text) {
        Span span;

        assert_int_equal(span_parse(text, strlen(text), &span), 0);
        return span;
}

static void assert_span(const Span *span, const char *text) {
        assert_int_equal(span->size, strlen(text));
        assert_memory_equal(span->text, text, span->size);
}

static void test_members(_unused_ void **state) {
        Span object = get(" { \"a\" : [1, 2] , \"b\\\"\":{\"a\":0},\"\\u0063d\":\"x\", \"e\":1, \"e\":2, \"\":7 } "),
                value;

        assert_int_equal(span_member(&object, "a", &value), 1);
        assert_span(&value, "[1, 2]");
        assert_int_equal(span_member(&object, "b\"", &value), 1);
        assert_span(&value, "{\"a\":0}");
        assert_int_equal(span_member(&object, "cd", &value), 1);
        assert_span(&value, "\"x\"");
        assert_int_equal(span_member(&object, "", &value), 1);
        assert_span(&value, "7");
        assert_int_equal(span_member(&object, "e", &value), -EBADMSG);
        assert_int_equal(span_member(&object, "c", &value), 0);
        assert_int_equal(span_member(&object, "cde", &value), 0);
        object = get("{}");
        assert_int_equal(span_member(&object, "a", &value), 0);
}

static void test_items(_unused_ void **state) {
        Span array = get("[ 1 ,\"],\", [2,3]\t]"), item = {};

        assert_true(span_next_item(&array, &item));
        assert_span(&item, "1");
        assert_true(span_next_item(&array, &item));
        assert_span(&item, "\"],\"");
        assert_true(span_next_item(&array, &item));
        assert_span(&item, "[2,3]");
        assert_false(span_next_item(&array, &item));
        array = get("[ ]");
        item = (Span) {};
        assert_false(span_next_item(&array, &item));
}

static void test_edits(_unused_ void **state) {
        static const struct {
                const char *before;
                int remove; /* the n-th, or -1: append */
                const char *after;
        } cases[] = {
                { "{\"a\":[1, 2 ,3]}", 0, "{\"a\":[2 ,3]}" },   { "{\"a\":[1, 2 ,3]}", 1, "{\"a\":[1, 3]}" },
                { "{\"a\":[1, 2 ,3 ]}", 2, "{\"a\":[1, 2 ]}" }, { "{\"a\":[ 1 ]}", 0, "{\"a\":[  ]}" },
                { "{\"a\":[1, 2]}", -1, "{\"a\":[1, 2,9]}" },   { "{\"a\":[]}", -1, "{\"a\":[9]}" },
                { "{\"a\":[ ]}", -1, "{\"a\":[9 ]}" },          { "{\"a\":[1 ], \"b\":1e99 }", -1,
                        "{\"a\":[1,9 ], \"b\":1e99 }" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Span whole = get(cases[i].before), array, item = {};
                char *edited;

                assert_int_equal(span_member(&whole, "a", &array), 1);
                for (int n = 0; n <= cases[i].remove; n++)
                        assert_true(span_next_item(&array, &item));
                edited = cases[i].remove < 0 ? span_append_item(&whole, &array, "9")
                                             : span_remove_item(&whole, &array, &item);
                assert_string_equal(edited, cases[i].after);
                free(edited);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values), cmocka_unit_test(test_depth), cmocka_unit_test(test_members),
                cmocka_unit_test(test_items),  cmocka_unit_test(test_edits),
        };

        return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
