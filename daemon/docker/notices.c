/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/notices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

/* See notices_inspect_failed_later(). */
#define LATER_MICROSECONDS UINT64_C(100000)
#define ACCURACY_MICROSECONDS 1000

typedef enum NoticeKind {
        NOTICE_CONNECTED,
        NOTICE_DISCONNECTED,
        NOTICE_EVENT,
        NOTICE_EVENTS_LOST,
        NOTICE_ROW,
        NOTICE_LISTED,
        NOTICE_INSPECTED,
        NOTICE_IMAGE,
} NoticeKind;

typedef struct Notice {
        TAILQ_ENTRY(Notice) entry;
        NoticeKind kind;
        char *text;   /* reason, version, or what event.network points to */
        char *second; /* api */
        uint64_t retry;
        DockerEvent event;
        DockerList list;
        int error;
        char id[INSPECT_ID_SIZE];
        DockerInspectOutcome outcome;
        Container *container;
        ContainerLabel *labels;
        size_t n_labels;
} Notice;

typedef TAILQ_HEAD(NoticeList, Notice) NoticeList;

struct Notices {
        DockerHandlers handlers;
        void *userdata;
        sd_event *event;
        sd_event_source *source; /* hands out what waits */
        sd_event_source *timer;  /* hands it out later */
        NoticeList waiting;
        bool telling; /* a handler runs: the memory stays until it is back */
        bool freed;
};

void docker_list_done(DockerList *list) {
        free(list->host_ports);
        *list = (DockerList) {};
}

static void notice_free(Notice *notice) {
        if (!notice)
                return;
        docker_list_done(&notice->list);
        container_free(notice->container);
        container_labels_free(notice->labels, notice->n_labels);
        free(notice->text);
        free(notice->second);
        free(notice);
}

static void notice_list_free(NoticeList *list) {
        Notice *notice;

        while ((notice = TAILQ_FIRST(list))) {
                TAILQ_REMOVE(list, notice, entry);
                notice_free(notice);
        }
}

static void notice_tell(Notice *notice, const DockerHandlers *handlers, void *userdata) {
        const char *reason = notice->text ? notice->text : "";

        switch (notice->kind) {
        case NOTICE_CONNECTED:
                handlers->connected(userdata, notice->text, notice->second);
                break;
        case NOTICE_DISCONNECTED:
                handlers->disconnected(userdata, reason, notice->retry);
                break;
        case NOTICE_EVENT:
                handlers->event(userdata, &notice->event);
                break;
        case NOTICE_EVENTS_LOST:
                handlers->events_lost(userdata, reason);
                break;
        case NOTICE_ROW:
                handlers->row(userdata, TAKE_PTR(notice->container));
                break;
        case NOTICE_LISTED:
                handlers->listed(userdata, notice->error == 0 ? &notice->list : NULL, notice->error, reason);
                break;
        case NOTICE_INSPECTED:
                handlers->inspected(userdata, notice->id, notice->outcome, TAKE_PTR(notice->container), reason);
                break;
        case NOTICE_IMAGE:
                if (handlers->image)
                        handlers->image(userdata, notice->id, notice->outcome, notice->labels, notice->n_labels,
                                        reason);
                break;
        }
}

static void tell_waiting(Notices *notices) {
        NoticeList now = TAILQ_HEAD_INITIALIZER(now);
        Notice *notice;

        /* What the handlers cause is for the next round: one that asks again at each failure would else keep the loop
         * here for ever. */
        TAILQ_CONCAT(&now, &notices->waiting, entry);
        notices->telling = true;
        while (!notices->freed && (notice = TAILQ_FIRST(&now))) {
                TAILQ_REMOVE(&now, notice, entry);
                notice_tell(notice, &notices->handlers, notices->userdata);
                notice_free(notice);
        }
        notices->telling = false;
        notice_list_free(&now);
        if (notices->freed)
                free(notices);
}

static int on_waiting(_unused_ sd_event_source *source, void *userdata) {
        tell_waiting(userdata);
        return 0;
}

static int on_later(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        tell_waiting(userdata);
        return 0;
}

