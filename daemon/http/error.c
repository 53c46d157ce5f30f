/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/error.h"

#include <string.h>

#include "common/text.h"
#include "daemon/http/json.h"

const char *http_error_decode(const char *text, size_t text_size, char *buffer, size_t size) {
        _cleanup_(json_freep) cJSON *json = NULL;
        const char *message = NULL;

        if (json_parse(text, text_size, &json) >= 0)
                message = json_text(json, "message");
        if (message) {
                text = message;
                text_size = strlen(message);
        }
        /* Go's http.Error() ends its one line with a newline. */
        while (text_size > 0 && (text[text_size - 1] == '\n' || text[text_size - 1] == '\r'))
                text_size--;
        return text_escape(text, text_size, buffer, size);
}
