/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { CLOCK_SIZE = 8 };

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

static const char *format_clock(uint64_t usec, char buffer[static CLOCK_SIZE]) {
        time_t seconds = (time_t) (usec / 1000000);
        struct tm tm;

        strcpy(buffer, "?");
        if (localtime_r(&seconds, &tm))
                strftime(buffer, CLOCK_SIZE, "%H:%M", &tm);
        return buffer;
}

static void append_kept(size_t ports, char buffer[static STATUS_SIZE]) {
        append(buffer, "%zu port%s kept", ports, plural(ports));
}

static void append_lesser_worries(const StatusFacts *facts, char buffer[static STATUS_SIZE]) {
        char clock[CLOCK_SIZE];

        if (facts->profiles && facts->profiles->away)
                append(buffer, "Calico's datastore is away since %s, ", format_clock(facts->profiles->since, clock));
        if (facts->config_since > 0)
                append(buffer, "The configuration file is bad since %s, ", format_clock(facts->config_since, clock));
}

/* The worst of it, and what is exposed all the same. */
static void append_exposed(const Model *model, const StatusFacts *facts, const ModelCounts *counts,
                           char buffer[static STATUS_SIZE]) {
        char clock[CLOCK_SIZE];

        if (facts->kernel_error < 0) {
                append(buffer, "The kernel refuses changes since %s (%s), ", format_clock(facts->kernel_since, clock),
                       strerror(-facts->kernel_error));
                append_kept(ports_in_kernel(model), buffer);
        } else if (facts->docker->away) {
                append(buffer, "Docker is away since %s, ", format_clock(facts->docker->since, clock));
                append_kept(facts->known ? counts->exposed_ports : ports_in_kernel(model), buffer);
        } else {
                append_lesser_worries(facts, buffer);
                if (facts->known)
                        append(buffer, "%zu port%s of %zu container%s exposed", counts->exposed_ports,
                               plural(counts->exposed_ports), counts->exposed_containers,
                               plural(counts->exposed_containers));
                else
                        append(buffer, "Asking Docker");
        }
}

static void append_count(size_t n, const char *what, const char *ending, char buffer[static STATUS_SIZE]) {
        if (n > 0)
                append(buffer, ", %zu %s%s", n, what, ending);
}

static void append_rules(size_t n, const char *what, char buffer[static STATUS_SIZE]) {
        if (n > 0)
                append(buffer, ", %zu profile rule%s %s", n, plural(n), what);
}

const char *status_format(const Model *model, const StatusFacts *facts, char buffer[static STATUS_SIZE]) {
        ModelCounts counts;

        model_count(model, &counts);
        buffer[0] = '\0';
        append_exposed(model, facts, &counts, buffer);
        append_count(counts.claims[CLAIM_CONFLICT], "conflict", plural(counts.claims[CLAIM_CONFLICT]), buffer);
        append_count(counts.claims[CLAIM_WAITING], "waiting", "", buffer);
        append_count(counts.claims[CLAIM_DENIED] + counts.claims[CLAIM_INVALID], "refused", "", buffer);
        if (facts->profiles) {
                append_rules(facts->profiles->pending, "pending", buffer);
                append_rules(facts->profiles->refused, "refused", buffer);
        }
        return buffer;
}
