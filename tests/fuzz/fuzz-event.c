/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/docker/decode.h"
#include "tests/fuzz/fuzz.h"

static void check_event(const DockerEvent *event, const char *network) {
        bool of_network = event->action == DOCKER_EVENT_CONNECT || event->action == DOCKER_EVENT_DISCONNECT;

        CHECK(event->action < _DOCKER_EVENT_MAX);
        CHECK(container_id_is_valid(event->container));
        CHECK(event->time >= 0);
        CHECK(!event->replayed);
        CHECK(!network || event->network == network);
        CHECK(of_network ? network && !event->labelled : !network && *event->network == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const DockerEvent untouched = { .time = -1 };
        DockerEvent event = untouched;
        char *network = NULL;
        int r = docker_event_decode((const char *) data, size, &event, &network);

        CHECK(r == 1 || r == 0 || r == -EBADMSG);
        if (r > 0)
                check_event(&event, network);
        else
                CHECK(fuzz_is_untouched(&event, &untouched, sizeof(event)) && !network);
        free(network);
        return 0;
}
