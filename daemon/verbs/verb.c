/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/verb.h"

#include <string.h>
#include <sysexits.h>

#include "common/macros.h"
#include "common/text.h"

enum { VERBS_MAX = 16, SHOWN_WORD_SIZE = 64, EXPECTED_SIZE = 256 };

static const char *const options[] = { "--help", "--json" };
static const char *const own_options[] = { "--help", "--version" };

/* "run, list, explain CONTAINER or check" */
static void format_expected(const char *const *words, size_t n, char *buffer, size_t size) {
        size_t used = 0;

        buffer[0] = '\0';
        for (size_t i = 0; i < n && used < size; i++)
                used += (size_t) snprintf(buffer + used, size - used, "%s%s",
                                          i == 0 ? "" : i + 1 == n ? " or " : ", ", words[i]);
}

/* where: "" or the verb with a colon. */
static int refuse(const char *where, const char *what, const char *const *words, size_t n,
                  char error[static VERB_ERROR_SIZE]) {
        char shown[SHOWN_WORD_SIZE], expected[EXPECTED_SIZE], option[SHOWN_WORD_SIZE];
        const char *nearest = text_nearest(what, words, n);

        if (!nearest) { /* "help" is nearer to "--help" than it looks */
                snprintf(option, sizeof(option), "--%s", what);
                nearest = text_nearest(option, words, n);
        }
        format_expected(words, n, expected, sizeof(expected));
        text_escape(what, strlen(what), shown, sizeof(shown));
        if (nearest)
                snprintf(error, VERB_ERROR_SIZE, "%sunknown argument \"%s\", expected %s: did you mean \"%s\"?", where,
                         shown, expected, nearest);
        else
                snprintf(error, VERB_ERROR_SIZE, "%sunknown argument \"%s\", expected %s", where, shown, expected);
        return EX_USAGE;
}

static int refuse_verb(const Verbs *verbs, const char *word, char error[static VERB_ERROR_SIZE]) {
        const char *words[VERBS_MAX + ELEMENTSOF(own_options)];
        size_t n = 0;

        for (size_t i = 0; i < verbs->count && n < VERBS_MAX; i++)
                if (verbs->items[i].help)
                        words[n++] = verbs->items[i].name;
        for (size_t i = 0; i < ELEMENTSOF(own_options); i++)
                words[n++] = own_options[i];
        return refuse("", word, words, n, error);
}

static int refuse_argument(const Verb *verb, const char *word, char error[static VERB_ERROR_SIZE]) {
        size_t n_options = verb->json ? ELEMENTSOF(options) : 1;
        char where[32], shown[SHOWN_WORD_SIZE], expected[EXPECTED_SIZE];

        snprintf(where, sizeof(where), "%.24s: ", verb->name);
        if (*word == '-')
                return refuse(where, word, options, n_options, error);
        format_expected(options, n_options, expected, sizeof(expected));
        snprintf(error, VERB_ERROR_SIZE, "%sunexpected argument \"%s\", expected %s%s", where,
                 text_escape(word, strlen(word), shown, sizeof(shown)), verb->operand ? "one " : "no more than ",
                 verb->operand ?: expected);
        return EX_USAGE;
}

static int parse_words(const Verb *verb, const char *const *words, VerbArguments *arguments,
                       char error[static VERB_ERROR_SIZE]) {
        for (; *words; words++) {
                if (strcmp(*words, "--help") == 0 || strcmp(*words, "-h") == 0)
                        arguments->help = true;
                else if (verb->json && strcmp(*words, "--json") == 0)
                        arguments->json = true;
                else if (verb->operand && !arguments->operand && **words && **words != '-')
                        arguments->operand = *words;
                else
                        return refuse_argument(verb, *words, error);
        }
        if (!verb->operand || arguments->operand || arguments->help)
                return 0;
        snprintf(error, VERB_ERROR_SIZE, "%s: expected %s: calico-exposed %s %s", verb->name, verb->operand, verb->name,
                 verb->operand);
        return EX_USAGE;
}

static const Verb *find_verb(const Verbs *verbs, const char *name) {
        for (size_t i = 0; i < verbs->count; i++)
                if (strcmp(verbs->items[i].name, name) == 0)
                        return &verbs->items[i];
        return NULL;
}

static bool is_own_option(const char *word, VerbArguments *arguments) {
        arguments->help = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
        return arguments->help || strcmp(word, "--version") == 0;
}

int verbs_parse(const Verbs *verbs, const char *const *words, const Verb **ret_verb, VerbArguments *ret,
                char error[static VERB_ERROR_SIZE]) {
        VerbArguments arguments = {};
        const Verb *verb = NULL;
        int r = 0;

        if (!*words)
                verb = &verbs->items[0];
        else if (is_own_option(*words, &arguments)) {
                if (words[1])
                        r = refuse_verb(verbs, words[1], error);
        } else {
                verb = find_verb(verbs, *words);
                r = verb ? parse_words(verb, words + 1, &arguments, error) : refuse_verb(verbs, *words, error);
        }
        if (r != 0)
                return r;
        *ret_verb = verb;
        *ret = arguments;
        return 0;
}

void verbs_print_usage(const Verbs *verbs, FILE *file) {
        fputs("Usage: calico-exposed [run]\n"
              "       calico-exposed VERB [ARGUMENT]\n"
              "\n"
              "Exposes ports of Docker containers on this host, as their labels say:\n"
              "    docker run --label calico.expose=80 ...\n"
              "\n",
              file);
        for (size_t i = 0; i < verbs->count; i++) {
                const Verb *verb = &verbs->items[i];
                char form[48];

                if (!verb->help)
                        continue;
                snprintf(form, sizeof(form), "%s%s%s%s", verb->name, verb->operand ? " " : "", verb->operand ?: "",
                         verb->json ? " [--json]" : "");
                fprintf(file, "  %-20s %s\n", form, verb->help);
        }
        fputs("  --help               this text\n"
              "  --version            the version\n",
              file);
}
