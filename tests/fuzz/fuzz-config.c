/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/log.h"
#include "daemon/config.h"
#include "daemon/model/limits.h"
#include "tests/fuzz/fuzz.h"

/* A file without a disk. */
static const char *put_file(const void *data, size_t size) {
        static char path[32];
        static int fd = -1;

        if (fd < 0) {
                fd = memfd_create("fuzz", MFD_CLOEXEC);
                CHECK(fd >= 0);
                snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        }
        CHECK(ftruncate(fd, 0) == 0);
        CHECK(size == 0 || pwrite(fd, data, size, 0) == (ssize_t) size);
        return path;
}

static void check_ports(const PortRange *ports, size_t n) {
        CHECK(n <= CONFIG_LIST_MAX);
        for (size_t i = 0; i < n; i++)
                CHECK(ports[i].first >= 1 && ports[i].first <= ports[i].last);
}

static void check_policy(const Policy *policy) {
        check_ports(policy->ports, policy->n_ports);
        check_ports(policy->reserved, policy->n_reserved);
        CHECK(policy->n_addresses <= CONFIG_LIST_MAX && policy->n_interfaces <= LIMITS_INTERFACES_MAX);
        for (size_t i = 0; i < policy->n_addresses; i++)
                CHECK(policy_permits_address(policy, &policy->addresses[i].address));
        for (size_t i = 0; i < policy->n_interfaces; i++)
                CHECK(limits_interface_is_valid(policy->interfaces[i]));
}

/* The same, as it would be written by hand. */
static char *write_config(const Config *config, size_t *ret_size) {
        const Policy *policy = &config->policy;
        char *text = NULL, prefix[PREFIX_TEXT_SIZE];
        FILE *file = open_memstream(&text, ret_size);

        fprintf(fuzz_must(file), "[Docker]\nSocket=%s\n[Expose]\nReservedPorts=\n", config->docker_socket);
        for (size_t i = 0; i < policy->n_ports; i++)
                fprintf(file, "Ports=%u-%u\n", policy->ports[i].first, policy->ports[i].last);
        for (size_t i = 0; i < policy->n_reserved; i++)
                fprintf(file, "ReservedPorts=%u-%u\n", policy->reserved[i].first, policy->reserved[i].last);
        for (size_t i = 0; i < policy->n_addresses; i++)
                fprintf(file, "Addresses=%s\n", prefix_format(&policy->addresses[i], prefix));
        for (size_t i = 0; i < policy->n_interfaces; i++)
                fprintf(file, "Interfaces=%s\n", policy->interfaces[i]);
        fprintf(file, "ImageLabels=%s\nLocalhost=%s\nMark=%#x/%#x\n[Profile]\nEnforce=%s\n",
                policy->honor_image_labels ? "honor" : "ignore", policy->localhost ? "yes" : "no",
                config->ruleset.mark, config->ruleset.mask, config->ruleset.enforce ? "yes" : "no");
        fclose(file);
        return text;
}

static bool bytes_equal(const void *a, const void *b, size_t n, size_t size) {
        return n == 0 || memcmp(a, b, n * size) == 0;
}

static void check_equal(const Config *a, const Config *b) {
        const Policy *p = &a->policy, *q = &b->policy;

        /* On one line, " ;" begins a comment; on a continued one libinih (55) sees none. */
        CHECK(strchr(a->docker_socket, ';') || strcmp(a->docker_socket, b->docker_socket) == 0);
        CHECK(p->n_ports == q->n_ports && bytes_equal(p->ports, q->ports, p->n_ports, sizeof(*p->ports)));
        CHECK(p->n_reserved == q->n_reserved &&
              bytes_equal(p->reserved, q->reserved, p->n_reserved, sizeof(*p->reserved)));
        CHECK(p->n_addresses == q->n_addresses &&
              bytes_equal(p->addresses, q->addresses, p->n_addresses, sizeof(*p->addresses)));
        CHECK(p->n_interfaces == q->n_interfaces);
        for (size_t i = 0; i < p->n_interfaces; i++)
                CHECK(strcmp(p->interfaces[i], q->interfaces[i]) == 0);
        CHECK(p->honor_image_labels == q->honor_image_labels && p->localhost == q->localhost);
        CHECK(a->ruleset.mark == b->ruleset.mark && a->ruleset.mask == b->ruleset.mask);
        CHECK(a->ruleset.localhost == b->ruleset.localhost && a->ruleset.enforce == b->ruleset.enforce);
}

static void check_written(const Config *config) {
        _cleanup_(config_freep) Config *again = NULL;
        char error[CONFIG_ERROR_SIZE] = "";
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = write_config(config, &size);
        CHECK(config_load(put_file(text, size), &again, error) == 0);
        check_equal(config, again);
}

static void check_config(const Config *config) {
        CHECK(config->docker_socket[0] == '/' && strlen(config->docker_socket) < 108);
        CHECK(config->ruleset.mark != 0 && (config->ruleset.mark & ~config->ruleset.mask) == 0);
        CHECK(config->ruleset.localhost == config->policy.localhost);
        check_policy(&config->policy);
        check_written(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(config_freep) Config *config = NULL;
        char error[CONFIG_ERROR_SIZE] = "";
        int r;

        log_set_max_priority(LOG_ERR); /* unknown keys are warned about */
        r = config_load(put_file(data, size), &config, error);
        CHECK(r == 0 || r == -EINVAL);
        CHECK((r == 0) == !!config);
        if (config)
                check_config(config);
        else {
                CHECK(strstr(error, "expected "));
                fuzz_check_shown(error, sizeof(error));
        }
        return 0;
}
