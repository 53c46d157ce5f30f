/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config-calico.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/file.h"
#include "daemon/calico/record.h"

const char config_no_memory[] = "memory";

static void forget_endpoints(CalicoConfig *config) {
        while (config->n_endpoints > 0)
                free(config->endpoints[--config->n_endpoints]);
}

void calico_config_done(CalicoConfig *config) {
        forget_endpoints(config);
        free(config->endpoints);
        free(config->ca_file);
        free(config->cert_file);
        free(config->key_file);
        free(config->user);
        free(config->password_file);
        free(config->password);
        free(config->hostname);
        *config = (CalicoConfig) {};
}

static const char *set_text(char **text, const char *value) {
        char *copy = *value ? strdup(value) : NULL;

        if (*value && !copy)
                return config_no_memory;
        free(*text);
        *text = copy;
        return NULL;
}

static bool text_equal(const char *a, const char *b) {
        return a && b ? strcmp(a, b) == 0 : a == b;
}

bool calico_config_equal(const CalicoConfig *a, const CalicoConfig *b) {
        if (a->enabled != b->enabled || a->scope != b->scope || a->n_endpoints != b->n_endpoints ||
            !text_equal(a->ca_file, b->ca_file) || !text_equal(a->cert_file, b->cert_file) ||
            !text_equal(a->key_file, b->key_file) || !text_equal(a->user, b->user) ||
            !text_equal(a->password, b->password) || !text_equal(a->hostname, b->hostname))
                return false;
        for (size_t i = 0; i < a->n_endpoints; i++)
                if (strcmp(a->endpoints[i], b->endpoints[i]) != 0)
                        return false;
        return true;
}

const char *calico_config_set_backend(CalicoConfig *config, const char *value) {
        if (strcasecmp(value, "nftables") != 0 && strcasecmp(value, "calico-v1") != 0)
                return "nftables or calico-v1";
        config->enabled = strcasecmp(value, "calico-v1") == 0;
        return NULL;
}

const char *calico_config_set_scope(CalicoConfig *config, const char *value) {
        if (strcasecmp(value, "endpoint") != 0 && strcasecmp(value, "profile") != 0)
                return "endpoint or profile";
        config->scope = strcasecmp(value, "profile") == 0 ? CALICO_SCOPE_PROFILE : CALICO_SCOPE_ENDPOINT;
        return NULL;
}

/* http:// or https://, a host, perhaps a port: no path, and no password, which would be shown in the log. */
static bool is_endpoint(const char *text, size_t size) {
        const char *host;
        size_t prefix = strncmp(text, "http://", 7) == 0 ? 7 : strncmp(text, "https://", 8) == 0 ? 8 : 0;

        if (prefix == 0 || size <= prefix)
                return false;
        host = text + prefix;
        size -= prefix;
        if (host[size - 1] == '/')
                size--;
        for (size_t i = 0; i < size; i++)
                if ((unsigned char) host[i] <= ' ' || (unsigned char) host[i] >= 0x7f || strchr("/?#@\\\"", host[i]))
                        return false;
        return size > 0;
}

static const char *add_endpoint(CalicoConfig *config, const char *text, size_t size) {
        if (!is_endpoint(text, size))
                return "addresses of etcd as http://192.0.2.1:2379,https://etcd.example:2379";
        if (config->n_endpoints == CALICO_ENDPOINTS_MAX)
                return "at most 16 endpoints";
        if (!config->endpoints)
                config->endpoints = calloc(CALICO_ENDPOINTS_MAX, sizeof(*config->endpoints));
        if (!config->endpoints)
                return config_no_memory;
        if (text[size - 1] == '/')
                size--;
        config->endpoints[config->n_endpoints] = strndup(text, size);
        if (!config->endpoints[config->n_endpoints])
                return config_no_memory;
        config->n_endpoints++;
        return NULL;
}

/* A key given again adds to the list; an empty value empties it. */
const char *calico_config_set_endpoints(CalicoConfig *config, const char *value) {
        static const char separators[] = ", \t";

        if (!*value)
                forget_endpoints(config);
        for (const char *p = value + strspn(value, separators); *p; p += strspn(p, separators)) {
                size_t size = strcspn(p, separators);
                const char *expected = add_endpoint(config, p, size);

                if (expected)
                        return expected;
                p += size;
        }
        return NULL;
}

static const char *set_path(char **path, const char *value) {
        if (*value && *value != '/')
                return "an absolute path";
        return set_text(path, value);
}

const char *calico_config_set_ca_file(CalicoConfig *config, const char *value) {
        return set_path(&config->ca_file, value);
}

const char *calico_config_set_cert_file(CalicoConfig *config, const char *value) {
        return set_path(&config->cert_file, value);
}

const char *calico_config_set_key_file(CalicoConfig *config, const char *value) {
        return set_path(&config->key_file, value);
}

const char *calico_config_set_user(CalicoConfig *config, const char *value) {
        if (strchr(value, ':'))
                return "a name without a colon";
        return set_text(&config->user, value);
}

const char *calico_config_set_password_file(CalicoConfig *config, const char *value) {
        return set_path(&config->password_file, value);
}

static const char expected_hostname[] = "the host's name in Calico's datastore: letters, digits, _, . and -";

const char *calico_config_set_hostname(CalicoConfig *config, const char *value) {
        if (*value && !calico_name_is_valid(value))
                return expected_hostname;
        return set_text(&config->hostname, value);
}

/* When all is read. */

static const char *set_machine_name(CalicoConfig *config) {
        char name[CALICO_NAME_MAX + 1] = "";

        if (gethostname(name, sizeof(name) - 1) < 0 || !calico_name_is_valid(name))
                return expected_hostname;
        return set_text(&config->hostname, name);
}

static const char *read_password(CalicoConfig *config) {
        static const char expected[] = "a file with one line of at most 1024 bytes that this service can read";
        char text[CALICO_PASSWORD_MAX + 2];
        _cleanup_close_ int fd = file_open(config->password_file);
        ssize_t size;

        if (fd < 0)
                return expected;
        size = read(fd, text, sizeof(text));
        if (size > 0 && text[size - 1] == '\n')
                size--;
        if (size <= 0 || size > CALICO_PASSWORD_MAX || memchr(text, '\n', (size_t) size) ||
            memchr(text, '\0', (size_t) size))
                return expected;
        free(config->password);
        config->password = strndup(text, (size_t) size);
        return config->password ? NULL : config_no_memory;
}

const char *calico_config_finish(CalicoConfig *config, const char **ret_key) {
        static const char unreadable[] = "a file that this service can read";
        const struct {
                const char *key, *path;
        } files[] = {
                { "CaFile", config->ca_file },
                { "CertFile", config->cert_file },
                { "KeyFile", config->key_file },
        };

        if (!config->enabled)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                *ret_key = files[i].key;
                if (files[i].path && access(files[i].path, R_OK) < 0)
                        return unreadable;
        }
        *ret_key = "KeyFile";
        if (!config->cert_file != !config->key_file)
                return "CertFile= and KeyFile= together";
        *ret_key = "PasswordFile";
        if (!config->user != !config->password_file)
                return "User= and PasswordFile= together";
        if (config->password_file) {
                const char *expected = read_password(config);

                if (expected)
                        return expected;
        }
        *ret_key = "Endpoints";
        if (config->n_endpoints == 0) {
                const char *expected = calico_config_set_endpoints(config, CALICO_ENDPOINT_DEFAULT);

                if (expected)
                        return expected;
        }
        *ret_key = "Hostname";
        return config->hostname ? NULL : set_machine_name(config);
}
