/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "daemon/calico/calico.h"

/* The part of [Profile] that is about Calico's datastore. */

#define CALICO_ENDPOINTS_MAX 16
#define CALICO_ENDPOINT_DEFAULT "http://127.0.0.1:2379"
#define CALICO_PASSWORD_MAX 1024

typedef struct CalicoConfig {
        bool enabled; /* Backend=calico-v1 */
        CalicoScope scope;
        char **endpoints; /* without a slash at the end; the default if none were given */
        size_t n_endpoints;
        char *ca_file, *cert_file, *key_file, *user; /* NULL: none */
        char *password_file;
        char *password; /* what stands in it, without the newline at the end */
        char *hostname; /* this machine's name if none was given */
} CalicoConfig;

void calico_config_done(CalicoConfig *config);
bool calico_config_equal(const CalicoConfig *a, const CalicoConfig *b);

/* Take the value of the key of that name. They return NULL, or what was expected, in words; config_no_memory where
 * there is none. An empty value is as if the key was not given. */
const char *calico_config_set_backend(CalicoConfig *config, const char *value);
const char *calico_config_set_scope(CalicoConfig *config, const char *value);
const char *calico_config_set_endpoints(CalicoConfig *config, const char *value);
const char *calico_config_set_ca_file(CalicoConfig *config, const char *value);
const char *calico_config_set_cert_file(CalicoConfig *config, const char *value);
const char *calico_config_set_key_file(CalicoConfig *config, const char *value);
const char *calico_config_set_user(CalicoConfig *config, const char *value);
const char *calico_config_set_password_file(CalicoConfig *config, const char *value);
const char *calico_config_set_hostname(CalicoConfig *config, const char *value);
extern const char config_no_memory[];

/* When all keys were read: what was left out, files, and what belongs together. The same, with the key's name. Nothing
 * of the datastore is looked at where it is not used. */
const char *calico_config_finish(CalicoConfig *config, const char **ret_key);
