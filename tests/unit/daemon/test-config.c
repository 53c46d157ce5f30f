/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/config.h"
#include "tests/cmocka.h"

static int load(const char *text, Config **ret, char error[static CONFIG_ERROR_SIZE]) {
        char path[] = "/tmp/test-config-XXXXXX";
        int fd = mkstemp(path), r;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close(fd);
        r = config_load(path, ret, error);
        unlink(path);
        return r;
}

static Config *good(const char *text) {
        char error[CONFIG_ERROR_SIZE] = "";
        Config *config = NULL;

        if (load(text, &config, error) < 0)
                fail_msg("%s", error);
        return config;
}

static void test_defaults(void **state _unused_) {
        char error[CONFIG_ERROR_SIZE];
        _cleanup_(config_freep) Config *config = NULL;

        assert_int_equal(config_load("/nonexistent/calico-exposed.conf", &config, error), 0);
        assert_string_equal(config->docker_socket, "/run/docker.sock");
        assert_true(policy_permits_ports(&config->policy, (PortRange) { 1, 65535 }));
        assert_int_equal(policy_find_reserved(&config->policy, (PortRange) { 1, 65535 }), 22);
        assert_int_equal(config->policy.n_addresses, 0);
        assert_int_equal(config->policy.n_interfaces, 0);
        assert_false(config->policy.honor_image_labels);
        assert_true(config->policy.localhost);
        assert_true(config->ruleset.localhost);
        assert_false(config->ruleset.enforce);
        assert_int_equal(config->ruleset.mark, 0x80);
        assert_int_equal(config->ruleset.mask, 0x80);
}

static void test_all_keys(void **state _unused_) {
        _cleanup_(config_freep) Config *config = good("# a comment\n"
                                                      "[Docker]\n"
                                                      "Socket = /run/podman/podman.sock\n"
                                                      "; another\n"
                                                      "[Expose]\n"
                                                      "Interfaces=eth0, wg0\n"
                                                      "Addresses=192.0.2.1 2001:db8::/64\n"
                                                      "Ports=80,8000-8999\n"
                                                      "ReservedPorts=8080\n"
                                                      "ReservedPorts=8443\n"
                                                      "ImageLabels=honor\n"
                                                      "Localhost=no\n"
                                                      "Mark=0x100/0x300\n"
                                                      "[Profile]\n"
                                                      "Enforce=yes\n");
        const Policy *policy = &config->policy;

        assert_string_equal(config->docker_socket, "/run/podman/podman.sock");
        assert_int_equal(policy->n_interfaces, 2);
        assert_string_equal(policy->interfaces[1], "wg0");
        assert_int_equal(policy->n_addresses, 2);
        assert_int_equal(policy->n_ports, 2);
        assert_int_equal(policy->ports[1].last, 8999);
        assert_int_equal(policy->n_reserved, 2);
        assert_int_equal(policy_find_reserved(policy, (PortRange) { 22, 22 }), 0);
        assert_true(policy->honor_image_labels);
        assert_false(config->ruleset.localhost);
        assert_int_equal(config->ruleset.mark, 0x100);
        assert_int_equal(config->ruleset.mask, 0x300);
        assert_true(config->ruleset.enforce);
}

static void test_calico_defaults(void **state _unused_) {
        _cleanup_(config_freep) Config *off = good("[Profile]\nCaFile=/nonexistent\nUser=u\n");
        _cleanup_(config_freep) Config *config = good("[Profile]\nBackend=calico-v1\nHostname=\nEndpoints=\n");
        char name[256] = "";

        assert_false(off->calico.enabled);
        assert_true(config->calico.enabled);
        assert_int_equal(config->calico.scope, CALICO_SCOPE_ENDPOINT);
        assert_int_equal(config->calico.n_endpoints, 1);
        assert_string_equal(config->calico.endpoints[0], "http://127.0.0.1:2379");
        assert_int_equal(gethostname(name, sizeof(name) - 1), 0);
        assert_string_equal(config->calico.hostname, name);
        assert_null(config->calico.ca_file);
        assert_null(config->calico.user);
        assert_null(config->calico.password);
}

static void test_calico(void **state _unused_) {
        char path[] = "/tmp/test-config-XXXXXX", text[1024];
        int fd = mkstemp(path);
        _cleanup_(config_freep) Config *config = NULL;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, " s:e cret\n", 10), 10);
        close(fd);
        snprintf(text, sizeof(text),
                 "[Profile]\nBackend=Calico-V1\nScope=Profile\n"
                 "Endpoints=https://192.0.2.1:2379/, http://[2001:db8::1]:4001\nEndpoints=http://etcd.example\n"
                 "CaFile=%s\nCertFile=%s\nKeyFile=%s\nUser=calico\nPasswordFile=%s\nHostname=node-1.example\n",
                 path, path, path, path);
        config = good(text);
        unlink(path);
        assert_int_equal(config->calico.scope, CALICO_SCOPE_PROFILE);
        assert_int_equal(config->calico.n_endpoints, 3);
        assert_string_equal(config->calico.endpoints[0], "https://192.0.2.1:2379");
        assert_string_equal(config->calico.endpoints[1], "http://[2001:db8::1]:4001");
        assert_string_equal(config->calico.endpoints[2], "http://etcd.example");
        assert_string_equal(config->calico.ca_file, path);
        assert_string_equal(config->calico.user, "calico");
        assert_string_equal(config->calico.password, " s:e cret");
        assert_string_equal(config->calico.hostname, "node-1.example");
}

