/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/docker/splitter.h"

/* All pieces, each with '|' behind it; a skipped one is "!|". */
typedef struct Pieces {
        char text[4096];
        size_t size;
        size_t count;
        size_t skipped;
        size_t largest;
        int fail_at; /* -1: never */
} Pieces;

static int on_piece(void *userdata, const char *text, size_t size) {
        Pieces *pieces = userdata;

        if (pieces->fail_at >= 0 && (size_t) pieces->fail_at == pieces->count)
                return -EIO;
        pieces->count++;
        pieces->skipped += !text;
        pieces->largest = MAX(pieces->largest, size);
        if (!text) {
                text = "!";
                size = 1;
        }
        if (pieces->size + size + 1 < sizeof(pieces->text)) {
                memcpy(pieces->text + pieces->size, text, size);
                pieces->size += size;
                pieces->text[pieces->size++] = '|';
        }
        return 0;
}

typedef enum Kind { LINES, ARRAY } Kind;

typedef struct Splitter {
        Kind kind;
        LineSplitter lines;
        ArraySplitter array;
} Splitter;

static int feed(Splitter *splitter, const char *data, size_t size, Pieces *pieces) {
        return splitter->kind == LINES ? line_splitter_feed(&splitter->lines, data, size, on_piece, pieces)
                                       : array_splitter_feed(&splitter->array, data, size, on_piece, pieces);
}

static void done(Splitter *splitter) {
        line_splitter_done(&splitter->lines);
        array_splitter_done(&splitter->array);
}

static void assert_pieces(const Pieces *pieces, const char *expected) {
        assert_int_equal(pieces->size, strlen(expected));
        assert_memory_equal(pieces->text, expected, pieces->size);
}

/* Cut at each place, at each pair of places, and into single bytes: a copy on the heap for each part, so that a
 * sanitizer sees what is read behind it. */
static void check_cuts(Kind kind, const char *input, const char *expected, bool complete) {
        size_t size = strlen(input);

        for (size_t first = 0; first <= size; first++)
                for (size_t second = first; second <= size; second++) {
                        const size_t ends[] = { first, second, size };
                        Pieces pieces = { .fail_at = -1 };
                        Splitter splitter = { .kind = kind };
                        size_t start = 0;

                        for (size_t i = 0; i < ELEMENTSOF(ends); start = ends[i++]) {
                                size_t part = ends[i] - start;
                                char *copy = malloc(part ? part : 1);

                                memcpy(copy, input + start, part);
                                assert_int_equal(feed(&splitter, copy, part, &pieces), 0);
                                free(copy);
                        }
                        assert_pieces(&pieces, expected);
                        if (kind == ARRAY)
                                assert_int_equal(array_splitter_is_complete(&splitter.array), complete);
                        done(&splitter);
                }

        Pieces pieces = { .fail_at = -1 };
        Splitter splitter = { .kind = kind };

        for (size_t i = 0; i < size; i++)
                assert_int_equal(feed(&splitter, input + i, 1, &pieces), 0);
        assert_pieces(&pieces, expected);
        done(&splitter);
}

static void test_lines(_unused_ void **state) {
        check_cuts(LINES, "{\"a\":1}\n{\"b\":\"\\n\"}\n", "{\"a\":1}|{\"b\":\"\\n\"}|", false);
        check_cuts(LINES, "\n\none\n\ntwo\nrest", "one|two|", false);
        check_cuts(LINES, "", "", false);
        check_cuts(LINES, "never ends", "", false);
        check_cuts(LINES, "\r\n", "\r|", false);
}

