/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Rows of text, for people on a terminal and for programs behind a pipe. */

typedef enum TableColour {
        TABLE_PLAIN,
        TABLE_GOOD,
        TABLE_UNDECIDED,
        TABLE_BAD,
        _TABLE_COLOUR_MAX,
} TableColour;

typedef struct TableColumn {
        const char *title;
        unsigned spare;  /* on a narrow terminal the column with the highest number goes first; 0: it stays */
        unsigned enough; /* cut to that width before any goes, and further only when none is left that can go */
} TableColumn;

typedef struct TableRow {
        char **cells; /* one for each column; the first one is in the row's colour */
        TableColour colour;
} TableRow;

typedef struct Table {
        const TableColumn *columns;
        size_t n_columns;
        TableRow *rows;
        size_t n_rows, capacity;
} Table;

void table_done(Table *table);

/* Copies the cells, which must be fit to be shown. Returns 0 or -ENOMEM. */
int table_add(Table *table, TableColour colour, const char *const *cells);

typedef struct TableStyle {
        unsigned width; /* of the terminal, in characters; 0: there is none */
        bool colour;
} TableStyle;

/* How to write to that file: a terminal has its width (80 if it does not say), and colours unless NO_COLOR is set
 * (no-color.org) or TERM is "dumb". */
TableStyle table_style_detect(FILE *file);

/* The titles, then a line for each row. On a terminal: aligned, columns left out that are empty or for which there is no
 * room, and cells cut, the widest first, with an ellipsis. Else: nothing is left out or cut, a tab between two cells, "-" for an
 * empty one. Returns 0 or -ENOMEM. */
int table_print(const Table *table, const TableStyle *style, FILE *file);
