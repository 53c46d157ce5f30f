/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void append(char buffer[static STATUS_SIZE], const char *format, ...) _printf_(2, 3);

static void append(char buffer[static STATUS_SIZE], const char *format, ...) {
        size_t used = strlen(buffer);
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(buffer + used, STATUS_SIZE - used, format, arguments);
        va_end(arguments);
}

static const char *plural(size_t n) {
        return n == 1 ? "" : "s";
}

/* What stands in the kernel from before: the ports of the address family that has more of them. */
static size_t ports_in_kernel(const Model *model) {
        Elements actual;
        size_t v4 = 0, v6 = 0;

        if (model_copy_actual(model, &actual) < 0)
                return 0;
        for (size_t i = 0; i < actual.count; i++) {
                const Element *element = &actual.items[i];

                if (element_is_translation(element) || element->kind == ELEMENT_DNAT_BALANCE)
                        *(element->family == AF_INET ? &v4 : &v6) += element->ports.last - element->ports.first + 1u;
        }
        elements_done(&actual);
        return MAX(v4, v6);
}

static void append_away(const DockerStatus *docker, size_t ports, char buffer[static STATUS_SIZE]) {
        time_t seconds = (time_t) (docker->since / 1000000);
        char clock[8] = "?";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                strftime(clock, sizeof(clock), "%H:%M", &tm);
        append(buffer, "Docker is away since %s, %zu port%s kept", clock, ports, plural(ports));
}

const char *status_format(const Model *model, bool known, const DockerStatus *docker, char buffer[static STATUS_SIZE]) {
        ModelCounts counts;
        size_t refused;

        model_count(model, &counts);
        refused = counts.claims[CLAIM_DENIED] + counts.claims[CLAIM_INVALID];
        buffer[0] = '\0';
        if (docker->away)
                append_away(docker, known ? counts.exposed_ports : ports_in_kernel(model), buffer);
        else if (!known)
                append(buffer, "Asking Docker");
        else
                append(buffer, "%zu port%s of %zu container%s exposed", counts.exposed_ports,
                       plural(counts.exposed_ports), counts.exposed_containers, plural(counts.exposed_containers));
        if (counts.claims[CLAIM_CONFLICT] > 0)
                append(buffer, ", %zu conflict%s", counts.claims[CLAIM_CONFLICT],
                       plural(counts.claims[CLAIM_CONFLICT]));
        if (counts.claims[CLAIM_WAITING] > 0)
                append(buffer, ", %zu waiting", counts.claims[CLAIM_WAITING]);
        if (refused > 0)
                append(buffer, ", %zu refused", refused);
        return buffer;
}