static int add_sources(Notices *notices) {
        int r;

        r = sd_event_add_defer(notices->event, &notices->source, on_waiting, notices);
        if (r >= 0)
                r = sd_event_source_set_enabled(notices->source, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(notices->event, &notices->timer, CLOCK_MONOTONIC, 0, ACCURACY_MICROSECONDS,
                                      on_later, notices);
        if (r >= 0)
                r = sd_event_source_set_enabled(notices->timer, SD_EVENT_OFF);
        return r;
}

int notices_new(sd_event *event, const DockerHandlers *handlers, void *userdata, Notices **ret) {
        _cleanup_(notices_freep) Notices *notices = calloc(1, sizeof(*notices));
        int r;

        if (!notices)
                return -ENOMEM;
        TAILQ_INIT(&notices->waiting);
        notices->handlers = *handlers;
        notices->userdata = userdata;
        notices->event = sd_event_ref(event);
        r = add_sources(notices);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(notices);
        return 0;
}

Notices *notices_free(Notices *notices) {
        if (!notices)
                return NULL;
        notice_list_free(&notices->waiting);
        sd_event_source_disable_unref(notices->source);
        sd_event_source_disable_unref(notices->timer);
        sd_event_unref(notices->event);
        if (notices->telling)
                notices->freed = true;
        else
                free(notices);
        return NULL;
}

static void fail(Notices *notices, int error) {
        (void) sd_event_exit(notices->event, error);
}

/* NULL: there is no memory, and the loop was told so. */
static Notice *notice_new(Notices *notices, NoticeKind kind, const char *text) {
        Notice *notice = calloc(1, sizeof(*notice));

        if (notice) {
                notice->kind = kind;
                notice->text = text ? strdup(text) : NULL;
        }
        if (!notice || (text && !notice->text)) {
                notice_free(notice);
                fail(notices, -ENOMEM);
                return NULL;
        }
        return notice;
}

static void notices_add(Notices *notices, Notice *notice) {
        int r;

        TAILQ_INSERT_TAIL(&notices->waiting, notice, entry);
        r = sd_event_source_set_enabled(notices->source, SD_EVENT_ONESHOT);
        if (r < 0)
                fail(notices, r);
}

void notices_connected(Notices *notices, const char *version, const char *api) {
        Notice *notice = notice_new(notices, NOTICE_CONNECTED, version);

        if (!notice)
                return;
        notice->second = strdup(api);
        if (!notice->second) {
                notice_free(notice);
                fail(notices, -ENOMEM);
                return;
        }
        notices_add(notices, notice);
}

void notices_disconnected(Notices *notices, const char *reason, uint64_t retry) {
        Notice *notice = notice_new(notices, NOTICE_DISCONNECTED, reason);

        if (!notice)
                return;
        notice->retry = retry;
        notices_add(notices, notice);
}

void notices_event(Notices *notices, const DockerEvent *event, char *network) {
        Notice *notice = notice_new(notices, NOTICE_EVENT, NULL);

        if (!notice) {
                free(network);
                return;
        }
        notice->event = *event;
        notice->text = network;
        notices_add(notices, notice);
}

void notices_events_lost(Notices *notices, const char *reason) {
        Notice *last = TAILQ_LAST(&notices->waiting, NoticeList);
        Notice *notice;

        /* An engine that writes nothing but garbage is one complaint. */
        if (last && last->kind == NOTICE_EVENTS_LOST && strcmp(last->text, reason) == 0)
                return;
        notice = notice_new(notices, NOTICE_EVENTS_LOST, reason);
        if (notice)
                notices_add(notices, notice);
}

int notices_row(Notices *notices, Container *container) {
        Notice *notice = calloc(1, sizeof(*notice));

        if (!notice) {
                container_free(container);
                return -ENOMEM;
        }
        notice->kind = NOTICE_ROW;
        notice->container = container;
        notices_add(notices, notice);
        return 0;
}

void notices_listed(Notices *notices, DockerList *list) {
        Notice *notice = notice_new(notices, NOTICE_LISTED, NULL);

        if (!notice) {
                docker_list_done(list);
                return;
        }
        notice->list = *list;
        *list = (DockerList) {};
        notices_add(notices, notice);
}

void notices_list_failed(Notices *notices, int error, const char *reason) {
        Notice *notice = notice_new(notices, NOTICE_LISTED, reason);

        if (!notice)
                return;
        notice->error = error;
        notices_add(notices, notice);
}

void notices_inspected(Notices *notices, const char *id, Container *container) {
        Notice *notice = notice_new(notices, NOTICE_INSPECTED, NULL);

        if (!notice) {
                container_free(container);
                return;
        }
        strcpy(notice->id, id);
        notice->outcome = DOCKER_INSPECT_OK;
        notice->container = container;
        notices_add(notices, notice);
}

void notices_image(Notices *notices, const char *image_id, ContainerLabel *labels, size_t n_labels) {
        Notice *notice = notice_new(notices, NOTICE_IMAGE, NULL);

        if (!notice) {
                container_labels_free(labels, n_labels);
                return;
        }
        strcpy(notice->id, image_id);
        notice->outcome = DOCKER_INSPECT_OK;
        notice->labels = labels;
        notice->n_labels = n_labels;
        notices_add(notices, notice);
}

static Notice *new_failed_inspect(Notices *notices, InspectKind kind, const char *id, DockerInspectOutcome outcome,
                                  const char *reason) {
        Notice *notice = notice_new(notices, kind == INSPECT_IMAGE ? NOTICE_IMAGE : NOTICE_INSPECTED, reason);

        if (notice) {
                strcpy(notice->id, id);
                notice->outcome = outcome;
        }
        return notice;
}

void notices_inspect_failed(Notices *notices, InspectKind kind, const char *id, DockerInspectOutcome outcome,
                            const char *reason) {
        Notice *notice = new_failed_inspect(notices, kind, id, outcome, reason);

        if (notice)
                notices_add(notices, notice);
}

void notices_inspect_failed_later(Notices *notices, InspectKind kind, const char *id, const char *reason) {
        Notice *notice = new_failed_inspect(notices, kind, id, DOCKER_INSPECT_FAILED, reason);
        int r;

        if (!notice)
                return;
        TAILQ_INSERT_TAIL(&notices->waiting, notice, entry);
        r = sd_event_source_get_enabled(notices->timer, NULL);
        if (r > 0)
                return;
        if (r == 0)
                r = sd_event_source_set_time_relative(notices->timer, LATER_MICROSECONDS);
        if (r >= 0)
                r = sd_event_source_set_enabled(notices->timer, SD_EVENT_ONESHOT);
        if (r < 0)
                fail(notices, r);
}
