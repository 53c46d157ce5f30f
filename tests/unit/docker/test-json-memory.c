/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/http/json-memory.h"
#include "daemon/http/json.h"

static const char small[] = "{\"a\":[1,2,{\"b\":\"text\"}]}";

static void parse_small(cJSON **ret) {
        assert_int_equal(json_parse(small, strlen(small), ret), 0);
}

static void assert_small(const cJSON *json) {
        const cJSON *list = json_member(json, "a");

        assert_int_equal(cJSON_GetArraySize(list), 3);
        assert_string_equal(json_text(cJSON_GetArrayItem(list, 2), "b"), "text");
}

/* As many as the block would hold many times over, if nothing came back. */
static void test_one_after_the_other(void **state _unused_) {
        const cJSON *first = NULL;

        for (unsigned i = 0; i < 1000; i++) {
                _cleanup_(json_freep) cJSON *json = NULL;

                parse_small(&json);
                assert_small(json);
                if (i == 0)
                        first = json;
                assert_ptr_equal(json, first);
        }
}

static void test_trees_live_side_by_side(void **state _unused_) {
        enum { TREES = 200 }; /* more than fit */
        cJSON *trees[TREES];

        for (unsigned i = 0; i < TREES; i++)
                parse_small(&trees[i]);
        for (unsigned i = 0; i < TREES; i += 2)
                trees[i] = json_free(trees[i]);
        for (unsigned i = 0; i < TREES; i += 2)
                parse_small(&trees[i]);
        for (unsigned i = 0; i < TREES; i++)
                assert_small(trees[i]);
        for (unsigned i = 0; i < TREES; i++)
                json_free(trees[i]);
        test_one_after_the_other(state);
}

/* A tree larger than all of it, whose last part is a text as large. */
static void test_a_large_tree(void **state _unused_) {
        enum { NUMBERS = 20000, TEXT = 40000 };
        _cleanup_free_ char *text = malloc(2 * NUMBERS + TEXT + 8);
        _cleanup_(json_freep) cJSON *json = NULL;
        char *at = text;

        assert_non_null(text);
        *at++ = '[';
        for (unsigned i = 0; i < NUMBERS; i++, at += 2)
                memcpy(at, "7,", 2);
        *at++ = '"';
        memset(at, 'x', TEXT);
        strcpy(at + TEXT, "\"]");
        assert_int_equal(json_parse(text, strlen(text), &json), 0);
        assert_int_equal(cJSON_GetArraySize(json), NUMBERS + 1);
        assert_int_equal(strlen(cJSON_GetStringValue(cJSON_GetArrayItem(json, NUMBERS))), TEXT);
}

static void test_what_is_no_json_leaves_nothing(void **state _unused_) {
        static const char broken[] = "{\"a\":[1,2,{\"b\":\"text\"}";
        cJSON *json;

        for (unsigned i = 0; i < 1000; i++)
                assert_int_equal(json_parse(broken, strlen(broken), &json), -EBADMSG);
        test_one_after_the_other(NULL);
}

/* A text belongs to whoever asked for it, and values that were added, or taken out, go with their tree. */
static void test_what_is_made_beside_it(void **state _unused_) {
        _cleanup_(json_freep) cJSON *json = NULL;
        _cleanup_free_ char *text = NULL;
        cJSON *list;

        parse_small(&json);
        list = cJSON_GetObjectItemCaseSensitive(json, "a");
        assert_true(cJSON_AddItemToArray(list, cJSON_CreateNumber(4)));
        cJSON_DeleteItemFromArray(list, 0);
        text = cJSON_PrintUnformatted(json);
        assert_string_equal(text, "{\"a\":[2,{\"b\":\"text\"},4]}");
}

static int set_up(void **state _unused_) {
        json_memory_set_up();
        return 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_after_the_other),
                cmocka_unit_test(test_trees_live_side_by_side),
                cmocka_unit_test(test_a_large_tree),
                cmocka_unit_test(test_what_is_no_json_leaves_nothing),
                cmocka_unit_test(test_what_is_made_beside_it),
        };

        return cmocka_run_group_tests_name("json-memory", tests, set_up, NULL);
}
