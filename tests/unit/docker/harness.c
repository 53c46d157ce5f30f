/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/unit/docker/harness.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define MILLISECONDS UINT64_C(1000)
#define SECONDS (1000 * MILLISECONDS)

uint64_t harness_now(void) {
        return clock_usec(CLOCK_MONOTONIC);
}

static void write_line(Harness *harness, const char *format, ...) _printf_(2, 3);

static void write_line(Harness *harness, const char *format, ...) {
        va_list arguments;
        char *line;

        va_start(arguments, format);
        if (vasprintf(&line, format, arguments) < 0)
                abort();
        va_end(arguments);
        if (harness->n_log == ELEMENTSOF(harness->log))
                abort();
        harness->log[harness->n_log++] = line;
        if (harness->hook)
                harness->hook(harness, line);
}

static void on_connected(void *userdata, const char *version, const char *api) {
        write_line(userdata, "connected %s %s", version, api);
}

static void on_disconnected(void *userdata, const char *reason, uint64_t retry) {
        ((Harness *) userdata)->retry = retry;
        write_line(userdata, "disconnected: %s", reason);
}

static void on_event(void *userdata, const DockerEvent *event) {
        static const char *const names[_DOCKER_EVENT_MAX] = {
                [DOCKER_EVENT_START] = "start",     [DOCKER_EVENT_DIE] = "die",
                [DOCKER_EVENT_PAUSE] = "pause",     [DOCKER_EVENT_RENAME] = "rename",
                [DOCKER_EVENT_HEALTH] = "health",   [DOCKER_EVENT_DESTROY] = "destroy",
                [DOCKER_EVENT_CONNECT] = "connect", [DOCKER_EVENT_DISCONNECT] = "disconnect",
        };

        write_line(userdata, "%s %.4s%s%s%s%s", names[event->action], event->container, *event->network ? " " : "",
                   event->network, event->labelled ? " labelled" : "", event->replayed ? " replayed" : "");
}

static void on_events_lost(void *userdata, const char *reason) {
        write_line(userdata, "lost: %s", reason);
}

static char *describe_ports(const DockerList *list) {
        char address[ADDRESS_TEXT_SIZE], *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);

        for (size_t i = 0; i < list->n_host_ports; i++) {
                const HostPort *port = &list->host_ports[i].host;

                fprintf(file, "%s %u %s %s %s;", protocol_to_string(port->protocol), port->port,
                        port->family == AF_INET ? "IPv4" : port->family == AF_INET6 ? "IPv6" : "both",
                        address_format(&port->address, address), port->user);
        }
        fclose(file);
        return text;
}

static void on_row(void *userdata, Container *container) {
        Harness *harness = userdata;
        size_t used = strlen(harness->rows);

        harness->n_rows++;
        snprintf(harness->rows + used, sizeof(harness->rows) - used, " %.4s", container->id);
        container_free(container);
        if (harness->row_hook)
                harness->row_hook(harness);
}

static void on_listed(void *userdata, DockerList *list, int error, const char *reason) {
        Harness *harness = userdata;
        char rows[sizeof(harness->rows)];
        size_t n = harness->n_rows;

        strcpy(rows, harness->rows);
        harness->rows[0] = '\0';
        harness->n_rows = 0;
        if (!list) {
                assert_true(error < 0);
                harness->n_broken = n;
                write_line(userdata, "list failed: %s", reason);
                return;
        }
        assert_int_equal(error, 0);
        free(harness->host_ports);
        harness->host_ports = describe_ports(list);
        if (list->n_host_ports % 2 == 1)
                free(TAKE_PTR(list->host_ports));
        write_line(userdata, "listed %zu%s%s", n, rows, list->truncated ? " truncated" : "");
}

static void on_inspected(void *userdata, const char *id, DockerInspectOutcome outcome, Container *container,
                         const char *reason) {
        assert_int_equal(!!container, outcome == DOCKER_INSPECT_OK);
        if (container)
                assert_string_equal(container->id, id);
        container_free(container);
        if (outcome == DOCKER_INSPECT_OK)
                write_line(userdata, "inspected %.4s", id);
        else
                write_line(userdata, "inspect %.4s %s: %s", id, outcome == DOCKER_INSPECT_GONE ? "gone" : "failed",
                           reason);
}

