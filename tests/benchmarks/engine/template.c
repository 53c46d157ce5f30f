/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/benchmarks/engine/template.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/macros.h"

static const char *const names[_TEMPLATE_MAX] = {
        [TEMPLATE_ROW] = "row",     [TEMPLATE_INSPECT] = "inspect",         [TEMPLATE_IMAGE] = "image",
        [TEMPLATE_START] = "start", [TEMPLATE_DIE] = "die",
        [TEMPLATE_PLAIN_START] = "plain-start", [TEMPLATE_PLAIN_DIE] = "plain-die",
};

typedef enum MarkKind { MARK_ID, MARK_NAME, MARK_PORT, MARK_ADDRESS, MARK_MAC, MARK_TIME, _MARK_MAX } MarkKind;

/* As tests/benchmarks/templates.py writes them. */
static const char *const marks[_MARK_MAX] = {
        [MARK_ID] = "@id@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
        [MARK_NAME] = "@name@",
        [MARK_PORT] = "@port",
        [MARK_ADDRESS] = "@address@@@@@@",
        [MARK_MAC] = "@mac@@@@@@@@@@@@@",
        [MARK_TIME] = "1111111111111111111",
};

static void find_marks(Template *template, MarkKind kind) {
        size_t size = strlen(marks[kind]);
        char *at = template->text;

        while ((at = memmem(at, template->size - (size_t) (at - template->text), marks[kind], size))) {
                if (template->n_marks == TEMPLATE_MARKS_MAX)
                        errx(1, "a template has too many marks");
                template->marks[template->n_marks++] = (Mark) { (size_t) (at - template->text), (int) kind };
                at += size;
        }
}

static void template_read(const char *directory, const char *name, Template *template) {
        char path[4096];
        FILE *file;
        size_t room = 0;
        ssize_t size;

        snprintf(path, sizeof(path), "%s/%s.json", directory, name);
        file = fopen(path, "re");
        if (!file)
                err(1, "%s", path);
        size = getdelim(&template->text, &room, '\0', file);
        if (size <= 0)
                err(1, "%s", path);
        fclose(file);
        template->size = (size_t) size;
        for (int kind = 0; kind < _MARK_MAX; kind++)
                find_marks(template, (MarkKind) kind);
}

void templates_read(const char *directory, Template templates[static _TEMPLATE_MAX]) {
        for (size_t i = 0; i < _TEMPLATE_MAX; i++)
                template_read(directory, names[i], &templates[i]);
}

enum { FIRST_PORT = 10000, FIRST_OCTET = 100, OCTETS = 156 };

/* Multiplied by an odd number, which can be undone: IDs of neighbours are far apart, as Docker's are. */
static const uint32_t spread = 0x9e3779b1, gather = 0x0e8b2f51;
_Static_assert((uint32_t) (UINT64_C(0x9e3779b1) * 0x0e8b2f51) == 1, "the one undoes the other");

static void format_mark(int kind, unsigned number, int64_t realtime, char buffer[static 80]) {
        unsigned high = FIRST_OCTET + number / OCTETS, low = FIRST_OCTET + number % OCTETS;

        switch (kind) {
        case MARK_ID:
                snprintf(buffer, 80, "%08x%056x", number * spread, number);
                break;
        case MARK_NAME:
                snprintf(buffer, 80, "c%05u", number);
                break;
        case MARK_PORT:
                snprintf(buffer, 80, "%05u", FIRST_PORT + number);
                break;
        case MARK_ADDRESS:
                snprintf(buffer, 80, "10.150.%u.%u", high, low);
                break;
        case MARK_MAC:
                snprintf(buffer, 80, "02:42:0a:96:%02x:%02x", high, low);
                break;
        default:
                snprintf(buffer, 80, "%019lld", (long long) realtime);
        }
}

void template_fill(const Template *template, unsigned number, int64_t realtime, char *buffer) {
        char values[_MARK_MAX][80];

        for (int kind = 0; kind < _MARK_MAX; kind++)
                format_mark(kind, number, realtime, values[kind]);
        memcpy(buffer, template->text, template->size);
        for (size_t i = 0; i < template->n_marks; i++) {
                int kind = template->marks[i].kind;

                memcpy(buffer + template->marks[i].offset, values[kind], strlen(marks[kind]));
        }
}

unsigned template_number(const char *id) {
        char first[9] = "";
        unsigned number;

        memcpy(first, id, 8);
        number = (uint32_t) strtoul(first, NULL, 16) * gather;
        return number;
}
