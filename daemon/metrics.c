/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/metrics.h"

#include <inttypes.h>

#define PREFIX "calico_exposed_"

/* A Docker event is 1 ms (one request) to some tens of ms away from the kernel; above that something is wrong. */
static const uint64_t limits_usec[METRICS_LIMITS] = { 1000,   2500,   5000,   10000,   25000,
                                                      50000, 100000, 250000, 1000000, 5000000 };

static const char *const event_names[_DOCKER_EVENT_MAX] = {
        [DOCKER_EVENT_START] = "start",           [DOCKER_EVENT_DIE] = "die",
        [DOCKER_EVENT_PAUSE] = "pause",           [DOCKER_EVENT_RENAME] = "rename",
        [DOCKER_EVENT_HEALTH] = "health_status",  [DOCKER_EVENT_DESTROY] = "destroy",
        [DOCKER_EVENT_CONNECT] = "connect",       [DOCKER_EVENT_DISCONNECT] = "disconnect",
};

static const char *const request_names[_METRICS_REQUEST_MAX] = {
        [METRICS_LIST] = "list",
        [METRICS_INSPECT] = "inspect",
        [METRICS_IMAGE] = "image",
};

void metrics_observe(MetricsHistogram *histogram, uint64_t usec) {
        size_t i = 0;

        while (i < METRICS_LIMITS && usec > limits_usec[i])
                i++;
        histogram->counts[i]++;
        histogram->sum_usec += usec;
}

