/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "daemon/metrics.h"
#include "tests/cmocka.h"

static char *print(const Metrics *metrics) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        int r;

        assert_non_null(file);
        metrics_print(metrics, file);
        r = fclose(file);
        assert_int_equal(r, 0);
        return text;
}

/* As a line of its own. */
static void assert_says(const char *text, const char *line) {
        const char *found = text;
        size_t size = strlen(line);

        while ((found = strstr(found, line))) {
                if ((found == text || found[-1] == '\n') && found[size] == '\n')
                        return;
                found += size;
        }
        fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void test_values(void **state _unused_) {
        Metrics metrics = {
                .version = "1.2.3",
                .start_usec = 1700000000000042,
                .docker_up = true,
                .model = { .exposed_ports = 5, .exposed_containers = 3, .claims = { [CLAIM_CONFLICT] = 1 } },
                .docker = { .events = { [DOCKER_EVENT_START] = 7, [DOCKER_EVENT_DISCONNECT] = 9 },
                            .events_lost = 1,
                            .connections = 2,
                            .requests = { [METRICS_LIST] = 11, [METRICS_INSPECT] = 12, [METRICS_IMAGE] = 13 },
                            .failures = { [METRICS_INSPECT] = 4 } },
                .kernel = { .batches = 21, .added = 22, .removed = 23, .heals = 24, .flows_deleted = 25 },
                .passes = { .changed = 31, .unchanged = 32, .failed = 33 },
                .profiles = { .used = true, .connections = 41, .in_place = 42, .pending = 43, .refused = 44,
                              .pending_since = 1700000001000042 },
        };
        _cleanup_free_ char *text = print(&metrics);
        static const char *const lines[] = {
                "calico_exposed_build_info{version=\"1.2.3\"} 1",
                "calico_exposed_start_time_seconds 1700000000.000042",
                "calico_exposed_docker_up 1",
                "calico_exposed_calico_used 1",
                "calico_exposed_calico_up 0",
                "calico_exposed_calico_connections_total 41",
                "calico_exposed_calico_rules{state=\"in_place\"} 42",
                "calico_exposed_calico_rules{state=\"pending\"} 43",
                "calico_exposed_calico_rules{state=\"refused\"} 44",
                "calico_exposed_calico_pending_since_seconds 1700000001.000042",
                "calico_exposed_claims{state=\"exposed\"} 0",
                "calico_exposed_claims{state=\"conflict\"} 1",
                "calico_exposed_exposed_ports 5",
                "calico_exposed_exposed_containers 3",
                "calico_exposed_docker_events_total{type=\"start\"} 7",
                "calico_exposed_docker_events_total{type=\"disconnect\"} 9",
                "calico_exposed_docker_event_losses_total 1",
                "calico_exposed_docker_connections_total 2",
                "calico_exposed_docker_requests_total{request=\"list\"} 11",
                "calico_exposed_docker_requests_total{request=\"image\"} 13",
                "calico_exposed_docker_request_failures_total{request=\"inspect\"} 4",
                "calico_exposed_table_batches_total 21",
                "calico_exposed_table_elements_total{operation=\"added\"} 22",
                "calico_exposed_table_elements_total{operation=\"removed\"} 23",
                "calico_exposed_table_heals_total 24",
                "calico_exposed_conntrack_deletions_total 25",
                "calico_exposed_reconciles_total{result=\"changed\"} 31",
                "calico_exposed_reconciles_total{result=\"unchanged\"} 32",
                "calico_exposed_reconciles_total{result=\"failed\"} 33",
        };

        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                assert_says(text, lines[i]);
}

static void test_histogram(void **state _unused_) {
        Metrics metrics = { .version = "" };
        _cleanup_free_ char *text = NULL;

        metrics_observe(&metrics.docker.latency, 0);
        metrics_observe(&metrics.docker.latency, 1000); /* a limit belongs to what is below */
        metrics_observe(&metrics.docker.latency, 1001);
        metrics_observe(&metrics.docker.latency, 60000000);
        text = print(&metrics);
        assert_says(text, "# TYPE calico_exposed_event_to_kernel_seconds histogram");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_bucket{le=\"0.001000\"} 2");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_bucket{le=\"0.002500\"} 3");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_bucket{le=\"5.000000\"} 3");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_bucket{le=\"+Inf\"} 4");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_sum 60.002001");
        assert_says(text, "calico_exposed_event_to_kernel_seconds_count 4");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_histogram),
        };

        return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
