/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/macros.h"
#include "common/text.h"
#include "tests/cmocka.h"

static void check_escape(const char *text, size_t text_size, size_t room, const char *expected) {
        char buffer[64];

        memset(buffer, 'X', sizeof(buffer));
        assert_ptr_equal(text_escape(text, text_size, buffer, room), buffer);
        assert_string_equal(buffer, expected);
        assert_true(strlen(buffer) < room);
        assert_int_equal(buffer[room], 'X');
}

#define CHECK_ESCAPE(text, room, expected) check_escape(text, sizeof(text) - 1, room, expected)

static void test_escape(void **state _unused_) {
        CHECK_ESCAPE("", 4, "");
        CHECK_ESCAPE("web", 4, "web");
        CHECK_ESCAPE("web1", 4, "...");
        CHECK_ESCAPE("web12", 5, "w...");
        CHECK_ESCAPE("two words", 63, "two words");
        CHECK_ESCAPE("a\nb", 63, "a\\x0ab");
        CHECK_ESCAPE("a\0b", 63, "a\\x00b");
        CHECK_ESCAPE("\x1b[31mred", 63, "\\x1b[31mred");
        CHECK_ESCAPE("back\\slash", 63, "back\\x5cslash");
        CHECK_ESCAPE("\x7f", 63, "\\x7f");
        CHECK_ESCAPE("gr\xc3\xbc\xc3\x9f", 63, "gr\xc3\xbc\xc3\x9f");
        CHECK_ESCAPE("\xff\xfe", 63, "\\xff\\xfe");
        CHECK_ESCAPE("\xc0\x80", 63, "\\xc0\\x80");         /* overlong NUL */
        CHECK_ESCAPE("\xed\xa0\x80", 63, "\\xed\\xa0\\x80"); /* surrogate */
        CHECK_ESCAPE("\xc2\x85", 63, "\\xc2\\x85");         /* C1: next line */
        CHECK_ESCAPE("\xe2\x80\xae", 63, "\\xe2\\x80\\xae"); /* right-to-left override */
        CHECK_ESCAPE("\xe2\x81\xa6", 63, "\\xe2\\x81\\xa6"); /* isolate */
        CHECK_ESCAPE("\xf0\x9f\x90\x88", 63, "\xf0\x9f\x90\x88");
        CHECK_ESCAPE("\xf4\x90\x80\x80", 63, "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
        CHECK_ESCAPE("\xe2\x82", 63, "\\xe2\\x82");                   /* cut off */
        CHECK_ESCAPE("\xc3\xbc\xc3\xbc\xc3\xbc", 6, "\xc3\xbc...");   /* never half a character */
        CHECK_ESCAPE("a\nbc", 8, "a\\x0abc");
        CHECK_ESCAPE("a\nbcd", 8, "a...");
}

static void test_nearest(void **state _unused_) {
        static const char *const words[] = { "calico.expose.from", "calico.expose.network", "calico.expose.mode" };

        assert_string_equal(text_nearest("calico.expose.form", words, ELEMENTSOF(words)), "calico.expose.from");
        assert_string_equal(text_nearest("calico.expose.networks", words, ELEMENTSOF(words)), "calico.expose.network");
        assert_string_equal(text_nearest("calico.expose.mode", words, ELEMENTSOF(words)), "calico.expose.mode");
        assert_string_equal(text_nearest("CALICO.expose.Form", words, ELEMENTSOF(words)), "calico.expose.from");
        assert_string_equal(text_nearest("port", (const char *[]) { "Ports" }, 1), "Ports");
        assert_null(text_nearest("something else altogether", words, ELEMENTSOF(words)));
        assert_null(text_nearest("", words, ELEMENTSOF(words)));
        assert_null(text_nearest("x", words, 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_nearest),
        };

        return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
