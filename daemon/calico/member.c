/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/calico/member.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/calico/calico.h"
#include "daemon/calico/own.h"
#include "daemon/calico/random.h"
#include "daemon/calico/record.h"
#include "daemon/http/backoff.h"

#define MILLISECONDS UINT64_C(1000)
#define BACKOFF_MINIMUM (100 * MILLISECONDS)
#define BACKOFF_MAXIMUM (10000 * MILLISECONDS)

struct Member {
        const MemberContext *context;
        char *key;
        char **wanted;
        size_t n_wanted;
        EtcdRequest *request;
        sd_event_source *timer;
        Backoff backoff;
        bool again, waiting;
        uint64_t index;
        char reason[CALICO_REASON_SIZE];
};

static void look(Member *member);

static void rest(Member *member) {
        member->request = etcd_request_free(member->request);
        backoff_reset(&member->backoff);
        member->reason[0] = '\0';
        if (member->again)
                look(member);
        else
                member->context->changed(member->context->userdata, member);
}

static void fail(Member *member, const char *reason) {
        snprintf(member->reason, sizeof(member->reason), "%s", reason);
        member->request = etcd_request_free(member->request);
        member->waiting = true;
        (void) sd_event_source_set_time_relative(member->timer, backoff_next(&member->backoff, random_number()));
        (void) sd_event_source_set_enabled(member->timer, SD_EVENT_ONESHOT);
        member->context->changed(member->context->userdata, member);
}

static bool is_wanted(const Member *member, const char *profile) {
        for (size_t i = 0; i < member->n_wanted; i++)
                if (strcmp(member->wanted[i], profile) == 0)
                        return true;
        return false;
}

/* Takes over `next`, where an edit has made one. */
static void take_text(char **text, char *next) {
        free(*text);
        *text = next;
}

static int remove_unwanted(const Member *member, char **text, char reason[static RECORD_REASON_SIZE]) {
        EndpointRecord record;
        int r, changed = 0;

        r = endpoint_record_decode(*text, strlen(*text), &record, reason);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < record.n_profiles; i++) {
                char *next;

                if (!own_profile_is(record.profiles[i]) || is_wanted(member, record.profiles[i]))
                        continue;
                r = endpoint_record_remove_profile(*text, strlen(*text), record.profiles[i], &next, reason);
                if (r > 0) {
                        take_text(text, next);
                        changed = 1;
                }
        }
        endpoint_record_done(&record);
        return r < 0 ? r : changed;
}

/* Returns 1 with the new text, 0 if there is nothing to change, -EBADMSG with the reason, or -ENOMEM. */
static int edit(const Member *member, const char *value, char **ret, char reason[static RECORD_REASON_SIZE]) {
        _cleanup_free_ char *text = strdup(value);
        int r, changed;

        if (!text)
                return -ENOMEM;
        r = changed = remove_unwanted(member, &text, reason);
        for (size_t i = 0; r >= 0 && i < member->n_wanted; i++) {
                char *next;

                r = endpoint_record_add_profile(text, strlen(text), member->wanted[i], &next, reason);
                if (r > 0) {
                        take_text(&text, next);
                        changed = 1;
                }
        }
        if (r < 0 || !changed)
                return r < 0 ? r : 0;
        *ret = TAKE_PTR(text);
        return 1;
}

static void on_written(void *userdata, const EtcdAnswer *answer) {
        Member *member = userdata;

        if (answer->outcome == ETCD_OK) {
                member->index = answer->node.index;
                rest(member);
        } else if (answer->outcome == ETCD_CONFLICT || answer->outcome == ETCD_MISSING)
                look(member);
        else
                fail(member, answer->reason);
}

static void on_read(void *userdata, const EtcdAnswer *answer) {
        char reason[RECORD_REASON_SIZE];
        _cleanup_free_ char *text = NULL;
        Member *member = userdata;
        EtcdCondition condition = { ETCD_IF_INDEX_IS, answer->node.index };
        int r;

        if (answer->outcome != ETCD_OK && answer->outcome != ETCD_MISSING) {
                fail(member, answer->reason);
                return;
        }
        member->index = answer->node.index;
        r = answer->node.value ? edit(member, answer->node.value, &text, reason) : 0;
        if (r == -EBADMSG || r == 0) {
                rest(member); /* that it cannot be read is said where the record is read */
                return;
        }
        member->request = etcd_request_free(member->request);
        if (r > 0)
                r = etcd_put(member->context->client, member->key, text, &condition, on_written, member,
                             &member->request);
        if (r < 0)
                fail(member, strerror(-r));
}

static void look(Member *member) {
        int r;

        member->request = etcd_request_free(member->request);
        (void) sd_event_source_set_enabled(member->timer, SD_EVENT_OFF);
        member->again = member->waiting = false;
        r = etcd_get(member->context->client, member->key, on_read, member, &member->request);
        if (r < 0)
                fail(member, strerror(-r));
}

static int on_timer(_unused_ sd_event_source *source, _unused_ uint64_t time, void *userdata) {
        look(userdata);
        return 0;
}

static void forget_wanted(Member *member) {
        for (size_t i = 0; i < member->n_wanted; i++)
                free(member->wanted[i]);
        free(member->wanted);
        member->wanted = NULL;
        member->n_wanted = 0;
}

bool member_is_set(const Member *member, char *const *wanted, size_t n_wanted) {
        bool equal = n_wanted == member->n_wanted;

        for (size_t i = 0; equal && i < n_wanted; i++)
                equal = strcmp(wanted[i], member->wanted[i]) == 0;
        return equal;
}

int member_set(Member *member, char *const *wanted, size_t n_wanted) {
        if (!member_is_set(member, wanted, n_wanted)) {
                forget_wanted(member);
                member->wanted = calloc(n_wanted + 1, sizeof(*member->wanted));
                if (!member->wanted)
                        return -ENOMEM;
                for (; member->n_wanted < n_wanted; member->n_wanted++) {
                        member->wanted[member->n_wanted] = strdup(wanted[member->n_wanted]);
                        if (!member->wanted[member->n_wanted])
                                return -ENOMEM;
                }
        } else if (member->waiting)
                return 0;
        if (member->request)
                member->again = true;
        else
                look(member);
        return 0;
}

int member_new(const MemberContext *context, const char *key, Member **ret) {
        _cleanup_(member_freep) Member *member = calloc(1, sizeof(*member));
        int r;

        if (!member)
                return -ENOMEM;
        member->context = context;
        member->backoff = (Backoff) { .minimum = BACKOFF_MINIMUM, .maximum = BACKOFF_MAXIMUM };
        member->key = strdup(key);
        if (!member->key)
                return -ENOMEM;
        r = sd_event_add_time_relative(context->event, &member->timer, CLOCK_MONOTONIC, 0, MILLISECONDS, on_timer,
                                       member);
        if (r >= 0)
                r = sd_event_source_set_enabled(member->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(member);
        return 0;
}

Member *member_free(Member *member) {
        if (!member)
                return NULL;
        etcd_request_free(member->request);
        sd_event_source_disable_unref(member->timer);
        forget_wanted(member);
        free(member->key);
        free(member);
        return NULL;
}

const char *member_get_key(const Member *member) {
        return member->key;
}

bool member_is_idle(const Member *member) {
        return !member->request && !member->waiting;
}

uint64_t member_get_index(const Member *member) {
        return member->index;
}

const char *member_get_reason(const Member *member) {
        return member->reason;
}
