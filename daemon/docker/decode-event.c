/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "daemon/docker/decode.h"
#include "daemon/docker/label-prefix.h"
#include "daemon/http/json.h"

#define NANOSECONDS_PER_SECOND 1000000000

typedef struct ActionName {
        const char *name;
        DockerEventAction action;
} ActionName;

static const ActionName container_actions[] = {
        { "start", DOCKER_EVENT_START },     { "die", DOCKER_EVENT_DIE },
        { "died", DOCKER_EVENT_DIE },        { "pause", DOCKER_EVENT_PAUSE },
        { "unpause", DOCKER_EVENT_PAUSE },   { "rename", DOCKER_EVENT_RENAME },
        { "destroy", DOCKER_EVENT_DESTROY }, { "remove", DOCKER_EVENT_DESTROY },
        { "health_status", DOCKER_EVENT_HEALTH },
};

static const ActionName network_actions[] = {
        { "connect", DOCKER_EVENT_CONNECT },
        { "disconnect", DOCKER_EVENT_DISCONNECT },
};

/* What stands behind a colon says more of the same action ("health_status: healthy"). */
static bool action_is(const char *action, const char *name) {
        size_t size = strlen(name);

        return strncmp(action, name, size) == 0 && (action[size] == '\0' || action[size] == ':');
}

static bool find_action(const ActionName *names, size_t n_names, const char *action, DockerEventAction *ret) {
        for (size_t i = 0; i < n_names; i++)
                if (action_is(action, names[i].name)) {
                        *ret = names[i].action;
                        return true;
                }
        return false;
}

static int64_t event_time(const cJSON *json) {
        int64_t time = json_integer(json, "timeNano");

        if (time > 0)
                return time;
        time = json_integer(json, "time");
        return time > 0 && time < INT64_MAX / NANOSECONDS_PER_SECOND ? time * NANOSECONDS_PER_SECOND : 0;
}

static bool has_label(const cJSON *attributes) {
        const cJSON *attribute;

        cJSON_ArrayForEach(attribute, attributes)
                if (is_label_of_ours(attribute->string))
                        return true;
        return false;
}

static int decode_container_event(const cJSON *actor, const cJSON *attributes, DockerEvent *event) {
        const char *id = json_text(actor, "ID");

        if (!id || !container_id_is_valid(id))
                return -EBADMSG;
        strcpy(event->container, id);
        event->labelled = has_label(attributes);
        return 1;
}

/* Docker: the actor is the network and an attribute is the container. Podman: the other way round. */
static int decode_network_event(const cJSON *actor, const cJSON *attributes, DockerEvent *event, char **ret_network) {
        const char *container = json_text(attributes, "container");
        const char *network = json_text(actor, "ID");
        char *copy;

        if (!container) {
                container = network;
                network = json_text(attributes, "network");
                if (!container)
                        return -EBADMSG;
        }
        if (!container_id_is_valid(container)) /* a service's load balancer has an endpoint, too */
                return 0;
        copy = strdup(network ? network : "");
        if (!copy)
                return -ENOMEM;
        strcpy(event->container, container);
        event->network = *ret_network = copy;
        return 1;
}

int docker_event_decode(const char *text, size_t size, DockerEvent *ret, char **ret_network) {
        _cleanup_(json_freep) cJSON *json = NULL;
        DockerEvent event = { .network = "" };
        const cJSON *actor, *attributes;
        const char *type, *action;
        char *network = NULL;
        int r;

        r = json_parse(text, size, &json);
        if (r < 0)
                return r;
        type = json_text(json, "Type");
        action = json_text(json, "Action");
        if (!type || !action || json_container(json, "Actor", cJSON_Object, &actor) < 0 ||
            json_container(actor, "Attributes", cJSON_Object, &attributes) < 0)
                return -EBADMSG;

        event.time = event_time(json);
        if (strcmp(type, "container") == 0 &&
            find_action(container_actions, ELEMENTSOF(container_actions), action, &event.action))
                r = decode_container_event(actor, attributes, &event);
        else if (strcmp(type, "network") == 0 &&
                 find_action(network_actions, ELEMENTSOF(network_actions), action, &event.action))
                r = decode_network_event(actor, attributes, &event, &network);
        else
                r = 0;
        if (r > 0) {
                *ret = event;
                *ret_network = network;
        }
        return r;
}
