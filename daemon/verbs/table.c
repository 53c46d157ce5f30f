/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/array.h"
#include "common/macros.h"

enum {
        GAP = 2,        /* between two columns */
        WIDTH_MIN = 6,  /* narrower than this no column is made */
        WIDTH_UNKNOWN = 80,
};

#define ELLIPSIS "…"
#define BOLD "\033[1m"
#define RESET "\033[0m"

static const char *const colours[_TABLE_COLOUR_MAX] = {
        [TABLE_PLAIN] = "",
        [TABLE_GOOD] = "\033[32m",
        [TABLE_UNDECIDED] = "\033[33m",
        [TABLE_BAD] = "\033[31m",
};

static void row_done(TableRow *row, size_t n_columns) {
        for (size_t i = 0; row->cells && i < n_columns; i++)
                free(row->cells[i]);
        free(row->cells);
}

void table_done(Table *table) {
        for (size_t i = 0; i < table->n_rows; i++)
                row_done(&table->rows[i], table->n_columns);
        free(table->rows);
        table->rows = NULL;
        table->n_rows = table->capacity = 0;
}

int table_add(Table *table, TableColour colour, const char *const *cells) {
        TableRow row = { .cells = calloc(table->n_columns, sizeof(*row.cells)), .colour = colour };
        bool complete = row.cells;

        for (size_t i = 0; complete && i < table->n_columns; i++)
                complete = (row.cells[i] = strdup(cells[i]));
        if (!complete ||
            array_reserve(&table->rows, &table->capacity, table->n_rows + 1, sizeof(*table->rows)) < 0) {
                row_done(&row, table->n_columns);
                return -ENOMEM;
        }
        table->rows[table->n_rows++] = row;
        return 0;
}

TableStyle table_style_detect(FILE *file) {
        const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
        struct winsize size = {};
        int fd = fileno(file);

        if (!isatty(fd))
                return (TableStyle) {};
        (void) ioctl(fd, TIOCGWINSZ, &size);
        return (TableStyle) {
                .width = size.ws_col > 0 ? size.ws_col : WIDTH_UNKNOWN,
                .colour = !(no_colour && *no_colour) && term && strcmp(term, "dumb") != 0,
        };
}

/* Characters, not bytes: what was escaped is good UTF-8. */
static unsigned text_width(const char *text) {
        unsigned width = 0;

        for (; *text; text++)
                width += (*text & 0xc0) != 0x80;
        return width;
}

static size_t bytes_of(const char *text, unsigned characters) {
        const char *end = text;

        while (*end && (characters > 0 || (*end & 0xc0) == 0x80))
                characters -= (*end++ & 0xc0) != 0x80;
        return (size_t) (end - text);
}

static void measure(const Table *table, unsigned *widths) {
        for (size_t i = 0; i < table->n_columns; i++) {
                unsigned widest = 0;

                for (size_t k = 0; k < table->n_rows; k++)
                        widest = MAX(widest, text_width(table->rows[k].cells[i]));
                widths[i] = widest > 0 || table->columns[i].spare == 0 ? MAX(widest, text_width(table->columns[i].title))
                                                                      : 0;
        }
}

/* A column of width 0 is left out. cut: with each as narrow as is enough. */
static unsigned total_width(const Table *table, const unsigned *widths, bool cut) {
        unsigned total = 0;

        for (size_t i = 0; i < table->n_columns; i++) {
                unsigned width = cut ? MIN(widths[i], table->columns[i].enough) : widths[i];

                total += width > 0 ? width + (total > 0 ? GAP : 0) : 0;
        }
        return total;
}

static bool leave_one_out(const Table *table, unsigned *widths) {
        size_t least = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++)
                if (widths[i] > 0 && table->columns[i].spare > 0 &&
                    (least == table->n_columns || table->columns[i].spare > table->columns[least].spare))
                        least = i;
        if (least == table->n_columns)
                return false;
        widths[least] = 0;
        return true;
}

/* The widest of those that are wider than what is enough, or else of all. */
static bool shrink_widest(const Table *table, unsigned *widths, bool further) {
        size_t widest = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++)
                if (widths[i] > (further ? (unsigned) WIDTH_MIN : table->columns[i].enough) &&
                    (widest == table->n_columns || widths[i] >= widths[widest]))
                        widest = i;
        if (widest == table->n_columns)
                return false;
        widths[widest]--;
        return true;
}

static void fit(const Table *table, unsigned width, unsigned *widths) {
        measure(table, widths);
        while (total_width(table, widths, true) > width && leave_one_out(table, widths))
                ;
        while (total_width(table, widths, false) > width && shrink_widest(table, widths, false))
                ;
        while (total_width(table, widths, false) > width && shrink_widest(table, widths, true))
                ;
}

/* What is written in front of the next cell, so that no line ends in blanks. */
typedef struct Line {
        FILE *file;
        unsigned blanks;
} Line;

static void print_cell(Line *line, const char *text, unsigned width, const char *before, const char *after) {
        unsigned whole = text_width(text);
        bool cut = whole > width;

        if (*text)
                fprintf(line->file, "%*s%s%.*s%s%s", (int) line->blanks, "", before,
                        (int) bytes_of(text, cut ? width - 1 : whole), text, cut ? ELLIPSIS : "", after);
        line->blanks = (*text ? 0 : line->blanks) + width - (*text ? MIN(whole, width) : 0) + GAP;
}

static void print_line(const Table *table, const unsigned *widths, char *const *cells, const char *first,
                       const char *others, FILE *file) {
        Line line = { .file = file };

        for (size_t i = 0; i < table->n_columns; i++) {
                const char *colour = i == 0 ? first : others;

                if (widths[i] > 0)
                        print_cell(&line, cells ? cells[i] : table->columns[i].title, widths[i], colour,
                                   *colour ? RESET : "");
        }
        fputc('\n', file);
}

static void print_aligned(const Table *table, const TableStyle *style, const unsigned *widths, FILE *file) {
        const char *bold = style->colour ? BOLD : "";

        print_line(table, widths, NULL, bold, bold, file);
        for (size_t i = 0; i < table->n_rows; i++)
                print_line(table, widths, table->rows[i].cells, style->colour ? colours[table->rows[i].colour] : "", "",
                           file);
}

static void print_tabs(const Table *table, FILE *file) {
        for (size_t i = 0; i < table->n_columns; i++)
                fprintf(file, "%s%s", i == 0 ? "" : "\t", table->columns[i].title);
        fputc('\n', file);
        for (size_t k = 0; k < table->n_rows; k++) {
                for (size_t i = 0; i < table->n_columns; i++) {
                        const char *cell = table->rows[k].cells[i];

                        fprintf(file, "%s%s", i == 0 ? "" : "\t", *cell ? cell : "-");
                }
                fputc('\n', file);
        }
}

int table_print(const Table *table, const TableStyle *style, FILE *file) {
        _cleanup_free_ unsigned *widths = calloc(table->n_columns, sizeof(*widths));

        if (!widths)
                return -ENOMEM;
        if (style->width == 0) {
                print_tabs(table, file);
                return 0;
        }
        fit(table, style->width, widths);
        print_aligned(table, style, widths, file);
        return 0;
}