static void test_array(_unused_ void **state) {
        check_cuts(ARRAY, "[]", "", true);
        check_cuts(ARRAY, " [ ] \n", "", true);
        check_cuts(ARRAY, "[{}]", "{}|", true);
        check_cuts(ARRAY, "[{\"a\":[1,{\"b\":2}]} , {\"c\":\"}]\"}]\n", "{\"a\":[1,{\"b\":2}]}|{\"c\":\"}]\"}|", true);
        check_cuts(ARRAY, "[{\"a\":\"\\\"}\\\\\"},{}]", "{\"a\":\"\\\"}\\\\\"}|{}|", true);
        check_cuts(ARRAY, "[{\"a\\\\\":\"\\\\\\\"]\"}]", "{\"a\\\\\":\"\\\\\\\"]\"}|", true);
}

static void test_array_cut_off(_unused_ void **state) {
        check_cuts(ARRAY, "", "", false);
        check_cuts(ARRAY, "[", "", false);
        check_cuts(ARRAY, "[{\"a\":1}", "{\"a\":1}|", false);
        check_cuts(ARRAY, "[{\"a\":1},", "{\"a\":1}|", false);
        check_cuts(ARRAY, "[{\"a\":1},{\"b\":\"]}", "{\"a\":1}|", false);
}

static void test_array_garbage(_unused_ void **state) {
        static const char *const inputs[] = {
                "{}",      "null",     "[1]",     "[null]",    "[\"a\"]",  "[[]]",      "[,{}]",  "[{},]",
                "[{}{}]",  "[{}]]",    "[{}],",   "[{}][{}]",  "x",        "[{}]x",     "]",      "<html></html>",
                "{\"message\":\"x\"}", "[{} x]",  "\xef\xbb\xbf[]",
        };

        for (size_t i = 0; i < ELEMENTSOF(inputs); i++)
                for (size_t cut = 0; cut <= strlen(inputs[i]); cut++) {
                        Splitter splitter = { .kind = ARRAY };
                        Pieces pieces = { .fail_at = -1 };
                        int r;

                        r = feed(&splitter, inputs[i], cut, &pieces);
                        if (r == 0)
                                r = feed(&splitter, inputs[i] + cut, strlen(inputs[i]) - cut, &pieces);
                        assert_int_equal(r, -EBADMSG);
                        done(&splitter);
                }
}

/* Any byte string: an answer, never a crash, and never a piece over the cap. */
static void test_random(_unused_ void **state) {
        static const char alphabet[] = "[]{},:\"\\ \n\t1aé";

        srand(1);
        for (unsigned round = 0; round < 20000; round++) {
                Splitter splitter = { .kind = round % 2 ? ARRAY : LINES };
                Pieces pieces = { .fail_at = -1 };
                char text[64];

                for (size_t i = 0; i < sizeof(text); i++)
                        text[i] = alphabet[(unsigned) rand() % (sizeof(alphabet) - 1)];
                text[0] = '[';
                for (size_t at = 0; at < sizeof(text);) {
                        size_t random = (size_t) rand() % 16; /* once: MIN() would call it twice */
                        size_t part = MIN(sizeof(text) - at, random);
                        int r = feed(&splitter, text + at, part, &pieces);

                        if (r < 0) {
                                assert_int_equal(r, -EBADMSG);
                                break;
                        }
                        at += part;
                }
                done(&splitter);
        }
}

static void feed_many(Splitter *splitter, char c, size_t size, size_t part, Pieces *pieces) {
        char *data = malloc(part);

        memset(data, c, part);
        for (; size > 0; size -= MIN(size, part))
                assert_int_equal(feed(splitter, data, MIN(size, part), pieces), 0);
        free(data);
}

static void feed_text(Splitter *splitter, const char *text, Pieces *pieces) {
        assert_int_equal(feed(splitter, text, strlen(text), pieces), 0);
}

