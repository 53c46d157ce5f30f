/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/config.h"

#include <errno.h>
#include <ini.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/file.h"
#include "common/log.h"
#include "common/text.h"
#include "daemon/messages.h"
#include "daemon/model/entry.h"
#include "daemon/model/limits.h"

#define SOCKET_DEFAULT "/run/docker.sock"
#define MARK_DEFAULT 0x80

/* What was expected, for the error's text; NULL: all is well; config_no_memory: there is none. */
typedef const char *(*KeyParser)(Config *config, const char *value);

static const char *parse_socket(Config *config, const char *value) {
        char *copy;

        if (value[0] != '/' || strlen(value) >= 108) /* sun_path of unix(7) */
                return "an absolute path of at most 107 bytes";
        copy = strdup(value);
        if (!copy)
                return config_no_memory;
        free(config->docker_socket);
        config->docker_socket = copy;
        return NULL;
}

/* Calls add() for each item between commas and blanks. A key given again adds to the list, as a value over several
 * lines does; an empty value empties it. */
static const char *parse_list(const char *value, const char *(*add)(Policy *policy, const char *item), Policy *policy) {
        static const char separators[] = ", \t";

        for (const char *p = value + strspn(value, separators); *p; p += strspn(p, separators)) {
                char item[128];
                size_t size = strcspn(p, separators);
                const char *expected;

                if (size >= sizeof(item))
                        return "items of at most 127 bytes";
                memcpy(item, p, size);
                item[size] = '\0';
                expected = add(policy, item);
                if (expected)
                        return expected;
                p += size;
        }
        return NULL;
}

static const char *add_range(PortRange **ranges, size_t *n, size_t *capacity, const char *item) {
        PortRange range;

        if (entry_parse_ports(item, strlen(item), &range) != ENTRY_OK)
                return "ports or ranges of ports from 1 to 65535, as 80,8000-8999";
        if (*n == CONFIG_LIST_MAX)
                return "at most 256 values";
        if (array_reserve(ranges, capacity, *n + 1, sizeof(**ranges)) < 0)
                return config_no_memory;
        (*ranges)[(*n)++] = range;
        return NULL;
}

static const char *add_port(Policy *policy, const char *item) {
        return add_range(&policy->ports, &policy->n_ports, &policy->ports_capacity, item);
}

static const char *add_reserved(Policy *policy, const char *item) {
        return add_range(&policy->reserved, &policy->n_reserved, &policy->reserved_capacity, item);
}

static const char *add_address(Policy *policy, const char *item) {
        Prefix prefix;

        if (prefix_parse(item, &prefix) < 0)
                return "addresses of the host or networks that hold them, as 192.0.2.1,2001:db8::/64";
        if (policy->n_addresses == CONFIG_LIST_MAX)
                return "at most 256 values";
        if (array_reserve(&policy->addresses, &policy->addresses_capacity, policy->n_addresses + 1, sizeof(prefix)) < 0)
                return config_no_memory;
        policy->addresses[policy->n_addresses++] = prefix;
        return NULL;
}

static const char *add_interface(Policy *policy, const char *item) {
        char *copy;

        if (!limits_interface_is_valid(item))
                return "names of interfaces, of at most 15 characters";
        if (policy->n_interfaces == LIMITS_INTERFACES_MAX)
                return "at most 16 interfaces";
        copy = strdup(item);
        if (!copy || array_reserve(&policy->interfaces, &policy->interfaces_capacity, policy->n_interfaces + 1,
                                   sizeof(copy)) < 0) {
                free(copy);
                return config_no_memory;
        }
        policy->interfaces[policy->n_interfaces++] = copy;
        return NULL;
}

static void policy_clear_interfaces(Policy *policy) {
        while (policy->n_interfaces > 0)
                free(policy->interfaces[--policy->n_interfaces]);
}

static const char *parse_ports(Config *config, const char *value) {
        if (!*value)
                config->policy.n_ports = 0;
        return parse_list(value, add_port, &config->policy);
}

static const char *parse_reserved(Config *config, const char *value) {
        if (!*value)
                config->policy.n_reserved = 0;
        return parse_list(value, add_reserved, &config->policy);
}

static const char *parse_addresses(Config *config, const char *value) {
        if (!*value)
                config->policy.n_addresses = 0;
        return parse_list(value, add_address, &config->policy);
}

static const char *parse_interfaces(Config *config, const char *value) {
        if (!*value)
                policy_clear_interfaces(&config->policy);
        return parse_list(value, add_interface, &config->policy);
}

static const char *parse_boolean(const char *value, bool *ret) {
        if (strcasecmp(value, "yes") != 0 && strcasecmp(value, "no") != 0)
                return "yes or no";
        *ret = strcasecmp(value, "yes") == 0;
        return NULL;
}

static const char *parse_localhost(Config *config, const char *value) {
        return parse_boolean(value, &config->policy.localhost);
}

static const char *parse_image_labels(Config *config, const char *value) {
        if (strcasecmp(value, "ignore") != 0 && strcasecmp(value, "honor") != 0)
                return "ignore or honor";
        config->policy.honor_image_labels = strcasecmp(value, "honor") == 0;
        return NULL;
}