static void print_head(FILE *file, const char *name, const char *type, const char *help) {
        fprintf(file, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

static void print_value(FILE *file, const char *name, uint64_t value) {
        fprintf(file, PREFIX "%s %" PRIu64 "\n", name, value);
}

static void print_labelled(FILE *file, const char *name, const char *label, const char *what, uint64_t value) {
        fprintf(file, PREFIX "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, what, value);
}

static void print_gauge(FILE *file, const char *name, const char *help, uint64_t value) {
        print_head(file, name, "gauge", help);
        print_value(file, name, value);
}

static void print_counter(FILE *file, const char *name, const char *help, uint64_t value) {
        print_head(file, name, "counter", help);
        print_value(file, name, value);
}

static void print_seconds(FILE *file, uint64_t usec) {
        fprintf(file, "%" PRIu64 ".%06" PRIu64, usec / 1000000, usec % 1000000);
}

static void print_process(FILE *file, const Metrics *metrics) {
        print_head(file, "build_info", "gauge", "Always 1; the version is the label.");
        print_labelled(file, "build_info", "version", metrics->version, 1);
        print_head(file, "start_time_seconds", "gauge", "When the daemon was started, in seconds since the epoch.");
        fprintf(file, PREFIX "start_time_seconds ");
        print_seconds(file, metrics->start_usec);
        fputc('\n', file);
}

static void print_model(FILE *file, const ModelCounts *counts) {
        print_head(file, "claims", "gauge", "Entries of labels, by what became of them.");
        for (int state = 0; state < _CLAIM_STATE_MAX; state++)
                print_labelled(file, "claims", "state", claim_state_to_string((ClaimState) state),
                               counts->claims[state]);
        print_gauge(file, "exposed_ports", "Host ports that reach a container.", counts->exposed_ports);
        print_gauge(file, "exposed_containers", "Containers that at least one host port reaches.",
                    counts->exposed_containers);
}

static void print_requests(FILE *file, const char *name, const char *help,
                           const uint64_t values[static _METRICS_REQUEST_MAX]) {
        print_head(file, name, "counter", help);
        for (size_t i = 0; i < _METRICS_REQUEST_MAX; i++)
                print_labelled(file, name, "request", request_names[i], values[i]);
}

/* The format's buckets are cumulative. */
static void print_histogram(FILE *file, const char *name, const char *help, const MetricsHistogram *histogram) {
        uint64_t count = 0;

        print_head(file, name, "histogram", help);
        for (size_t i = 0; i < METRICS_LIMITS; i++) {
                count += histogram->counts[i];
                fprintf(file, PREFIX "%s_bucket{le=\"", name);
                print_seconds(file, limits_usec[i]);
                fprintf(file, "\"} %" PRIu64 "\n", count);
        }
        count += histogram->counts[METRICS_LIMITS];
        fprintf(file, PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n" PREFIX "%s_sum ", name, count, name);
        print_seconds(file, histogram->sum_usec);
        fprintf(file, "\n" PREFIX "%s_count %" PRIu64 "\n", name, count);
}

static void print_docker(FILE *file, const MetricsDocker *docker, bool up) {
        print_gauge(file, "docker_up", "Whether Docker answers.", up);
        print_counter(file, "docker_connections_total", "Connections made to Docker; all but the first are reconnects.",
                      docker->connections);
        print_head(file, "docker_events_total", "counter", "Events received from Docker.");
        for (size_t i = 0; i < _DOCKER_EVENT_MAX; i++)
                print_labelled(file, "docker_events_total", "type", event_names[i], docker->events[i]);
        print_counter(file, "docker_event_losses_total", "Times that events of Docker were lost or unreadable.",
                      docker->events_lost);
        print_requests(file, "docker_requests_total", "Requests to Docker that came to an end.", docker->requests);
        print_requests(file, "docker_request_failures_total", "Requests to Docker that failed.", docker->failures);
        print_histogram(file, "event_to_kernel_seconds",
                        "From an event of Docker to the kernel that is made right, where something changed.",
                        &docker->latency);
}

static void print_kernel(FILE *file, const MetricsKernel *kernel, const MetricsPasses *passes) {
        print_head(file, "reconciles_total", "counter", "Comparisons of what is asked for with the kernel.");
        print_labelled(file, "reconciles_total", "result", "changed", passes->changed);
        print_labelled(file, "reconciles_total", "result", "unchanged", passes->unchanged);
        print_labelled(file, "reconciles_total", "result", "failed", passes->failed);
        print_counter(file, "table_batches_total", "Transactions that changed the table.", kernel->batches);
        print_head(file, "table_elements_total", "counter", "Elements of the table that were changed.");
        print_labelled(file, "table_elements_total", "operation", "added", kernel->added);
        print_labelled(file, "table_elements_total", "operation", "removed", kernel->removed);
        print_counter(file, "table_heals_total", "Times that somebody else's change was undone.", kernel->heals);
        print_counter(file, "conntrack_deletions_total", "Connections that were ended with their exposure.",
                      kernel->flows_deleted);
}

static void print_profiles(FILE *file, const MetricsProfiles *profiles) {
        print_gauge(file, "calico_used", "Whether profile rules are kept in Calico's datastore.", profiles->used);
        print_gauge(file, "calico_up", "Whether Calico's datastore answers.", profiles->up);
        print_counter(file, "calico_connections_total", "Times that Calico's datastore was read whole.",
                      profiles->connections);
        print_head(file, "calico_rules", "gauge", "Profile rules that exposed ports need, by what became of them.");
        print_labelled(file, "calico_rules", "state", "in_place", profiles->in_place);
        print_labelled(file, "calico_rules", "state", "pending", profiles->pending);
        print_labelled(file, "calico_rules", "state", "refused", profiles->refused);
        print_head(file, "calico_pending_since_seconds", "gauge",
                   "Since when the oldest pending rule is, in seconds since the epoch; 0: none is.");
        fprintf(file, PREFIX "calico_pending_since_seconds ");
        print_seconds(file, profiles->pending_since);
        fputc('\n', file);
        print_histogram(file, "exposed_to_rule_seconds",
                        "From an exposed port to its profile rule in Calico's datastore.", &profiles->latency);
}

void metrics_print(const Metrics *metrics, FILE *file) {
        print_process(file, metrics);
        print_model(file, &metrics->model);
        print_docker(file, &metrics->docker, metrics->docker_up);
        print_kernel(file, &metrics->kernel, &metrics->passes);
        print_profiles(file, &metrics->profiles);
}
