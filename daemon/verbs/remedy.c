/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/verbs/remedy.h"

#include <stdio.h>

/* A label of a living container cannot be changed. */
#define ANEW ", and start the container anew"

/* $ stands for the container's name, % for that of the other one that is in its way, # for the
 * reserved port. */
static const char *const remedies[_CLAIM_REASON_MAX] = {
        [REASON_ENTRY] = "correct that entry of calico.expose of $" ANEW,
        [REASON_OWN_OVERLAP] = "take one of the two entries out of calico.expose of $" ANEW,
        [REASON_SHIFTED_LIMIT] = "give $ ranges that keep their numbers, as 8000-8010" ANEW,
        [REASON_LABEL_TOO_LONG] = "shorten calico.expose of $, by ranges for example" ANEW,
        [REASON_LABEL] = "correct that label of $" ANEW,
        [REASON_SHIFTED_BALANCE] = "give $ the same ports on the host as in the container" ANEW,
        [REASON_IMAGE_LABEL] = "give $ the label itself (docker run --label), with another value than the image's, or "
                               "set ImageLabels=honor in " CONFIG_PATH,
        [REASON_RESERVED_PORT] = "choose another host port for $, or take # out of ReservedPorts= in " CONFIG_PATH,
        [REASON_FORBIDDEN_PORT] = "choose another host port for $, or add this one to Ports= in " CONFIG_PATH,
        [REASON_FORBIDDEN_ADDRESS] = "choose another host address for $, or add this one to Addresses= in "
                                     CONFIG_PATH,
        [REASON_LOCALHOST_OFF] = "choose another host address for $, or set Localhost=yes in " CONFIG_PATH,
        [REASON_IPV6_LOOPBACK] = "choose 127.0.0.1, or another address of the host, for $",
        [REASON_NOT_RUNNING] = "start it: docker start $",
        [REASON_RESTARTING] = "see why it ends each time: docker logs $",
        [REASON_HOST_NETWORK] = "nothing: what $ listens on is reached on this host's own addresses. To have it exposed, "
                                "start it without --network host",
        [REASON_NO_NETWORK] = "connect it to a network: docker network connect NETWORK $",
        [REASON_SHARED_NETWORK] = "put the label on the container whose network $ uses",
        [REASON_NO_ADDRESS] = "see why its network gave it no address: docker inspect $",
        [REASON_NO_FAMILY_ADDRESS] = "leave the host address of that family out of the entry, or connect $ to a network "
                                     "that has addresses of it",
        [REASON_DUPLICATE_ADDRESS] = "see which of the two really has the address: docker inspect $ %",
        [REASON_NETWORK_ABSENT] = "connect it to that network (docker network connect NETWORK $), or correct "
                                  "calico.expose.network",
        [REASON_NO_HEALTH_CHECK] = "give $ a health check (docker run --health-cmd), or leave calico.expose.when out",
        [REASON_HEALTH_UNKNOWN] = "ask Docker for it: docker inspect $",
        [REASON_STARTING] = "wait until its health check has passed: docker inspect $",
        [REASON_UNHEALTHY] = "see what its health check says: docker inspect $",
        [REASON_NO_ATTACHMENT] = "connect it to a network: docker network connect NETWORK $, or, as its network is Calico's, "
                                 "calicoctl container add",
        [REASON_DATASTORE_UNREAD] = "see why Calico's datastore does not answer (Endpoints= in " CONFIG_PATH
                                    "), for it alone knows the address of $",
        [REASON_ATTACHMENT_UNREADABLE] = "correct the record of the endpoint of $ in Calico's datastore, or join it anew",
        [REASON_ATTACHMENT_EMPTY] = "give it an address: calicoctl container $ ip add ADDRESS",
        [REASON_HELD] = "choose another host port for $, or stop %",
        [REASON_NOT_BALANCED] = "give both $ and % calico.expose.mode=balance, or $ another host port",
        [REASON_BALANCE_DIFFERS] = "give $ the same host side and limits as %, or another host port",
        [REASON_HOST_PORT] = "choose another host port for $, or stop who has this one",
};

static void fill_in(const char *text, const Record *record, const Claim *claim, char buffer[static REMEDY_SIZE]) {
        size_t used = 0;

        for (; *text && used < REMEDY_SIZE - 1; text++) {
                const char *name = *text == '$' ? record->name : claim->other ? claim->other->name : "the other";

                if (*text == '#')
                        used += (size_t) snprintf(buffer + used, REMEDY_SIZE - used, "%u", claim->reserved);
                else if (*text == '$' || *text == '%')
                        used += (size_t) snprintf(buffer + used, REMEDY_SIZE - used, "%s", name);
                else
                        buffer[used++] = *text;
        }
        buffer[MIN(used, (size_t) REMEDY_SIZE - 1)] = '\0';
}

/* What keeps an exposed claim from being allowed. */
static const char *format_rule_remedy(const Survey *survey, const ClaimFacts *facts, char buffer[static REMEDY_SIZE]) {
        if (!facts->knows_rule)
                snprintf(buffer, REMEDY_SIZE, "see why Calico's datastore does not answer (Endpoints= in " CONFIG_PATH ")");
        else if (facts->rule.state == CALICO_REFUSED)
                snprintf(buffer, REMEDY_SIZE, "set that right in Calico's datastore: %.500s", facts->rule.reason);
        else if (survey->daemon == DAEMON_RUNS)
                snprintf(buffer, REMEDY_SIZE, "ask again in a second, and if it stays so, see journalctl -u calico-exposed");
        else
                snprintf(buffer, REMEDY_SIZE, "start calico-exposed: systemctl start calico-exposed");
        return buffer;
}

const char *remedy_format(const Survey *survey, const Record *record, const Claim *claim, const ClaimFacts *facts,
                          char buffer[static REMEDY_SIZE]) {
        if (facts->state == CLAIM_EXPOSED && facts->needs_rule)
                return format_rule_remedy(survey, facts, buffer);
        if (!facts->pending)
                fill_in(remedies[claim->reason] ?: "see the journal of $", record, claim, buffer);
        else if (survey->daemon == DAEMON_RUNS)
                snprintf(buffer, REMEDY_SIZE, "ask again in a second, and if it stays so, see journalctl -u calico-exposed");
        else
                snprintf(buffer, REMEDY_SIZE, "start calico-exposed: systemctl start calico-exposed");
        return buffer;
}