static bool parse_number(const char *text, const char **ret_end, uint32_t *ret) {
        unsigned long long number;
        char *end;

        if (*text < '0' || *text > '9')
                return false;
        errno = 0;
        number = strtoull(text, &end, 0);
        *ret_end = end;
        *ret = (uint32_t) number;
        return errno == 0 && number <= UINT32_MAX;
}

static const char *parse_mark(Config *config, const char *value) {
        static const char expected[] = "a mark and a mask that holds it, as 0x80/0x80, neither of them 0";
        uint32_t mark, mask;
        const char *end;

        if (!parse_number(value, &end, &mark))
                return expected;
        mask = mark;
        if (*end == '/' && !parse_number(end + 1, &end, &mask))
                return expected;
        if (*end != '\0' || mark == 0 || (mark & ~mask) != 0)
                return expected;
        config->ruleset.mark = mark;
        config->ruleset.mask = mask;
        return NULL;
}

static const char *parse_enforce(Config *config, const char *value) {
        return parse_boolean(value, &config->ruleset.enforce);
}

static const char *parse_backend(Config *config, const char *value) {
        return calico_config_set_backend(&config->calico, value);
}

static const char *parse_scope(Config *config, const char *value) {
        return calico_config_set_scope(&config->calico, value);
}

static const char *parse_endpoints(Config *config, const char *value) {
        return calico_config_set_endpoints(&config->calico, value);
}

static const char *parse_ca_file(Config *config, const char *value) {
        return calico_config_set_ca_file(&config->calico, value);
}

static const char *parse_cert_file(Config *config, const char *value) {
        return calico_config_set_cert_file(&config->calico, value);
}

static const char *parse_key_file(Config *config, const char *value) {
        return calico_config_set_key_file(&config->calico, value);
}

static const char *parse_user(Config *config, const char *value) {
        return calico_config_set_user(&config->calico, value);
}

static const char *parse_password_file(Config *config, const char *value) {
        return calico_config_set_password_file(&config->calico, value);
}

static const char *parse_hostname(Config *config, const char *value) {
        return calico_config_set_hostname(&config->calico, value);
}

static const struct {
        const char *section, *name;
        KeyParser parse;
} keys[] = {
        { "Docker", "Socket", parse_socket },
        { "Expose", "Interfaces", parse_interfaces },
        { "Expose", "Addresses", parse_addresses },
        { "Expose", "Ports", parse_ports },
        { "Expose", "ReservedPorts", parse_reserved },
        { "Expose", "ImageLabels", parse_image_labels },
        { "Expose", "Localhost", parse_localhost },
        { "Expose", "Mark", parse_mark },
        { "Profile", "Enforce", parse_enforce },
        { "Profile", "Backend", parse_backend },
        { "Profile", "Scope", parse_scope },
        { "Profile", "Endpoints", parse_endpoints },
        { "Profile", "CaFile", parse_ca_file },
        { "Profile", "CertFile", parse_cert_file },
        { "Profile", "KeyFile", parse_key_file },
        { "Profile", "User", parse_user },
        { "Profile", "PasswordFile", parse_password_file },
        { "Profile", "Hostname", parse_hostname },
};

typedef struct Reading {
        const char *path;
        FILE *file;
        unsigned line;
        Config *config;
        bool given[ELEMENTSOF(keys)]; /* the first value of a list replaces the default */
        int result;
        char *error;
} Reading;

static void reading_fail(Reading *reading, const char *what, const char *expected) {
        char shown[128];

        if (reading->result < 0)
                return;
        reading->result = expected == config_no_memory ? -ENOMEM : -EINVAL;
        snprintf(reading->error, CONFIG_ERROR_SIZE, "%s:%u: %s: expected %s", reading->path, reading->line,
                 text_escape(what, strlen(what), shown, sizeof(shown)), expected);
}

static const char *nearest_key(const char *name) {
        const char *names[ELEMENTSOF(keys)];

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                names[i] = keys[i].name;
        return text_nearest(name, names, ELEMENTSOF(names));
}

static const char *nearest_section(const char *section) {
        const char *sections[ELEMENTSOF(keys)];

        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                sections[i] = keys[i].section;
        return text_nearest(section, sections, ELEMENTSOF(sections));
}

static bool section_is_known(const char *section) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcasecmp(keys[i].section, section) == 0)
                        return true;
        return false;
}

/* Of the key of that name; NULL: there is none. */
static const char *section_of_key(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                if (strcasecmp(keys[i].name, name) == 0)
                        return keys[i].section;
        return NULL;
}

/* What is wrong with the place comes before what may be wrong with the name. */
static void warn_misplaced(const Reading *reading, const char *section, const char *name) {
        const char *meant = nearest_section(section) ?: section_of_key(name);
        char shown[64], what[128];

        if (*section)
                snprintf(what, sizeof(what), "there is no section [%s]",
                         text_escape(section, strlen(section), shown, sizeof(shown)));
        else
                snprintf(what, sizeof(what), "the key %s stands before any section",
                         text_escape(name, strlen(name), shown, sizeof(shown)));
        log_event(LOG_WARNING, MESSAGE_CONFIG_UNKNOWN, NULL, "%s:%u: %s%s%s%s", reading->path, reading->line, what,
                  meant ? ", did you mean [" : "", meant ?: "", meant ? "]?" : "");
}

