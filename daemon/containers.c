/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/containers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "daemon/docker/client.h"
#include "daemon/images.h"
#include "daemon/latency.h"
#include "daemon/listing.h"
#include "daemon/messages.h"
#include "daemon/timer.h"

/* A list can be older than the last event that came before it: it is asked for once more when things are quiet. */
#define LIST_TRAILING_USEC (500 * USEC_PER_MSEC)
#define LIST_FREED_USEC (100 * USEC_PER_MSEC)
#define LIST_CONNECTED_USEC (1 * USEC_PER_SEC)
#define LIST_FAILED_USEC (2 * USEC_PER_SEC)
#define LOST_AGAIN_USEC (60 * USEC_PER_SEC)

/* A restart of Docker is over by then, and needs nobody's attention. */
#define AWAY_WARNING_USEC (30 * USEC_PER_SEC)

struct Containers {
        sd_event *event;
        Model *model;
        ContainersHandlers handlers;
        void *userdata;
        DockerClient *docker;
        DockerStatus status;
        MetricsDocker metrics;
        Latency latency;
        Images *images;
        DockerPort *published; /* as of the last list */
        size_t n_published;
        sd_event_source *list_timer;
        sd_event_source *away_timer;
        uint64_t events_lost; /* when it was told last: CLOCK_MONOTONIC, 0: never */
        bool list_again; /* an event came since the list timer was started */
        Listing *listing;
        bool listed_again; /* after the first one: who is vague by then is not waited for */
        bool known;        /* see containers_are_known(); stays */
};

static void containers_changed(Containers *containers) {
        containers->handlers.changed(containers->userdata);
}

static void containers_count_request(Containers *containers, MetricsRequest request, bool failed) {
        containers->metrics.requests[request]++;
        containers->metrics.failures[request] += failed;
}

