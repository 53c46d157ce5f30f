/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* The command line: what can be done, and what each of it takes. Pure. */

/* What was given behind a verb. */
typedef struct VerbArguments {
        bool help;
        bool json;
        const char *operand; /* what the verb wants to know, never empty; NULL where it wants nothing */
} VerbArguments;

typedef struct Verb {
        const char *name;
        const char *operand; /* what it must be given, as the usage names it; NULL: nothing */
        bool json;           /* takes --json */
        const char *help;    /* one line; NULL: not for people */
        int (*run)(const VerbArguments *arguments); /* returns the exit code */
} Verb;

typedef struct Verbs {
        const Verb *items;
        size_t count;
} Verbs;

#define VERB_ERROR_SIZE 512

/* words: the command line without the program's name, ended by NULL. Without any, the first verb is meant. *ret_verb is
 * NULL for --help and --version, which stand for themselves: the other is meant where ret->help is not set. Returns 0, or
 * EX_USAGE: then `error` says in one line what is wrong, where, what was expected, and the nearest that is right. */
int verbs_parse(const Verbs *verbs, const char *const *words, const Verb **ret_verb, VerbArguments *ret,
                char error[static VERB_ERROR_SIZE]);

void verbs_print_usage(const Verbs *verbs, FILE *file);

/* What they are. Each says on standard error what is wrong, and returns an exit code of sysexits.h, or as
 * docs/operations.md lists it. */
int verb_list(const VerbArguments *arguments);
int verb_explain(const VerbArguments *arguments);
int verb_check(const VerbArguments *arguments);
