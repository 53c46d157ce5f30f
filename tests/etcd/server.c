/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/etcd/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "netns.h"
#include "tests/cmocka.h"
#include "tests/etcd/api.h"

#define READY_SECONDS 60

void server_enter_namespace(void) {
        netns_enter_fresh();
}

static void make_certificates(const Server *server) {
        netns_run("cd %s && exec >openssl.log 2>&1 && set -e\n"
                  "authority() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=$1 -keyout $1-key.pem "
                  "-out $1.pem; }\n"
                  "issue() { openssl req -newkey rsa:2048 -nodes -subj /CN=$1 -keyout $1-key.pem -out $1.csr\n"
                  "printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' >$1.ext\n"
                  "openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 -extfile $1.ext "
                  "-out $1.pem; }\n"
                  "authority ca; authority other-ca; issue server; issue client",
                  server->directory);
}

static _Noreturn void execute(const Server *server) {
        char command[1024];

        snprintf(command, sizeof(command),
                 "exec >>log 2>&1 etcd --enable-v2 --name test --data-dir data --unsafe-no-fsync"
                 " --listen-client-urls %s --advertise-client-urls %s"
                 " --listen-peer-urls http://127.0.0.1:%u --initial-advertise-peer-urls http://127.0.0.1:%u"
                 " --initial-cluster test=http://127.0.0.1:%u %s",
                 server->url, server->url, server->port + 1, server->port + 1, server->port + 1,
                 server->tls ? "--client-cert-auth --trusted-ca-file ca.pem --cert-file server.pem"
                               " --key-file server-key.pem"
                             : "");
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && chdir(server->directory) == 0)
                execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
}

void server_run(Server *server) {
        assert_int_equal(server->pid, 0);
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0)
                execute(server);
        server_wait_ready(server);
}

/* It answers a write: so it has a leader, too. */
void server_wait_ready(const Server *server) {
        const struct timespec pause = { .tv_nsec = 20 * 1000000L };
        uint64_t deadline = now_usec() + READY_SECONDS * UINT64_C(1000000);

        for (;;) {
                Reply reply = api_call(server, "PUT", "/ready", "value=yes");
                bool ready = reply.status == 200 || reply.status == 201 || reply.status == 401;

                reply_done(&reply);
                if (ready)
                        return;
                if (now_usec() > deadline || waitpid(server->pid, NULL, WNOHANG) == server->pid)
                        fail_msg("etcd does not start: see %s/log", server->directory);
                nanosleep(&pause, NULL);
        }
}

void server_start(Server *server, unsigned port, bool tls) {
        *server = (Server) { .port = port, .tls = tls };
        strcpy(server->directory, "/tmp/etcd-test-XXXXXX");
        assert_non_null(mkdtemp(server->directory));
        snprintf(server->url, sizeof(server->url), "http%s://127.0.0.1:%u", tls ? "s" : "", port);
        if (tls)
                make_certificates(server);
        server_run(server);
}

void server_kill(Server *server, int signal) {
        if (server->pid == 0)
                return;
        assert_int_equal(kill(server->pid, signal), 0);
        assert_int_equal(waitpid(server->pid, NULL, 0), server->pid);
        server->pid = 0;
}

void server_reap(pid_t pid) {
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

void server_done(Server *server) {
        server_kill(server, SIGKILL);
        if (*server->directory)
                netns_run("rm -rf %s", server->directory);
        *server = (Server) {};
}
