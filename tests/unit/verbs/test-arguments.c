/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sysexits.h>

#include "common/macros.h"
#include "daemon/verbs/verb.h"
#include "tests/cmocka.h"

static const Verb items[] = {
        { .name = "run", .help = "the daemon" },
        { .name = "list", .json = true, .help = "all" },
        { .name = "explain", .operand = "CONTAINER", .help = "one" },
        { .name = "hidden" },
};

static const Verbs verbs = { items, ELEMENTSOF(items) };

#define WORDS(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void assert_parsed(const char *const *words, const char *verb, VerbArguments expected) {
        char error[VERB_ERROR_SIZE];
        VerbArguments arguments;
        const Verb *found;

        assert_int_equal(verbs_parse(&verbs, words, &found, &arguments, error), 0);
        if (verb)
                assert_string_equal(found->name, verb);
        else
                assert_null(found);
        assert_int_equal(arguments.help, expected.help);
        assert_int_equal(arguments.json, expected.json);
        assert_string_equal(arguments.operand ?: "", expected.operand ?: "");
}

static void assert_refused(const char *const *words, const char *expected) {
        char error[VERB_ERROR_SIZE];
        VerbArguments arguments;
        const Verb *found;

        assert_int_equal(verbs_parse(&verbs, words, &found, &arguments, error), EX_USAGE);
        assert_string_equal(error, expected);
}

#define EXPECTED "expected run, list, explain, --help or --version"

static void test_verbs(void **state _unused_) {
        assert_parsed(&(const char *) { NULL }, "run", (VerbArguments) {});
        assert_parsed(WORDS("run"), "run", (VerbArguments) {});
        assert_parsed(WORDS("list"), "list", (VerbArguments) {});
        assert_parsed(WORDS("hidden"), "hidden", (VerbArguments) {});
}

static void test_options(void **state _unused_) {
        assert_parsed(WORDS("--help"), NULL, (VerbArguments) { .help = true });
        assert_parsed(WORDS("-h"), NULL, (VerbArguments) { .help = true });
        assert_parsed(WORDS("--version"), NULL, (VerbArguments) {});
        assert_parsed(WORDS("list", "--json"), "list", (VerbArguments) { .json = true });
        assert_parsed(WORDS("list", "--help"), "list", (VerbArguments) { .help = true });
        assert_parsed(WORDS("explain", "-h"), "explain", (VerbArguments) { .help = true });
}

static void test_operand(void **state _unused_) {
        assert_parsed(WORDS("explain", "web"), "explain", (VerbArguments) { .operand = "web" });
        assert_refused(WORDS("explain"), "explain: expected CONTAINER: calico-exposed explain CONTAINER");
        assert_refused(WORDS("explain", ""), "explain: unexpected argument \"\", expected one CONTAINER");
        assert_refused(WORDS("explain", "a", "b"), "explain: unexpected argument \"b\", expected one CONTAINER");
        assert_refused(WORDS("list", "web"), "list: unexpected argument \"web\", expected no more than --help or --json");
}

static void test_mistakes(void **state _unused_) {
        assert_refused(WORDS("lsit"), "unknown argument \"lsit\", " EXPECTED ": did you mean \"list\"?");
        assert_refused(WORDS("help"), "unknown argument \"help\", " EXPECTED ": did you mean \"--help\"?");
        assert_refused(WORDS("list", "json"), "list: unexpected argument \"json\", expected no more than --help or --json");
        assert_refused(WORDS("frobnicate"), "unknown argument \"frobnicate\", " EXPECTED);
        assert_refused(WORDS("--versoin"), "unknown argument \"--versoin\", " EXPECTED ": did you mean \"--version\"?");
        assert_refused(WORDS("--help", "list"), "unknown argument \"list\", " EXPECTED ": did you mean \"list\"?");
        assert_refused(WORDS("list", "--jsno"),
                       "list: unknown argument \"--jsno\", expected --help or --json: did you mean \"--json\"?");
        assert_refused(WORDS("explain", "--json"), "explain: unknown argument \"--json\", expected --help");
        assert_refused(WORDS("a\033[2J"), "unknown argument \"a\\x1b[2J\", " EXPECTED);
}

static void test_usage(void **state _unused_) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        assert_non_null(file);
        verbs_print_usage(&verbs, file);
        fclose(file);
        assert_non_null(strstr(text, "\n  list [--json]        all\n"));
        assert_non_null(strstr(text, "\n  explain CONTAINER    one\n"));
        assert_null(strstr(text, "hidden"));
        free(text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_verbs),   cmocka_unit_test(test_options), cmocka_unit_test(test_operand),
                cmocka_unit_test(test_mistakes), cmocka_unit_test(test_usage),
        };

        return cmocka_run_group_tests_name("arguments", tests, NULL, NULL);
}
