/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/macros.h"
#include "common/text.h"

/* Digits up to a number that no API version reaches. */
static const char *read_number(const char *text, unsigned *ret) {
        unsigned value = 0;

        if (*text < '0' || *text > '9')
                return NULL;
        for (; *text >= '0' && *text <= '9'; text++)
                value = MIN(value * 10 + (unsigned) (*text - '0'), 99999);
        *ret = value;
        return text;
}

static int parse_api_version(const char *text, unsigned *ret_major, unsigned *ret_minor) {
        text = text ? read_number(text, ret_major) : NULL;
        if (!text || *text != '.')
                return -EPROTO;
        text = read_number(text + 1, ret_minor);
        /* Podman 2 writes a third number. */
        return text && (*text == '\0' || *text == '.') ? 0 : -EPROTO;
}

/* "Docker/20.10.24 (linux)", "Libpod/4.3.1 (linux)". */
static void describe_server(const char *server, Engine *engine) {
        char version[ENGINE_VERSION_SIZE - sizeof("Podman ")];
        const char *slash = server ? strchr(server, '/') : NULL;

        if (!slash || slash[1] == '\0') {
                strcpy(engine->version, "unknown");
                return;
        }
        engine->is_podman = strncmp(server, "Libpod/", strlen("Libpod/")) == 0;
        text_escape(slash + 1, strcspn(slash + 1, " "), version, sizeof(version));
        snprintf(engine->version, sizeof(engine->version), "%s%s", engine->is_podman ? "Podman " : "", version);
}

int engine_identify(const char *api_version, const char *server, Engine *ret) {
        Engine engine = {};
        unsigned major, minor;
        int r;

        r = parse_api_version(api_version, &major, &minor);
        if (r < 0)
                return r;
        if (major != API_MAJOR || minor < API_MINOR_MIN)
                return -EPROTONOSUPPORT;
        snprintf(engine.api, sizeof(engine.api), "%d.%u", API_MAJOR, MIN(minor, (unsigned) API_MINOR_MAX));
        describe_server(server, &engine);
        *ret = engine;
        return 0;
}
