/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/docker/splitter.h"

/* Small enough that a short input gets over them: so the source is compiled once more, here. */
#undef LINE_SIZE_MAX
#undef OBJECT_SIZE_MAX
#undef LIST_SIZE_MAX
#define LINE_SIZE_MAX 24
#define OBJECT_SIZE_MAX ((size_t) 32)
#define LIST_SIZE_MAX ((uint64_t) 256)

#include "daemon/docker/splitter.c" /* NOLINT(bugprone-suspicious-include): see above */
#include "tests/fuzz/fuzz.h"

/* The first bytes of the input say which splitter it is, when its handler fails, and in what chunks the rest comes. */
typedef struct Scenario {
        bool array;
        unsigned failure; /* the number of the piece at which the handler fails; 0: never */
        uint8_t chunks[4]; /* their sizes, in turn; 0: all that is left */
        const char *body;
        size_t size;
} Scenario;

/* The pieces, one behind the other: each with its size, or SKIPPED. */
enum { SKIPPED = UINT32_MAX };
typedef struct Pieces {
        TextBuffer log;
        unsigned count, failure;
} Pieces;

static void pieces_append(Pieces *pieces, const void *data, size_t size) {
        CHECK(text_buffer_append(&pieces->log, data, size, SIZE_MAX) == 0);
}

static int on_piece(void *userdata, const char *text, size_t size) {
        Pieces *pieces = userdata;
        uint32_t mark = text ? (uint32_t) size : SKIPPED;

        CHECK(text ? size > 0 : size == 0);
        if (++pieces->count == pieces->failure)
                return -ECANCELED;
        pieces_append(pieces, &mark, sizeof(mark));
        if (text)
                pieces_append(pieces, text, size);
        return 0;
}

typedef union Splitter {
        LineSplitter line;
        ArraySplitter array;
} Splitter;

static int feed(const Scenario *scenario, Splitter *splitter, const char *data, size_t size, Pieces *pieces) {
        /* What it keeps must be copies, and what it reads the chunk's alone. */
        char *chunk = fuzz_copy(data, size);
        int r = scenario->array ? array_splitter_feed(&splitter->array, chunk, size, on_piece, pieces)
                                : line_splitter_feed(&splitter->line, chunk, size, on_piece, pieces);

        free(chunk);
        return r;
}

static int split(const Scenario *scenario, const uint8_t *chunks, size_t n_chunks, Pieces *pieces,
                 bool *ret_complete) {
        Splitter splitter = {};
        size_t at = 0;
        int r = 0;

        pieces->failure = scenario->failure;
        for (size_t i = 0; at < scenario->size && r >= 0; i++) {
                size_t left = scenario->size - at;
                size_t size = chunks[i % n_chunks] ? MIN(left, (size_t) chunks[i % n_chunks]) : left;

                r = feed(scenario, &splitter, scenario->body + at, size, pieces);
                at += size;
        }
        CHECK(r == 0 || r == -EBADMSG || r == -EMSGSIZE || r == -ECANCELED);
        CHECK((r == -ECANCELED) == (pieces->failure != 0 && pieces->count == pieces->failure));
        *ret_complete = r == 0 && scenario->array && array_splitter_is_complete(&splitter.array);
        if (scenario->array)
                array_splitter_done(&splitter.array);
        else
                line_splitter_done(&splitter.line);
        return r;
}

/* What the header says, read plainly: with all of the body at hand. */

static int split_lines_plainly(const Scenario *scenario, Pieces *pieces) {
        const char *at = scenario->body, *end = scenario->body + scenario->size;

        pieces->failure = scenario->failure;
        while (at < end) {
                const char *newline = memchr(at, '\n', (size_t) (end - at));
                size_t size = (size_t) ((newline ?: end) - at);
                int r = 0;

                if (size > LINE_SIZE_MAX)
                        r = on_piece(pieces, NULL, 0);
                else if (newline && size > 0)
                        r = on_piece(pieces, at, size);
                if (r < 0)
                        return r;
                at += size + 1;
        }
        return 0;
}