static void test_empty_lists(void **state _unused_) {
        _cleanup_(config_freep) Config *config = good("[Expose]\nReservedPorts=22,443\nReservedPorts=\n"
                                                      "Ports=22\nPorts=\nPorts=80\n"
                                                      "Interfaces=eth0\nInterfaces=\n"
                                                      "Addresses=192.0.2.1\nAddresses=\n");

        assert_int_equal(config->policy.n_reserved, 0);
        assert_true(policy_permits_ports(&config->policy, (PortRange) { 80, 80 }));
        assert_false(policy_permits_ports(&config->policy, (PortRange) { 22, 22 }));
        assert_int_equal(config->policy.n_interfaces, 0);
        assert_int_equal(config->policy.n_addresses, 0);
}

/* Nobody writes to it, and the daemon must not wait for that. */
static void test_pipes(void **state _unused_) {
        char path[] = "/tmp/test-config-XXXXXX", text[128], error[CONFIG_ERROR_SIZE] = "";
        Config *config = NULL;

        assert_non_null(mkdtemp(path));
        snprintf(text, sizeof(text), "%s/pipe", path);
        assert_int_equal(mkfifo(text, 0600), 0);
        assert_int_equal(config_load(text, &config, error), -ESPIPE);
        assert_non_null(strstr(error, "expected a file, not a pipe"));
        snprintf(text, sizeof(text), "[Profile]\nBackend=calico-v1\nUser=a\nPasswordFile=%s/pipe\n", path);
        assert_int_equal(load(text, &config, error), -EINVAL);
        snprintf(text, sizeof(text), "%s/pipe", path);
        assert_int_equal(unlink(text), 0);
        assert_int_equal(rmdir(path), 0);
}

static void test_mark_alone_is_its_mask(void **state _unused_) {
        _cleanup_(config_freep) Config *config = good("[Expose]\nMark=4096\n");

        assert_int_equal(config->ruleset.mark, 0x1000);
        assert_int_equal(config->ruleset.mask, 0x1000);
}

/* What reading it writes on standard error, behind the file's name. */
static void read_warning(const char *text, char *buffer, size_t size) {
        _cleanup_(config_freep) Config *config = NULL;
        FILE *file = tmpfile();
        int before = dup(STDERR_FILENO);

        assert_non_null(file);
        assert_true(before >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
        config = good(text);
        assert_true(dup2(before, STDERR_FILENO) >= 0);
        close(before);
        assert_return_code(fseek(file, 0, SEEK_SET), errno);
        assert_non_null(fgets(buffer, (int) size, file));
        fclose(file);
        assert_int_equal(config->policy.n_ports, 1);
}

static void test_unknown_keys_are_warned_about(void **state _unused_) {
        static const struct {
                const char *text, *expected;
        } cases[] = {
                { "[Expose]\nport=80\n", ":2: there is no key port in section [Expose], did you mean Ports?\n" },
                { "[Expose]\nWhatever=80\n", ":2: there is no key Whatever in section [Expose]\n" },
                { "[Docker]\nports=80\n", ":2: there is no key ports in section [Docker], it belongs in [Expose]\n" },
                { "[Expos]\nPorts=80\n", ":2: there is no section [Expos], did you mean [Expose]?\n" },
                { "[Firewall]\nMark=80\n", ":2: there is no section [Firewall], did you mean [Expose]?\n" },
                { "[Nothing]\nKey=value\n", ":2: there is no section [Nothing]\n" },
                { "\nPorts=80\n", ":2: the key Ports stands before any section, did you mean [Expose]?\n" },
                { "Key=value\n", ":1: the key Key stands before any section\n" },
        };
        char line[512];

        assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                read_warning(cases[i].text, line, sizeof(line));
                        if (!strstr(line, cases[i].expected))
                        fail_msg("\"%s\" is not in \"%s\"", cases[i].expected, line);
        }
}