static void check_line_cap(size_t part) {
        Pieces pieces = { .fail_at = -1 };
        Splitter splitter = { .kind = LINES };

        /* Just fits. */
        feed_many(&splitter, 'x', LINE_SIZE_MAX, part, &pieces);
        feed_text(&splitter, "\n", &pieces);
        assert_int_equal(pieces.count, 1);
        assert_int_equal(pieces.skipped, 0);
        assert_int_equal(pieces.largest, LINE_SIZE_MAX);
        /* One too long: told before it ends, and once. */
        feed_many(&splitter, 'x', LINE_SIZE_MAX + 1, part, &pieces);
        assert_int_equal(pieces.skipped, 1);
        feed_many(&splitter, 'y', 3 * LINE_SIZE_MAX, part, &pieces);
        assert_int_equal(pieces.count, 2);
        assert_int_equal(pieces.skipped, 1);
        assert_int_equal(splitter.lines.line.capacity, 0);
        feed_text(&splitter, "tail\nnext\n", &pieces);
        assert_int_equal(pieces.count, 3);
        assert_memory_equal(pieces.text + pieces.size - 5, "next|", 5);
        /* In one chunk with its newline. */
        {
                char *line = malloc(LINE_SIZE_MAX + 3);

                memset(line, 'z', LINE_SIZE_MAX + 1);
                line[LINE_SIZE_MAX + 1] = '\n';
                line[LINE_SIZE_MAX + 2] = 'a';
                assert_int_equal(feed(&splitter, line, LINE_SIZE_MAX + 3, &pieces), 0);
                free(line);
        }
        feed_text(&splitter, "b\n", &pieces);
        assert_int_equal(pieces.skipped, 2);
        assert_memory_equal(pieces.text + pieces.size - 3, "ab|", 3);
        done(&splitter);
}

static void test_line_cap(_unused_ void **state) {
        check_line_cap(16384);
        check_line_cap(LINE_SIZE_MAX + 1);
        check_line_cap(7777);
}

static void test_object_cap(_unused_ void **state) {
        Pieces pieces = { .fail_at = -1 };
        Splitter splitter = { .kind = ARRAY };

        feed_text(&splitter, "[{\"a\":1},{\"b\":\"", &pieces);
        feed_many(&splitter, '}', OBJECT_SIZE_MAX, 16384, &pieces);
        assert_int_equal(pieces.skipped, 1);
        feed_text(&splitter, "\\\"]}\"},{\"c\":2}]", &pieces);
        assert_pieces(&pieces, "{\"a\":1}|!|{\"c\":2}|");
        assert_true(array_splitter_is_complete(&splitter.array));
        done(&splitter);
}

static void test_total_cap(_unused_ void **state) {
        Pieces pieces = { .fail_at = -1 };
        Splitter splitter = { .kind = ARRAY };

        feed_text(&splitter, "[{},", &pieces);
        splitter.array.total = LIST_SIZE_MAX - 3;
        feed_text(&splitter, "{},", &pieces);
        assert_int_equal(feed(&splitter, "{", 1, &pieces), -EMSGSIZE);
        assert_int_equal(pieces.count, 2);
        done(&splitter);
}

static void test_handler_fails(_unused_ void **state) {
        static const char *const inputs[] = { [LINES] = "one\ntwo\nthree\n", [ARRAY] = "[{\"a\":1},{},{}]" };

        for (Kind kind = LINES; kind <= ARRAY; kind++)
                for (int at = 0; at < 3; at++) {
                        Splitter splitter = { .kind = kind };
                        Pieces pieces = { .fail_at = at };
                        int r = feed(&splitter, inputs[kind], 2, &pieces);

                        if (r == 0)
                                r = feed(&splitter, inputs[kind] + 2, strlen(inputs[kind]) - 2, &pieces);
                        assert_int_equal(r, -EIO);
                        assert_int_equal(pieces.count, at);
                        done(&splitter);
                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_lines),         cmocka_unit_test(test_array),
                cmocka_unit_test(test_array_cut_off), cmocka_unit_test(test_array_garbage),
                cmocka_unit_test(test_random),        cmocka_unit_test(test_line_cap),
                cmocka_unit_test(test_object_cap),    cmocka_unit_test(test_total_cap),
                cmocka_unit_test(test_handler_fails),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