static const char *string_end(const char *at, const char *end) {
        while (at < end && *at != '"')
                at += *at == '\\' && at + 1 < end ? 2 : 1;
        return at < end ? at + 1 : end;
}

/* Behind the object that begins there, or NULL if it does not end. */
static const char *object_end(const char *at, const char *end) {
        for (int depth = 0; at < end;) {
                char c = *at++;

                if (c == '"')
                        at = string_end(at, end);
                depth += (c == '{' || c == '[') - (c == '}' || c == ']');
                if (depth == 0)
                        return at;
        }
        return NULL;
}

static const char *skip_blanks(const char *at, const char *end) {
        while (at < end && memchr(" \t\r\n", *at, 4))
                at++;
        return at;
}

/* One object, of which all may be missing that stands behind `end`. Returns what follows; NULL: nothing does. */
static const char *split_object_plainly(const char *at, const char *end, Pieces *pieces, int *r) {
        const char *behind = object_end(at, end);
        size_t size = (size_t) ((behind ?: end) - at);

        if (size > OBJECT_SIZE_MAX)
                *r = on_piece(pieces, NULL, 0);
        else if (behind)
                *r = on_piece(pieces, at, size);
        return behind;
}

static int split_array_plainly(const Scenario *scenario, Pieces *pieces, bool *ret_complete) {
        const char *end = scenario->body + scenario->size, *at = skip_blanks(scenario->body, end);
        char before = '\0'; /* what stood there last that is no blank: '}' for an object */
        int r = 0;

        pieces->failure = scenario->failure;
        *ret_complete = false;
        for (; at && at < end && r >= 0; at = at ? skip_blanks(at, end) : NULL) {
                if (*at == '{' && (before == '[' || before == ',')) {
                        at = split_object_plainly(at, end, pieces, &r);
                        before = '}';
                        continue;
                }
                if (!(*at == '[' && before == '\0') && !(*at == ',' && before == '}') &&
                    !(*at == ']' && (before == '[' || before == '}')))
                        return -EBADMSG;
                before = *at++;
        }
        *ret_complete = r >= 0 && before == ']';
        return r;
}

static void check_same(const Pieces *a, const Pieces *b) {
        CHECK(a->count == b->count);
        CHECK(a->log.size == b->log.size);
        CHECK(a->log.size == 0 || memcmp(a->log.text, b->log.text, a->log.size) == 0);
}

/* In one chunk, in those that the scenario says, and plainly: the same. */
static void check_scenario(const Scenario *scenario, Pieces whole[static 1], Pieces chunked[static 1],
                           Pieces plain[static 1]) {
        bool complete = false, complete_chunked = false, complete_plain = false;
        int r = split(scenario, &(uint8_t) { 0 }, 1, whole, &complete);
        int r_chunked = split(scenario, scenario->chunks, ELEMENTSOF(scenario->chunks), chunked, &complete_chunked);
        int r_plain;

        /* A list that is too large is refused with the chunk that makes it so, whatever is in it. */
        if (scenario->array && scenario->size > LIST_SIZE_MAX) {
                CHECK(r == -EMSGSIZE && whole->count == 0 && r_chunked < 0);
                return;
        }
        r_plain = scenario->array ? split_array_plainly(scenario, plain, &complete_plain)
                                  : split_lines_plainly(scenario, plain);
        CHECK(r == r_chunked && r == r_plain);
        CHECK(complete == complete_chunked && complete == complete_plain);
        check_same(whole, chunked);
        check_same(whole, plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        Scenario scenario = { .array = fuzz_take_byte(&input) & 1 };
        Pieces whole = {}, chunked = {}, plain = {};

        scenario.failure = fuzz_take_byte(&input) % 8;
        fuzz_take(&input, scenario.chunks, sizeof(scenario.chunks));
        scenario.body = (const char *) input.data;
        scenario.size = input.size;
        check_scenario(&scenario, &whole, &chunked, &plain);
        text_buffer_done(&whole.log);
        text_buffer_done(&chunked.log);
        text_buffer_done(&plain.log);
        return 0;
}
