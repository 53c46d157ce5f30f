/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/calico.h"
#include "daemon/calico/etcd.h"

/* What of it concerns the client of etcd; the strings stay the caller's. */
static inline EtcdOptions calico_etcd_options(const CalicoOptions *options) {
        return (EtcdOptions) {
                .endpoints = options->endpoints,
                .n_endpoints = options->n_endpoints,
                .ca_file = options->ca_file,
                .cert_file = options->cert_file,
                .key_file = options->key_file,
                .user = options->user,
                .password = options->password,
        };
}