static void warn_unknown(const Reading *reading, const char *section, const char *name) {
        const char *home = section_of_key(name), *meant = home ?: nearest_key(name);
        char shown_section[64], shown_name[64];

        log_event(LOG_WARNING, MESSAGE_CONFIG_UNKNOWN, NULL, "%s:%u: there is no key %s in section [%s]%s%s%s",
                  reading->path, reading->line, text_escape(name, strlen(name), shown_name, sizeof(shown_name)),
                  text_escape(section, strlen(section), shown_section, sizeof(shown_section)),
                  home    ? ", it belongs in ["
                  : meant ? ", did you mean "
                          : "",
                  meant ?: "", home ? "]" : meant ? "?" : "");
}

static void forget_default(Policy *policy, const char *name) {
        if (strcmp(name, "Ports") == 0)
                policy->n_ports = 0;
        else if (strcmp(name, "ReservedPorts") == 0)
                policy->n_reserved = 0;
}

static int on_key(void *userdata, const char *section, const char *name, const char *value) {
        Reading *reading = userdata;

        for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
                const char *expected;

                if (strcasecmp(keys[i].section, section) != 0 || strcasecmp(keys[i].name, name) != 0)
                        continue;
                if (!reading->given[i])
                        forget_default(&reading->config->policy, keys[i].name);
                reading->given[i] = true;
                expected = keys[i].parse(reading->config, value);
                if (expected)
                        reading_fail(reading, keys[i].name, expected);
                return 1;
        }
        if (section_is_known(section))
                warn_unknown(reading, section, name);
        else
                warn_misplaced(reading, section, name);
        return 1;
}

/* As fgets(3), but counts the lines, and refuses one that libinih would cut in two. */
static char *read_line(char *buffer, int size, void *userdata) {
        Reading *reading = userdata;
        char *line = fgets(buffer, size, reading->file);

        if (!line)
                return NULL;
        reading->line++;
        if (!strchr(line, '\n') && !feof(reading->file)) {
                char expected[64];

                snprintf(expected, sizeof(expected), "a line of at most %d bytes", size - 2);
                reading_fail(reading, "line", expected);
                return NULL;
        }
        return line;
}

static Config *config_new(void) {
        _cleanup_(config_freep) Config *config = calloc(1, sizeof(*config));

        if (!config)
                return NULL;
        config->ruleset = (RulesetOptions) { .mark = MARK_DEFAULT, .mask = MARK_DEFAULT };
        config->policy.localhost = true;
        config->docker_socket = strdup(SOCKET_DEFAULT);
        if (!config->docker_socket || add_port(&config->policy, "1-65535") || add_reserved(&config->policy, "22"))
                return NULL;
        return TAKE_PTR(config);
}

/* Returns a negative errno if the file cannot be read; what is wrong in it is the reading's result. */
static int reading_parse(Reading *reading) {
        int r = ini_parse_stream(read_line, reading, on_key, reading);

        if (ferror(reading->file))
                return errno > 0 ? -errno : -EIO;
        if (r < 0)
                return -ENOMEM;
        if (r > 0 && reading->result == 0) {
                reading->line = (unsigned) r;
                reading_fail(reading, "line", "[Section] or Key=value");
        }
        return 0;
}

/* What only shows when all is read. */
static void reading_finish(Reading *reading) {
        const char *key, *expected = calico_config_finish(&reading->config->calico, &key);

        if (expected)
                reading_fail(reading, key, expected);
        if (reading->config->policy.n_ports == 0)
                reading_fail(reading, "Ports", "at least one port");
}

static int reading_open(Reading *reading) {
        _cleanup_close_ int fd = file_open(reading->path);

        if (fd < 0)
                return fd;
        reading->file = fdopen(fd, "r");
        if (!reading->file)
                return -errno;
        (void) take_fd(&fd);
        return 0;
}

int config_load(const char *path, Config **ret, char error[static CONFIG_ERROR_SIZE]) {
        _cleanup_(config_freep) Config *config = config_new();
        Reading reading = { .path = path, .config = config, .error = error };
        int r;

        if (!config)
                return -ENOMEM;
        r = reading_open(&reading);
        if (r >= 0) {
                r = reading_parse(&reading);
                fclose(reading.file);
        } else if (r == -ENOENT)
                r = 0;
        if (r < 0) {
                snprintf(error, CONFIG_ERROR_SIZE, "%s: %s", path,
                         r == -ESPIPE ? "expected a file, not a pipe" : strerror(-r));
                return r;
        }
        if (reading.result == 0)
                reading_finish(&reading);
        if (reading.result < 0)
                return reading.result;
        config->ruleset.localhost = config->policy.localhost;
        *ret = TAKE_PTR(config);
        return 0;
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;
        free(config->docker_socket);
        policy_done(&config->policy);
        calico_config_done(&config->calico);
        free(config);
        return NULL;
}