static uint64_t containers_now(const Containers *containers) {
        uint64_t now = 0;

        (void) sd_event_now(containers->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* What did not work is tried again with the next list, which may be due already. */
static void containers_list_later(Containers *containers) {
        (void) timer_start_if_off(containers->list_timer, LIST_FAILED_USEC);
}

static int on_away_for_long(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        Containers *containers = userdata;

        log_event(LOG_WARNING, MESSAGE_DOCKER_LOST, NULL,
                  "Docker is still away: %s; no change of a container is followed", containers->status.reason);
        return 0;
}

/* Docker cannot be asked, or can again (NULL). */
static void containers_set_away(Containers *containers, const char *reason) {
        bool away = reason;

        snprintf(containers->status.reason, sizeof(containers->status.reason), "%s", reason ?: "");
        if (containers->status.away == away)
                return;
        containers->status.away = away;
        if (away) {
                (void) sd_event_now(containers->event, CLOCK_REALTIME, &containers->status.since);
                timer_start(containers->away_timer, AWAY_WARNING_USEC);
        } else
                (void) sd_event_source_set_enabled(containers->away_timer, SD_EVENT_OFF);
        containers->handlers.connection(containers->userdata);
}

static void containers_inspect(Containers *containers, const char *id) {
        if (docker_client_inspect(containers->docker, id) < 0)
                containers_list_later(containers);
}

/* There was no memory to keep one. Before all of them are known, the next list is the first one again: what is missing
 * would else be taken for gone. */
static void containers_lose(Containers *containers) {
        log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL, "No memory for a container");
        if (!containers->known)
                listing_start_over(containers->listing);
        containers_list_later(containers);
}

/* It could not be looked at, and the list may not say what the reason for looking was: health, for example. */
static void containers_doubt(Containers *containers, const char *id) {
        Record *record = model_find(containers->model, id);

        if (record)
                record->doubted = true;
        containers_list_later(containers);
}

/* At most one list each LIST_TRAILING_USEC, and one after the last event, however many there are. */
static void containers_list_soon(Containers *containers) {
        if (!timer_start_if_off(containers->list_timer, LIST_TRAILING_USEC))
                containers->list_again = true;
}

/* Somebody else's container may have freed a port that it had published: a claim waits for it. */
static void containers_look_for_freed_ports(Containers *containers) {
        (void) timer_start_if_off(containers->list_timer, LIST_FREED_USEC);
        containers->list_again = true;
}

static void containers_ask_for_parked(Containers *containers) {
        const char *image_id = NULL;

        while ((image_id = images_next_parked(containers->images, image_id)))
                if (docker_client_inspect_image(containers->docker, image_id) < 0)
                        containers_list_later(containers);
}

static int on_list_timer(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        Containers *containers = userdata;

        if (containers->list_again)
                timer_start(containers->list_timer, LIST_TRAILING_USEC);
        containers->list_again = false;
        containers_ask_for_parked(containers);
        if (docker_client_list(containers->docker) < 0)
                containers_list_later(containers);
        return 0;
}

static void containers_forget(Containers *containers, const char *id) {
        bool known;

        listing_doubt(containers->listing, id);
        images_drop_parked(containers->images, id);
        known = model_remove(containers->model, id);
        latency_know(&containers->latency, id, known);
        if (known)
                containers_changed(containers);
}

/* The container is handed over; its labels are marked. A list need not say all that counts. */
static void containers_put(Containers *containers, Container *container) {
        char id[CONTAINER_ID_SIZE + 1];
        Record *record;
        int r;

        strcpy(id, container->id);
        r = model_put(containers->model, container);
        record = model_find(containers->model, id);
        if (record)
                record->doubted = false;
        latency_know(&containers->latency, id, r > 0);
        if (r < 0)
                containers_lose(containers);
        else if (r > 0)
                containers_changed(containers);
        if (r > 0 && record && record_is_vague(record))
                containers_inspect(containers, id);
}

static void containers_release_parked(Containers *containers, const char *image_id) {
        Container *container;

        while ((container = images_take_parked(containers->images, image_id))) {
                if (images_mark(containers->images, container))
                        containers_put(containers, container);
                else { /* no memory to learn it: not known whose labels they are */
                        container_free(container);
                        containers_lose(containers);
                }
        }
        containers_changed(containers);
}

/* The container is handed over. */
static void containers_ask_for_image(Containers *containers, Container *container) {
        _cleanup_free_ char *image_id = strdup(container->image_id);
        int r = images_park(containers->images, container);

        if (r > 0)
                r = image_id ? docker_client_inspect_image(containers->docker, image_id) : -ENOMEM;
        if (r == -EINVAL) { /* no such image can be */
                r = images_learn_unreadable(containers->images, image_id);
                containers_release_parked(containers, image_id);
        }
        if (r < 0)
                containers_lose(containers);
}

/* The container is handed over. It counts when it is known which of its labels are its image's. */
static void containers_learn(Containers *containers, Container *container) {
        if (container->state == CONTAINER_STOPPED) {
                containers_forget(containers, container->id);
                container_free(container);
                return;
        }
        if (images_mark(containers->images, container)) {
                images_drop_parked(containers->images, container->id);
                containers_put(containers, container);
                return;
        }
        containers_ask_for_image(containers, container);
}

static void on_docker_connected(void *userdata, const char *version, const char *api) {
        Containers *containers = userdata;
        bool named = strncmp(version, "Podman ", strlen("Podman ")) == 0;

        containers->metrics.connections++;
        log_event(LOG_INFO, MESSAGE_DOCKER_FOUND, NULL, "Connected to %s%s (API %s)", named ? "" : "Docker ", version, api);
        containers_set_away(containers, NULL);
        images_doubt_unreadable(containers->images);
        containers_ask_for_parked(containers);
        (void) docker_client_list(containers->docker);
        timer_start(containers->list_timer, LIST_CONNECTED_USEC);
}

static void on_docker_disconnected(void *userdata, const char *reason, uint64_t retry _unused_) {
        Containers *containers = userdata;

        containers->latency.n_events = 0; /* what they led to will be asked for, but not for their sake */
        log_event(LOG_NOTICE, MESSAGE_DOCKER_LOST, NULL, "Docker is away: %s; what is exposed stays", reason);
        containers_set_away(containers, reason);
}

/* What takes a container's address away acts at once, for somebody else may get it; all else asks Docker first. A
 * replayed event, or one of an earlier run, says nothing of now. */
static bool event_withdraws(const DockerEvent *event, const Record *record) {
        if (event->replayed || (event->time > 0 && event->time < record->container->started))
                return false;
        switch (event->action) {
        case DOCKER_EVENT_DIE:
        case DOCKER_EVENT_DESTROY:
                return true;
        case DOCKER_EVENT_DISCONNECT:
                return record->network && strcmp(record->network->id, event->network) == 0;
        default:
                return false;
        }
}

/* A claim that comes next finds the port free before a list says so. For one that waits already nothing is decided anew:
 * it gets the port with the list, when docker-proxy, which outlives the container for a moment, is gone as well. */
static void containers_mark_published(Containers *containers, const DockerEvent *event) {
        bool starts = event->action == DOCKER_EVENT_START;
        bool ends = event->action == DOCKER_EVENT_DIE || event->action == DOCKER_EVENT_DESTROY;

        for (size_t i = 0; (starts || ends) && !event->replayed && i < containers->n_published; i++)
                if (strcmp(containers->published[i].container, event->container) == 0)
                        containers->published[i].stopped = ends;
}

static void on_docker_event(void *userdata, const DockerEvent *event) {
        Containers *containers = userdata;
        const Record *record = model_find(containers->model, event->container);

        containers->metrics.events[event->action]++;
        containers_mark_published(containers, event);
        if (!record && !event->labelled && !images_has_container(containers->images, event->container)) {
                if (model_waits_for_host_ports(containers->model))
                        containers_look_for_freed_ports(containers);
                return;
        }
        if (!event->replayed)
                latency_begin(&containers->latency, event->container, containers_now(containers));
        if (record && event_withdraws(event, record))
                containers_forget(containers, event->container);
        if (event->action != DOCKER_EVENT_DESTROY || event->replayed)
                containers_inspect(containers, event->container);
        if (event->action == DOCKER_EVENT_START && containers->handlers.starting)
                containers->handlers.starting(containers->userdata);
        containers_list_soon(containers);
}

/* An engine that writes nonsense all the time is told of, and asked, now and then. */
static void on_docker_events_lost(void *userdata, const char *reason) {
        Containers *containers = userdata;
        uint64_t now = 0;

        containers->metrics.events_lost++;
        (void) sd_event_now(containers->event, CLOCK_MONOTONIC, &now);
        if (containers->events_lost == 0 || now - containers->events_lost >= LOST_AGAIN_USEC) {
                log_event(LOG_NOTICE, MESSAGE_TRUNCATED, NULL, "Events of Docker were lost (%s): reading all anew",
                          reason);
                containers->events_lost = now;
        }
        if (!timer_start_if_off(containers->list_timer, LIST_TRAILING_USEC))
                containers->list_again = true;
        else if (docker_client_list(containers->docker) < 0)
                containers_list_later(containers);
}

static void on_row_of_first_list(void *userdata, Container *container) {
        containers_learn(userdata, container);
}

static void on_row_in_doubt(void *userdata, const char *id) {
        containers_inspect(userdata, id);
}

/* A first list is taken when it is whole; its images are known by then, mostly, and no row has to wait for one. */
static void containers_foresee_image(Containers *containers, Container *row) {
        if (!images_mark(containers->images, row))
                (void) docker_client_inspect_image(containers->docker, row->image_id);
}

static void on_docker_row(void *userdata, Container *container) {
        Containers *containers = userdata;

        if (!listing_is_there(containers->listing))
                containers_foresee_image(containers, container);
        listing_add(containers->listing, container);
}

static void on_docker_listed(void *userdata, DockerList *list, int error, const char *reason) {
        Containers *containers = userdata;
        int r;

        containers_count_request(containers, METRICS_LIST, error < 0);
        if (error < 0) {
                listing_abandon(containers->listing);
                if (error != -ENOTCONN) /* which is said already */
                        log_event(LOG_WARNING, MESSAGE_DOCKER_LOST, NULL,
                                  "Cannot list Docker's containers: %s", reason);
                containers_list_later(containers);
                containers_set_away(containers, reason);
                return;
        }
        containers_set_away(containers, NULL);
        if (list->truncated)
                log_event(LOG_WARNING, MESSAGE_TRUNCATED, NULL,
                          "Docker's list of containers could not be read whole: what is not in it stays as it is");
        free(containers->published);
        containers->published = TAKE_PTR(list->host_ports);
        containers->n_published = list->n_host_ports;
        r = listing_finish(containers->listing);
        if (r < 0)
                containers_lose(containers);
        containers->listed_again = r == 0;
        containers_changed(containers);
}

/* Where it cannot be read, all labels of its containers are taken to be its own, until it is asked for again. Where
 * Docker went meanwhile, nothing is known of it; where nobody waits for it, it is asked for when somebody does. */
static void on_docker_image(void *userdata, const char *id, DockerInspectOutcome outcome, const ContainerLabel *labels,
                            size_t n_labels, const char *reason) {
        Containers *containers = userdata;
        int r;

        containers_count_request(containers, METRICS_IMAGE, outcome == DOCKER_INSPECT_FAILED);
        if (outcome == DOCKER_INSPECT_FAILED && (!docker_client_is_connected(containers->docker) ||
                                                 !images_is_awaited(containers->images, id)))
                return;
        if (outcome == DOCKER_INSPECT_FAILED && images_try_again(containers->images, id)) {
                containers_list_later(containers);
                return;
        }
        if (outcome == DOCKER_INSPECT_OK)
                r = images_learn(containers->images, id, labels, n_labels);
        else
                r = images_learn_unreadable(containers->images, id);
        if (outcome != DOCKER_INSPECT_OK && r != 0)
                log_event(LOG_WARNING, MESSAGE_IMAGE_UNREADABLE, NULL,
                          "Cannot read image %.19s (%s): its containers' labels count as the image's", id, reason);
        if (r < 0)
                log_event(LOG_ERR, MESSAGE_SYSTEM_FAILED, NULL, "No memory for an image");
        containers_release_parked(containers, id);
}

static void on_docker_inspected(void *userdata, const char *id, DockerInspectOutcome outcome, Container *container,
                                const char *reason) {
        Containers *containers = userdata;

        containers_count_request(containers, METRICS_INSPECT, outcome == DOCKER_INSPECT_FAILED);
        switch (outcome) {
        case DOCKER_INSPECT_OK:
                containers_learn(containers, container);
                return;
        case DOCKER_INSPECT_GONE:
                containers_forget(containers, id);
                return;
        case DOCKER_INSPECT_FAILED:
                log_line(LOG_DEBUG, "Cannot inspect %.12s: %s", id, reason);
                containers_doubt(containers, id);
                return;
        }
}

static const ListingHandlers listing_handlers = { .learn = on_row_of_first_list, .inspect = on_row_in_doubt };

static const DockerHandlers docker_handlers = {
        .connected = on_docker_connected,
        .disconnected = on_docker_disconnected,
        .event = on_docker_event,
        .events_lost = on_docker_events_lost,
        .row = on_docker_row,
        .listed = on_docker_listed,
        .inspected = on_docker_inspected,
        .image = on_docker_image,
};

/* A list need not say all that counts: until Docker was asked, what a container has must not be withdrawn. */
static bool nothing_is_vague(const Containers *containers) {
        size_t n;
        Record *const *records = model_records(containers->model, &n);

        for (size_t i = 0; i < n; i++)
                if (record_is_vague(records[i]))
                        return false;
        return true;
}

bool containers_are_known(Containers *containers) {
        containers->known |= listing_is_there(containers->listing) && !images_has_parked(containers->images) &&
                             (containers->listed_again || nothing_is_vague(containers));
        return containers->known;
}

const DockerStatus *containers_docker_status(const Containers *containers) {
        return &containers->status;
}

const MetricsDocker *containers_metrics(const Containers *containers) {
        return &containers->metrics;
}

void containers_set_carried_out(Containers *containers) {
        latency_finish(&containers->latency, containers_now(containers), &containers->metrics.latency);
}

void containers_refresh(Containers *containers) {
        images_doubt_unreadable(containers->images);
        if (docker_client_list(containers->docker) < 0)
                containers_list_later(containers);
}

const DockerPort *containers_published(const Containers *containers, size_t *ret_count) {
        *ret_count = containers->n_published;
        return containers->published;
}

int containers_set_socket(Containers *containers, const char *socket_path) {
        DockerClient *docker;
        int r;

        r = docker_client_new(containers->event, socket_path, &docker_handlers, containers, &docker);
        if (r < 0)
                return r;
        docker_client_free(containers->docker);
        listing_abandon(containers->listing);
        containers->docker = docker;
        return 0;
}

int containers_new(sd_event *event, const char *socket_path, Model *model, const ContainersHandlers *handlers,
                   void *userdata, Containers **ret) {
        _cleanup_(containers_freep) Containers *containers = calloc(1, sizeof(*containers));
        int r;

        if (!containers)
                return -ENOMEM;
        *containers = (Containers) {
                .event = event,
                .model = model,
                .handlers = *handlers,
                .userdata = userdata,
                .images = images_new(),
        };
        if (!containers->images)
                return -ENOMEM;
        r = timer_new(event, on_list_timer, containers, &containers->list_timer);
        if (r >= 0)
                r = timer_new(event, on_away_for_long, containers, &containers->away_timer);
        if (r >= 0)
                r = listing_new(event, model, containers->images, &listing_handlers, containers, &containers->listing);
        if (r >= 0)
                r = containers_set_socket(containers, socket_path);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(containers);
        return 0;
}

Containers *containers_free(Containers *containers) {
        if (!containers)
                return NULL;
        docker_client_free(containers->docker);
        sd_event_source_unref(containers->list_timer);
        sd_event_source_unref(containers->away_timer);
        listing_free(containers->listing);
        images_free(containers->images);
        free(containers->published);
        free(containers);
        return NULL;
}
