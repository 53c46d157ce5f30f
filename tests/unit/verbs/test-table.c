/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "common/macros.h"
#include "daemon/verbs/table.h"
#include "tests/cmocka.h"

static const TableColumn columns[] = {
        { "STATE", 0, 8 }, { "NAME", 0, 12 }, { "PLACE", 1, 8 }, { "EXTRA", 2, 8 }, { "REASON", 0, 10 },
};

static void fill(Table *table) {
        static const char *const rows[][ELEMENTSOF(columns)] = {
                { "good", "web", "10.0.0.1", "x", "" },
                { "bad", "a-longer-name", "10.0.0.100", "y", "because of something" },
                { "so-so", "naïve", "", "", "" },
        };
        static const TableColour colours[] = { TABLE_GOOD, TABLE_BAD, TABLE_UNDECIDED };

        *table = (Table) { .columns = columns, .n_columns = ELEMENTSOF(columns) };
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                assert_int_equal(table_add(table, colours[i], rows[i]), 0);
}

static void assert_printed(unsigned width, bool colour, const char *expected) {
        Table table;
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(file);
        fill(&table);
        assert_int_equal(table_print(&table, &(TableStyle) { width, colour }, file), 0);
        fclose(file);
        assert_string_equal(text, expected);
        free(text);
        table_done(&table);
}

static void test_behind_a_pipe(void **state _unused_) {
        assert_printed(0, false,
                       "STATE\tNAME\tPLACE\tEXTRA\tREASON\n"
                       "good\tweb\t10.0.0.1\tx\t-\n"
                       "bad\ta-longer-name\t10.0.0.100\ty\tbecause of something\n"
                       "so-so\tnaïve\t-\t-\t-\n");
}

static void test_with_room(void **state _unused_) {
        assert_printed(120, false,
                       "STATE  NAME           PLACE       EXTRA  REASON\n"
                       "good   web            10.0.0.1    x\n"
                       "bad    a-longer-name  10.0.0.100  y      because of something\n"
                       "so-so  naïve\n");
}

/* First the longest are cut to what is enough, then columns go. */
static void test_narrow(void **state _unused_) {
        assert_printed(56, false,
                       "STATE  NAME           PLACE       EXTRA  REASON\n"
                       "good   web            10.0.0.1    x\n"
                       "bad    a-longer-name  10.0.0.100  y      because of som…\n"
                       "so-so  naïve\n");
        assert_printed(45, false,
                       "STATE  NAME          PLACE       REASON\n"
                       "good   web           10.0.0.1\n"
                       "bad    a-longer-na…  10.0.0.100  because of …\n"
                       "so-so  naïve\n");
        assert_printed(36, false,
                       "STATE  NAME           REASON\n"
                       "good   web\n"
                       "bad    a-longer-name  because of so…\n"
                       "so-so  naïve\n");
}

static void test_hardly_any_room(void **state _unused_) {
        assert_printed(24, false,
                       "STATE  NAME      REASON\n"
                       "good   web\n"
                       "bad    a-longe…  becaus…\n"
                       "so-so  naïve\n");
        assert_printed(1, false,
                       "STATE  NAME    REASON\n"
                       "good   web\n"
                       "bad    a-lon…  becau…\n"
                       "so-so  naïve\n");
}

static void test_colour(void **state _unused_) {
        assert_printed(36, true,
                       "\033[1mSTATE\033[0m  \033[1mNAME\033[0m           \033[1mREASON\033[0m\n"
                       "\033[32mgood\033[0m   web\n"
                       "\033[31mbad\033[0m    a-longer-name  because of so…\n"
                       "\033[33mso-so\033[0m  naïve\n");
}

static void test_empty_columns_go(void **state _unused_) {
        static const char *const row[] = { "good", "web", "", "", "" };
        Table table = { .columns = columns, .n_columns = ELEMENTSOF(columns) };
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(file);
        assert_int_equal(table_add(&table, TABLE_GOOD, row), 0);
        assert_int_equal(table_print(&table, &(TableStyle) { 80, false }, file), 0);
        fclose(file);
        assert_string_equal(text, "STATE  NAME  REASON\ngood   web\n");
        free(text);
        table_done(&table);
}

/* A pipe is no terminal, whatever the environment says. */
static void test_detection(void **state _unused_) {
        FILE *file = tmpfile();
        TableStyle style;

        assert_non_null(file);
        style = table_style_detect(file);
        assert_int_equal(style.width, 0);
        assert_false(style.colour);
        fclose(file);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_behind_a_pipe), cmocka_unit_test(test_with_room),
                cmocka_unit_test(test_narrow),        cmocka_unit_test(test_hardly_any_room),
                cmocka_unit_test(test_colour),        cmocka_unit_test(test_empty_columns_go),
                cmocka_unit_test(test_detection),
        };

        return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