static void on_image(void *userdata, const char *image_id, DockerInspectOutcome outcome, const ContainerLabel *labels,
                     size_t n_labels, const char *reason) {
        char text[512] = "";

        if (outcome != DOCKER_INSPECT_OK) {
                assert_null(labels);
                assert_int_equal(n_labels, 0);
                write_line(userdata, "image %.11s %s: %s", image_id,
                           outcome == DOCKER_INSPECT_GONE ? "gone" : "failed", reason);
                return;
        }
        for (size_t i = 0; i < n_labels; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s=%s", labels[i].key, labels[i].value);
        write_line(userdata, "image %.11s%s", image_id, text);
}

int harness_setup(void **state) {
        Harness *harness = calloc(1, sizeof(*harness));

        if (!harness || sd_event_new(&harness->event) < 0)
                return -1;
        strcpy(harness->directory, "/tmp/docker-test-XXXXXX");
        if (!mkdtemp(harness->directory))
                return -1;
        snprintf(harness->socket, sizeof(harness->socket), "%s/docker.sock", harness->directory);
        /* What fails is tried again at once; what would only end a hang is long, but where a test is about it. */
        harness->times = (DockerTimes) {
                .ping = HARNESS_PATIENCE,
                .subscribe = HARNESS_PATIENCE,
                .list = HARNESS_PATIENCE,
                .inspect = HARNESS_PATIENCE,
                .probe_interval = 3600UL * SECONDS,
                .probe_again = 10 * MILLISECONDS,
                .backoff_minimum = 10 * MILLISECONDS,
                .backoff_maximum = 40 * MILLISECONDS,
                .gap = 10 * MILLISECONDS,
                .settle = 1 * MILLISECONDS,
                .stable = 3600UL * SECONDS,
                .replay = 3600UL * SECONDS,
        };
        *state = harness;
        return 0;
}

int harness_teardown(void **state) {
        Harness *harness = *state;

        docker_client_free(harness->client);
        fake_engine_free(harness->engine);
        sd_event_unref(harness->event);
        for (size_t i = 0; i < harness->n_log; i++)
                free(harness->log[i]);
        free(harness->host_ports);
        (void) unlink(harness->socket);
        (void) rmdir(harness->directory);
        free(harness);
        return 0;
}

void harness_start_engine(Harness *harness) {
        harness->engine = fake_engine_new(harness->event, harness->socket);
}

int harness_try_client(Harness *harness) {
        const DockerHandlers handlers = {
                .connected = on_connected,
                .disconnected = on_disconnected,
                .event = on_event,
                .events_lost = on_events_lost,
                .row = on_row,
                .listed = on_listed,
                .inspected = on_inspected,
                .image = harness->without_image ? NULL : on_image,
        };
        int r;

        r = docker_client_new(harness->event, harness->socket, &handlers, harness, &harness->client);
        if (r >= 0)
                docker_client_set_times(harness->client, &harness->times);
        return r;
}

void harness_start_client(Harness *harness) {
        assert_int_equal(harness_try_client(harness), 0);
}

void harness_connect(Harness *harness) {
        harness_start_engine(harness);
        harness_start_client(harness);
        harness_expect_prefix(harness, "connected ");
}

void harness_step(Harness *harness) {
        assert_true(sd_event_run(harness->event, 10 * MILLISECONDS) >= 0);
        assert_int_not_equal(sd_event_get_state(harness->event), SD_EVENT_EXITING);
}

static const char *next_line(Harness *harness, const char *awaited) {
        uint64_t deadline = harness_now() + HARNESS_PATIENCE;

        while (harness->seen == harness->n_log) {
                if (harness_now() > deadline)
                        fail_msg("waited in vain for \"%s\"", awaited);
                harness_step(harness);
        }
        return harness->log[harness->seen++];
}

void harness_expect(Harness *harness, const char *line) {
        assert_string_equal(next_line(harness, line), line);
}

void harness_expect_prefix(Harness *harness, const char *prefix) {
        const char *line = next_line(harness, prefix);

        if (strncmp(line, prefix, strlen(prefix)) != 0)
                assert_string_equal(line, prefix);
}

void harness_expect_silence(Harness *harness, uint64_t microseconds) {
        uint64_t deadline = harness_now() + microseconds;

        while (harness_now() < deadline)
                harness_step(harness);
        if (harness->seen < harness->n_log)
                fail_msg("unexpected: %s", harness->log[harness->seen]);
}
