/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/macros.h"
#include "daemon/config.h"
#include "daemon/http/json-memory.h"
#include "daemon/manager.h"
#include "daemon/messages.h"
#include "daemon/restraint.h"
#include "daemon/verbs/verb.h"
#include "daemon/withdraw.h"

static int run(const VerbArguments *arguments _unused_) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        ServiceStore store;
        int r;

        r = service_take_store(&store);
        if (r < 0) {
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL,
                          "Cannot see what systemd keeps for us: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        if (!restraint_allows_start(&store))
                return EXIT_SUCCESS;
        json_memory_set_up();
        r = manager_new(CONFIG_PATH, &store, &manager);
        if (r == MANAGER_BAD_CONFIG)
                return EX_CONFIG;
        if (r < 0)
                return EXIT_FAILURE;
        return manager_run(manager) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int exit_code(int error) {
        return error == -EBUSY ? EX_UNAVAILABLE : error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int withdraw(const VerbArguments *arguments _unused_) {
        return exit_code(withdraw_on_stop());
}

static int after_end(const VerbArguments *arguments _unused_) {
        return exit_code(withdraw_after_end());
}

static const Verb items[] = {
        { "run", NULL, false, "the daemon (what systemctl start calico-exposed runs)", run },
        { "list", NULL, true, "every claim: state, host side, container side, network, profile, reason", verb_list },
        { "explain", "CONTAINER", true, "one container: every decision, and what to change", verb_explain },
        { "check", NULL, true, "whether the kernel has what the containers ask for: 0 yes, 1 no, 2 unknown", verb_check },
        { "withdraw", NULL, false, "takes away what a daemon that was killed left behind", withdraw },
        { "after-end", NULL, false, NULL, after_end },
};

static const Verbs verbs = { items, ELEMENTSOF(items) };

static int carry_out(const Verb *verb, const VerbArguments *arguments) {
        if (arguments->help)
                verbs_print_usage(&verbs, stdout);
        else if (verb)
                return verb->run(arguments);
        else
                puts("calico-exposed " PROJECT_VERSION);
        return EXIT_SUCCESS;
}

int main(int argc _unused_, char *argv[]) {
        char error[VERB_ERROR_SIZE];
        VerbArguments arguments;
        const Verb *verb;
        int r;

        r = verbs_parse(&verbs, (const char *const *) argv + 1, &verb, &arguments, error);
        if (r != 0) {
                fprintf(stderr, "calico-exposed: %s\n", error);
                return r;
        }
        r = carry_out(verb, &arguments);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                fputs("calico-exposed: cannot write to standard output\n", stderr);
                return EX_IOERR;
        }
        return r;
}
