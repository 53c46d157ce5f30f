/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/macros.h"
#include "common/text.h"
#include "daemon/config.h"
#include "daemon/manager.h"
#include "daemon/restraint.h"
#include "daemon/withdraw.h"

static const char usage[] =
        "Usage: calico-exposed [run]\n"
        "\n"
        "Exposes ports of Docker containers on this host, as their labels say:\n"
        "    docker run --label calico.expose=80 ...\n"
        "\n"
        "  run          the daemon (what systemctl start calico-exposed runs)\n"
        "  withdraw     takes away what a daemon that was killed left behind\n"
        "  --help       this text\n"
        "  --version    the version\n";

static const char *const words[] = { "run", "withdraw", "--help", "--version" };

static int refuse(const char *what) {
        const char *nearest = text_nearest(what, words, ELEMENTSOF(words));
        char shown[64];

        text_escape(what, strlen(what), shown, sizeof(shown));
        if (nearest)
                fprintf(stderr, "calico-exposed: unknown argument \"%s\", did you mean \"%s\"?\n", shown, nearest);
        else
                fprintf(stderr, "calico-exposed: unknown argument \"%s\", expected run, withdraw, --help or --version\n", shown);
        return EX_USAGE;
}

static int run(void) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        ServiceStore store;
        int r;

        r = service_take_store(&store);
        if (r < 0) {
                log_line(LOG_ERR, "Cannot see what systemd keeps for us: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        if (!restraint_allows_start(&store))
                return EXIT_SUCCESS;
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

int main(int argc, char *argv[]) {
        const char *word = argc > 1 ? argv[1] : "run";

        if (argc > 2)
                return refuse(argv[2]);
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
                return fputs(usage, stdout) < 0 ? EX_IOERR : EXIT_SUCCESS;
        if (strcmp(word, "--version") == 0)
                return puts("calico-exposed " PROJECT_VERSION) < 0 ? EX_IOERR : EXIT_SUCCESS;
        if (strcmp(word, "withdraw") == 0)
                return exit_code(withdraw_on_stop());
        if (strcmp(word, "after-end") == 0)
                return exit_code(withdraw_after_end());
        if (strcmp(word, "run") != 0)
                return refuse(word);
        return run();
}
