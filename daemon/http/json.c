/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/json.h"

#include <errno.h>
#include <string.h>

#include "daemon/http/json-memory.h"

#define NUL_ESCAPE "\\u0000"
#define REPLACEMENT_ESCAPE "\\ufffd"

/* A backslash before the escape's own makes it the text "\u0000" instead. */
static bool is_escaped(const char *text, const char *at) {
        size_t backslashes = 0;

        while (at > text && at[-1] == '\\') {
                at--;
                backslashes++;
        }
        return backslashes % 2 == 1;
}

static void replace_nul_escapes(char *text, size_t size) {
        char *at = memchr(text, '\\', size);

        while (at && (at = memmem(at, size - (size_t) (at - text), NUL_ESCAPE, strlen(NUL_ESCAPE)))) {
                if (!is_escaped(text, at))
                        memcpy(at, REPLACEMENT_ESCAPE, strlen(REPLACEMENT_ESCAPE));
                at += strlen(NUL_ESCAPE);
        }
}

static bool is_blank(const char *text) {
        return text[strspn(text, " \t\r\n")] == '\0';
}

int json_parse(const char *text, size_t size, cJSON **ret) {
        _cleanup_(json_freep) cJSON *json = NULL;
        _cleanup_free_ char *copy = NULL;
        const char *end = NULL;

        /* A raw NUL is no JSON, and would hide what follows. */
        if (size == 0 || memchr(text, '\0', size))
                return -EBADMSG;
        /* A copy, for the escapes and so that the text is terminated, whatever cJSON looks at behind a number. */
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, size);
        copy[size] = '\0';
        replace_nul_escapes(copy, size);

        /* cJSON gives NULL for both; only a failed malloc() sets ENOMEM. */
        errno = 0;
        json_memory_begin();
        json = cJSON_ParseWithLengthOpts(copy, size + 1, &end, false);
        json_memory_end();
        if (!json)
                return errno == ENOMEM ? -ENOMEM : -EBADMSG;
        if (!is_blank(end))
                return -EBADMSG;
        *ret = TAKE_PTR(json);
        return 0;
}

const cJSON *json_member(const cJSON *object, const char *name) {
        const cJSON *member = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;

        return cJSON_IsNull(member) ? NULL : member;
}

const char *json_text(const cJSON *object, const char *name) {
        return cJSON_GetStringValue(json_member(object, name));
}

int json_copy_text(const cJSON *object, const char *name, char **ret) {
        const char *text = json_text(object, name);
        char *copy = strndup(text ? text : "", JSON_TEXT_SIZE_MAX);

        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

bool json_is_true(const cJSON *object, const char *name) {
        return cJSON_IsTrue(json_member(object, name));
}

int64_t json_integer(const cJSON *object, const char *name) {
        const cJSON *member = json_member(object, name);

        /* The double nearest to INT64_MAX is 2^63, one too many. NaN fails both comparisons. */
        if (!cJSON_IsNumber(member) || !(member->valuedouble >= (double) INT64_MIN) ||
            !(member->valuedouble < -(double) INT64_MIN))
                return 0;
        return (int64_t) member->valuedouble;
}

int json_container(const cJSON *object, const char *name, int type, const cJSON **ret) {
        const cJSON *member = json_member(object, name);

        if (member && (member->type & 0xff) != type)
                return -EBADMSG;
        *ret = member;
        return 0;
}
