/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/text.h"
#include "daemon/docker/decode.h"
#include "daemon/docker/timestamp.h"
#include "daemon/http/error.h"
#include "daemon/http/json.h"
#include "daemon/model/labels.h"
#include "tests/fuzz/fuzz.h"

/* Small texts from outside, as they are and as strings of JSON: what is shown of them, and what is read from them. */

static void check_escape(const char *text, size_t text_size, size_t room) {
        _cleanup_free_ char *all = fuzz_must(malloc(text_size * 4 + 4)), *cut = fuzz_must(malloc(room));
        size_t kept;

        CHECK(text_escape(text, text_size, all, text_size * 4 + 4) == all);
        fuzz_check_shown(all, text_size * 4 + 4);
        CHECK(text_escape(text, text_size, cut, room) == cut);
        fuzz_check_shown(cut, room);
        if (strcmp(all, cut) == 0)
                return;
        /* It had to be cut, and as much as fits stays: but for the dots and the rest of one character's escape. */
        kept = strlen(cut) - strlen("...");
        CHECK(strlen(all) >= room && strlen(cut) >= strlen("...") && strcmp(cut + kept, "...") == 0);
        CHECK(strncmp(all, cut, kept) == 0);
        CHECK(kept + strlen("...") + 16 > room - 1);
}

static void check_address(const char *text) {
        Address address, again;
        char buffer[ADDRESS_TEXT_SIZE];
        struct in6_addr v6;

        if (address_parse(text, &address) < 0)
                return;
        CHECK(address_size(address.family) > 0);
        memcpy(&v6, address.bytes, sizeof(v6));
        CHECK(address.family == AF_INET || !IN6_IS_ADDR_V4MAPPED(&v6));
        CHECK(address_parse(address_format(&address, buffer), &again) == 0);
        CHECK(address_compare(&address, &again) == 0);
}

static void check_prefix(const char *text) {
        char buffer[PREFIX_TEXT_SIZE];
        Prefix prefix, again;
        Address masked;

        if (prefix_parse(text, &prefix) < 0)
                return;
        CHECK(prefix.length <= address_size(prefix.address.family) * 8);
        masked = address_masked(&prefix.address, prefix.length);
        CHECK(address_compare(&masked, &prefix.address) == 0);
        CHECK(prefix_contains(&prefix, &prefix.address));
        CHECK(prefix_parse(prefix_format(&prefix, buffer), &again) == 0);
        CHECK(prefix_compare(&prefix, &again) == 0);
}

static void check_timestamp(const char *text) {
        Timestamp timestamp;

        if (timestamp_parse(text, &timestamp) < 0)
                return;
        CHECK(timestamp.nanoseconds < 1000000000);
        CHECK(timestamp_to_nanoseconds(&timestamp) >= 0);
}

static void check_nearest(const char *key) {
        const char *nearest = label_nearest(key);

        CHECK(!nearest || label_is_known(nearest));
        CHECK(!label_is_known(key) || (nearest && strcmp(nearest, key) == 0));
}

/* As Docker writes it: control characters, quotes and backslashes escaped, all else as it is. */
static char *write_json(const char *text, size_t size) {
        char *json = fuzz_must(malloc(size * 6 + sizeof("{\"message\":\"\"}"))), *at = json;

        at = stpcpy(at, "{\"message\":\"");
        for (size_t i = 0; i < size; i++) {
                if ((unsigned char) text[i] < 0x20)
                        at += sprintf(at, "\\u%04x", (unsigned) text[i]);
                else if (text[i] == '"' || text[i] == '\\')
                        at += sprintf(at, "\\%c", text[i]);
                else
                        *at++ = text[i];
        }
        strcpy(at, "\"}");
        return json;
}

/* Nothing of a string is lost on the way through JSON, and a NUL in it ends nothing. */
static void check_json(const char *text, size_t size) {
        _cleanup_free_ char *written = write_json(text, size);
        _cleanup_(json_freep) cJSON *json = NULL;
        const char *read;

        CHECK(json_parse(written, strlen(written), &json) == 0);
        read = json_text(json, "message");
        CHECK(read);
        for (size_t i = 0; i < size; i++) {
                if (text[i] != '\0')
                        CHECK(*read++ == text[i]);
                else {
                        CHECK(strncmp(read, "\xef\xbf\xbd", 3) == 0);
                        read += 3;
                }
        }
        CHECK(*read == '\0');
}

static void check_error(const char *text, size_t text_size, size_t room) {
        _cleanup_free_ char *shown = fuzz_must(malloc(room));

        CHECK(http_error_decode(text, text_size, shown, room) == shown);
        fuzz_check_shown(shown, room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FuzzInput input = { data, size };
        size_t room = 4 + fuzz_take_byte(&input) % 64u;
        const char *bytes = (const char *) input.data;
        _cleanup_free_ char *text = fuzz_text(bytes, input.size);

        check_escape(bytes, input.size, room);
        check_error(bytes, input.size, room);
        check_json(bytes, input.size);
        check_address(text);
        check_prefix(text);
        check_timestamp(text);
        check_nearest(text);
        return 0;
}
