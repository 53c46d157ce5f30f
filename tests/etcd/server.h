/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* A real etcd of one member, with its v2 API, on the loopback of the test's own network namespace. */
typedef struct Server {
        char directory[64]; /* of its data, its log and its certificates; removed in the end */
        unsigned port;      /* the clients'; the next one is the peers' */
        bool tls;
        char url[64];
        pid_t pid; /* 0: it does not run */
} Server;

/* Puts the process into a fresh network namespace. Once, at the start of a program. */
void server_enter_namespace(void);

/* Starts it and waits until it answers; with TLS it wants clients to have a certificate, and there are `ca.pem`,
 * `client.pem`, `client-key.pem` in the directory, and `other-ca.pem`, of somebody else. */
void server_start(Server *server, unsigned port, bool tls);
/* Ends it, by a signal, and waits until it is gone. Its data stays, and server_run() starts it again on them. */
void server_kill(Server *server, int signal);
void server_run(Server *server);
void server_wait_ready(const Server *server);
/* Waits for another child of the test. */
void server_reap(pid_t pid);
/* Ends it, and removes all. */
void server_done(Server *server);
