/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What the engine writes of a container: a text in which the parts that depend on the container are marked, each mark
 * as wide as what takes its place. So filling one in is a copy and a few small copies more, and no cost of the fake
 * engine's is measured as the daemon's. The texts come from tests/engine/shapes.py, and so from recorded answers. */

typedef enum TemplateName {
        TEMPLATE_ROW,
        TEMPLATE_INSPECT,
        TEMPLATE_IMAGE,
        TEMPLATE_START,
        TEMPLATE_DIE,
        TEMPLATE_PLAIN_START, /* of a container without a label */
        TEMPLATE_PLAIN_DIE,
        _TEMPLATE_MAX,
} TemplateName;

#define TEMPLATE_MARKS_MAX 64

typedef struct Mark {
        size_t offset;
        int kind;
} Mark;

typedef struct Template {
        char *text;
        size_t size;
        Mark marks[TEMPLATE_MARKS_MAX];
        size_t n_marks;
} Template;

#define TEMPLATE_ID_SIZE 64

/* Reads DIRECTORY/<name>.json for each; ends the process where it cannot. */
void templates_read(const char *directory, Template templates[static _TEMPLATE_MAX]);

/* How many bytes that is: template->size; room for them is the caller's. */
void template_fill(const Template *template, unsigned number, int64_t realtime, char *buffer);

/* The number of the container with that ID; UINT32_MAX if there can be none. */
unsigned template_number(const char *id);