static void test_bad_values(void **state _unused_) {
        static const struct {
                const char *text, *line, *key;
        } cases[] = {
                { "[Docker]\nSocket=docker.sock\n", ":2:", "Socket" },
                { "[Docker]\nSocket=\n", ":2:", "Socket" },
                { "[Expose]\n\n\nPorts=0\n", ":4:", "Ports" },
                { "[Expose]\nPorts=\n", ":2:", "Ports" },
                { "[Expose]\nPorts=80\nPorts=\n[Docker]\n", ":4:", "Ports" },
                { "[Expose]\nPorts=65536\n", ":2:", "Ports" },
                { "[Expose]\nPorts=90-80\n", ":2:", "Ports" },
                { "[Expose]\nPorts=-80\n", ":2:", "Ports" },
                { "[Expose]\nPorts=80x\n", ":2:", "Ports" },
                { "[Expose]\nReservedPorts=ssh\n", ":2:", "ReservedPorts" },
                { "[Expose]\nAddresses=eth0\n", ":2:", "Addresses" },
                { "[Expose]\nAddresses=192.0.2.1/33\n", ":2:", "Addresses" },
                { "[Expose]\nInterfaces=abcdefghijklmnop\n", ":2:", "Interfaces" },
                { "[Expose]\nInterfaces=a/b\n", ":2:", "Interfaces" },
                { "[Expose]\nImageLabels=yes\n", ":2:", "ImageLabels" },
                { "[Expose]\nLocalhost=true\n", ":2:", "Localhost" },
                { "[Expose]\nLocalhost=\n", ":2:", "Localhost" },
                { "[Expose]\nMark=0\n", ":2:", "Mark" },
                { "[Expose]\nMark=0x80/0x40\n", ":2:", "Mark" },
                { "[Expose]\nMark=0x80/\n", ":2:", "Mark" },
                { "[Expose]\nMark=0x1ffffffff\n", ":2:", "Mark" },
                { "[Expose]\nMark=mark\n", ":2:", "Mark" },
                { "[Profile]\nEnforce=maybe\n", ":2:", "Enforce" },
                { "[Profile]\nBackend=calico\n", ":2:", "Backend" },
                { "[Profile]\nScope=host\n", ":2:", "Scope" },
                { "[Profile]\nEndpoints=127.0.0.1:2379\n", ":2:", "Endpoints" },
                { "[Profile]\nEndpoints=ftp://127.0.0.1\n", ":2:", "Endpoints" },
                { "[Profile]\nEndpoints=http://\n", ":2:", "Endpoints" },
                { "[Profile]\nEndpoints=http:///\n", ":2:", "Endpoints" },
                { "[Profile]\nEndpoints=http://a/v2/keys\n", ":2:", "Endpoints" },
                { "[Profile]\nEndpoints=http://user:password@a:2379\n", ":2:", "Endpoints" },
                { "[Profile]\nCaFile=ca.pem\n", ":2:", "CaFile" },
                { "[Profile]\nUser=a:b\n", ":2:", "User" },
                { "[Profile]\nHostname=a/b\n", ":2:", "Hostname" },
                { "[Profile]\nHostname=..\n", ":2:", "Hostname" },
                { "[Profile]\nBackend=calico-v1\nCaFile=/nonexistent/ca.pem\n", ":3:", "CaFile" },
                { "[Profile]\nBackend=calico-v1\nCertFile=/dev/null\n", ":3:", "KeyFile" },
                { "[Profile]\nBackend=calico-v1\nUser=a\n", ":3:", "PasswordFile" },
                { "[Profile]\nBackend=calico-v1\nPasswordFile=/dev/null\n", ":3:", "PasswordFile" },
                { "[Profile]\nBackend=calico-v1\nUser=a\nPasswordFile=/dev/null\n", ":4:", "PasswordFile" },
                { "[Profile]\nBackend=calico-v1\nUser=a\nPasswordFile=/nonexistent\n", ":4:", "PasswordFile" },
                { "[Expose]\nPorts=80\nnonsense\n", ":3:", "line" },
                { "[Expose\nPorts=80\n", ":1:", "line" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char error[CONFIG_ERROR_SIZE] = "";
                Config *config = NULL;

                if (load(cases[i].text, &config, error) != -EINVAL)
                        fail_msg("accepted: %s", cases[i].text);
                assert_null(config);
                assert_non_null(strstr(error, cases[i].line));
                assert_non_null(strstr(error, cases[i].key));
                assert_non_null(strstr(error, "expected"));
        }
}

static void test_long_line(void **state _unused_) {
        char text[2048], error[CONFIG_ERROR_SIZE] = "";
        Config *config = NULL;

        memset(text, ' ', sizeof(text));
        memcpy(text, "[Expose]\nPorts=80", 17);
        strcpy(text + sizeof(text) - 12, ",8000-8999\n");
        assert_int_equal(load(text, &config, error), -EINVAL);
        assert_non_null(strstr(error, ":2:"));
}

static void test_too_many(void **state _unused_) {
        char text[16384] = "[Expose]\n", error[CONFIG_ERROR_SIZE] = "";
        Config *config = NULL;

        for (unsigned i = 0; i <= CONFIG_LIST_MAX; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "Ports=%u\n", i + 1);
        assert_int_equal(load(text, &config, error), -EINVAL);
        assert_non_null(strstr(error, "at most"));
}

static void test_unreadable(void **state _unused_) {
        char error[CONFIG_ERROR_SIZE] = "";
        Config *config = NULL;

        assert_true(config_load("/", &config, error) < 0);
        assert_null(config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_all_keys),
                cmocka_unit_test(test_calico_defaults),
                cmocka_unit_test(test_calico),
                cmocka_unit_test(test_empty_lists),
                cmocka_unit_test(test_pipes),
                cmocka_unit_test(test_mark_alone_is_its_mask),
                cmocka_unit_test(test_unknown_keys_are_warned_about),
                cmocka_unit_test(test_bad_values),
                cmocka_unit_test(test_long_line),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_unreadable),
        };

        return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
