/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/conntrack.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "common/array.h"
#include "common/clock.h"
#include "common/netlink.h"
#include "daemon/net/ctnetlink.h"
#include "daemon/net/netlink.h"
#include "daemon/net/rtnl.h"

#define LOOKS 2
#define LOOK_AGAIN_USEC UINT64_C(50000)
#define RETRY_USEC UINT64_C(1000000)
#define FAILURES_MAX 5

/* Reading the table costs even where it is empty (10 ms for 262,144 buckets), so that containers which come and go all
 * the time must share sweeps: after one, there is a pause of some times its own length. One that follows a quiet time
 * begins at once. */
#define PAUSE_FACTOR 4
#define PAUSE_USEC_MAX UINT64_C(250000)

/* The kernel answers at once: a dump that stands still for so long will not go on. */
#define SILENCE_USEC_MAX UINT64_C(5000000)

/* Behind the pass, which sends nothing through connection tracking: what a part of the dump takes is the kernel's, and
 * where little is in the table, the whole of it is one part. */
#define SWEEP_PRIORITY (SD_EVENT_PRIORITY_IDLE + 10)

/* But where there is always something else to do, old flows do not stay for ever: so long after it was due, a part of a
 * sweep goes before the pass, and so long after that the next. Not all of them at once: where the table is large, that
 * is a second, in which nothing could be withdrawn. */
#define URGENT_USEC UINT64_C(100000)
#define URGENT_AGAIN_USEC UINT64_C(2000)

#define LOCAL_MEMORY 8

/* A filter on its way through its looks. */
typedef struct Pending {
        FlowFilter filter;
        uint64_t due; /* CLOCK_MONOTONIC */
        unsigned looks;
        unsigned failures;
        bool active; /* the sweep that runs is for it */
} Pending;

/* Deletions that are collected and sent in one go. */
typedef struct Batch {
        _Alignas(struct nlmsghdr) char buffer[(size_t) NETLINK_MANY_MAX * CTNETLINK_DELETE_SIZE_MAX];
        size_t size;
        unsigned count;
} Batch;

/* One reading of the table. */
typedef struct Sweep {
        bool running;
        uint64_t started; /* CLOCK_MONOTONIC */
        FlowIndex index;
        bool ipv4, ipv6; /* families that are still to be read */
        bool reading;    /* a dump has begun, and its end was not seen yet */
        int error;
} Sweep;

typedef struct Locality {
        Address address;
        bool local;
} Locality;

struct Conntrack {
        sd_event *event;
        const ConntrackHandlers *handlers;
        void *userdata;
        sd_event_source *timer;
        sd_event_source *urgent;
        /* What the dumps come by: kept, for closing such a socket waits until nf_tables has freed what was removed
         * last, 6 to 20 ms after a withdrawal (nft_rcv_nl_event() in the kernel). Closed with an unfinished dump in
         * it. */
        int dumps;
        sd_event_source *dumps_source;
        Netlink deletions;
        Netlink routes;
        Pending *pending;
        size_t n_pending;
        size_t pending_capacity;
        Sweep sweep;
        uint64_t pause; /* no sweep before that, CLOCK_MONOTONIC */
        Batch batch;
        Locality localities[LOCAL_MEMORY]; /* of the sweep that runs */
        unsigned n_localities;
        size_t deleted; /* not reported yet */
};

static void sweep_fail(Conntrack *conntrack, int error) {
        if (conntrack->sweep.error >= 0)
                conntrack->sweep.error = error;
}

static void dumps_close(Conntrack *conntrack) {
        conntrack->dumps_source = sd_event_source_disable_unref(conntrack->dumps_source);
        conntrack->dumps = close_fd(conntrack->dumps);
        conntrack->sweep.reading = false;
}

/* Deleting */

static void on_deleted(int error, void *userdata) {
        Conntrack *conntrack = userdata;

        /* ENOENT: it ended by itself. */
        if (error == 0)
                conntrack->deleted++;
        else if (error != -ENOENT)
                sweep_fail(conntrack, error);
}

static void batch_flush(Conntrack *conntrack) {
        Batch *batch = &conntrack->batch;
        int r;

        if (batch->count == 0)
                return;
        r = netlink_request_many(&conntrack->deletions, batch->buffer, batch->size, on_deleted, conntrack);
        if (r < 0)
                sweep_fail(conntrack, r);
        batch->size = 0;
        batch->count = 0;
}

static void batch_add(Conntrack *conntrack, const struct nlmsghdr *entry) {
        Batch *batch = &conntrack->batch;
        int r;

        if (batch->count == NETLINK_MANY_MAX)
                batch_flush(conntrack);
        r = ctnetlink_put_delete(batch->buffer + batch->size, CTNETLINK_DELETE_SIZE_MAX, entry);
        if (r < 0) {
                sweep_fail(conntrack, r);
                return;
        }
        batch->size += (size_t) r;
        batch->count++;
}

/* Matching */

/* 1, 0, or negative errno. */
static int address_is_local(Conntrack *conntrack, const Address *address) {
        Locality *place;
        int r;

        for (unsigned i = 0; i < MIN(conntrack->n_localities, LOCAL_MEMORY); i++)
                if (address_compare(&conntrack->localities[i].address, address) == 0)
                        return conntrack->localities[i].local;
        r = rtnl_address_is_local(&conntrack->routes, address);
        if (r < 0)
                return r;
        place = &conntrack->localities[conntrack->n_localities++ % LOCAL_MEMORY];
        *place = (Locality) { .address = *address, .local = r > 0 };
        return r;
}

static void sweep_on_entry(Conntrack *conntrack, const struct nlmsghdr *message) {
        FlowKind kind;
        Flow flow;
        int r;

        r = ctnetlink_decode(message, &flow);
        if (r > 0 && flow_index_match(&conntrack->sweep.index, &flow, &kind)) {
                if (kind == FLOW_UNTRANSLATED)
                        r = address_is_local(conntrack, &flow.destination);
                if (r > 0)
                        batch_add(conntrack, message);
        }
        if (r < 0)
                sweep_fail(conntrack, r);
}

/* Reading */

static int timer_set(sd_event_source *timer, uint64_t usec) {
        int r = sd_event_source_set_time(timer, usec);

        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* From now on, the kernel has some time to say more. */
static void sweep_watch(Conntrack *conntrack) {
        uint64_t now;

        if (sd_event_now(conntrack->event, CLOCK_MONOTONIC, &now) < 0)
                return;
        (void) timer_set(conntrack->timer, now + SILENCE_USEC_MAX);
}

static int sweep_on_part(sd_event_source *source, int fd, uint32_t events, void *userdata);

/* They have the timer's priority. */
static int dumps_open(Conntrack *conntrack) {
        int64_t priority;
        int r;

        if (conntrack->dumps >= 0)
                return 0;
        conntrack->dumps = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
        if (conntrack->dumps < 0)
                return -errno;
        r = sd_event_add_io(conntrack->event, &conntrack->dumps_source, conntrack->dumps, EPOLLIN, sweep_on_part,
                            conntrack);
        if (r >= 0)
                r = sd_event_source_get_priority(conntrack->timer, &priority);
        return r < 0 ? r : sd_event_source_set_priority(conntrack->dumps_source, priority);
}

/* What cannot be set stays as it is. */
static void conntrack_set_priority(Conntrack *conntrack, int64_t priority) {
        (void) sd_event_source_set_priority(conntrack->timer, priority);
        if (conntrack->dumps_source)
                (void) sd_event_source_set_priority(conntrack->dumps_source, priority);
}

/* Nothing is to be done, or not yet. */
static void conntrack_rest(Conntrack *conntrack) {
        (void) sd_event_source_set_enabled(conntrack->timer, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(conntrack->urgent, SD_EVENT_OFF);
        conntrack_set_priority(conntrack, SWEEP_PRIORITY);
}

/* A part went before the pass: now that has its turn, and whatever else waits. The loop's time is from before the part,
 * which may have taken longer than this. */
static void conntrack_give_way(Conntrack *conntrack) {
        if (!conntrack->sweep.running || sd_event_source_get_enabled(conntrack->urgent, NULL) != 0)
                return;
        if (timer_set(conntrack->urgent, clock_usec(CLOCK_MONOTONIC) + URGENT_AGAIN_USEC) >= 0)
                conntrack_set_priority(conntrack, SWEEP_PRIORITY);
}

static int sweep_ask(Conntrack *conntrack, uint8_t family) {
        _Alignas(struct nlmsghdr) char request[NETLINK_REQUEST_SIZE];
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
        const struct nlmsghdr *header = ctnetlink_put_dump(request, family, 1);
        ssize_t sent;
        int r = dumps_open(conntrack);

        if (r < 0)
                return r;
        sweep_watch(conntrack);
        sent = sendto(conntrack->dumps, header, header->nlmsg_len, 0, (const struct sockaddr *) &kernel,
                      sizeof(kernel));
        if (sent < 0)
                return -errno;
        conntrack->sweep.reading = true;
        return 0;
}

static int conntrack_schedule(Conntrack *conntrack);

static bool pending_settle(Pending *pending, uint64_t now, int error) {
        if (error < 0) {
                pending->due = now + RETRY_USEC;
                return ++pending->failures < FAILURES_MAX;
        }
        pending->due = now + LOOK_AGAIN_USEC;
        return --pending->looks > 0;
}

/* Each filter of the sweep goes, or waits for its next look. True if one is through. */
static bool sweep_settle(Conntrack *conntrack, uint64_t now) {
        bool through = false;
        size_t kept = 0;

        for (size_t i = 0; i < conntrack->n_pending; i++) {
                Pending *pending = &conntrack->pending[i];
                bool keep = !pending->active || pending_settle(pending, now, conntrack->sweep.error);

                pending->active = false;
                if (keep)
                        conntrack->pending[kept++] = *pending;
                else
                        conntrack->handlers->through(conntrack->userdata, &pending->filter);
                through = through || !keep;
        }
        conntrack->n_pending = kept;
        return through;
}

static void sweep_finish(Conntrack *conntrack) {
        Sweep *sweep = &conntrack->sweep;
        int error = sweep->error;
        uint64_t now = sweep->started;
        size_t deleted;
        bool through;

        (void) sd_event_now(conntrack->event, CLOCK_MONOTONIC, &now);
        through = sweep_settle(conntrack, now);
        if (sweep->reading)
                dumps_close(conntrack);
        flow_index_done(&sweep->index);
        sweep->running = false;
        conntrack_rest(conntrack);
        conntrack->pause = now + MIN((now - sweep->started) * PAUSE_FACTOR, PAUSE_USEC_MAX);
        (void) conntrack_schedule(conntrack);

        if (!through && error >= 0)
                return;
        deleted = conntrack->deleted;
        conntrack->deleted = 0;
        conntrack->handlers->done(conntrack->userdata, deleted, error);
}

/* On to the next family, or to the end; after an error as well, for most of them concern single entries. */
static void sweep_next(Conntrack *conntrack) {
        Sweep *sweep = &conntrack->sweep;
        int r = 0;

        sweep->reading = false;
        if (sweep->ipv4) {
                sweep->ipv4 = false;
                r = sweep_ask(conntrack, AF_INET);
        } else if (sweep->ipv6) {
                sweep->ipv6 = false;
                r = sweep_ask(conntrack, AF_INET6);
        }
        if (r < 0) {
                sweep_fail(conntrack, r);
                dumps_close(conntrack);
        }
        if (!sweep->reading)
                sweep_finish(conntrack);
}

/* True at the end of the dump. */
static bool sweep_take_part(Conntrack *conntrack, const struct nlmsghdr *message, size_t size) {
        bool end = false;

        for (; message_is_whole(message, size); message = message_next(message, &size)) {
                if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
                        int r = netlink_error(message);

                        if (r < 0)
                                sweep_fail(conntrack, r);
                        end = true;
                } else
                        sweep_on_entry(conntrack, message);
        }
        batch_flush(conntrack);
        return end;
}

/* One part a turn: some 150 entries, which take half a millisecond, or two if all of them are to be deleted.
 * False if there is none yet. */
static bool sweep_read(Conntrack *conntrack) {
        _Alignas(struct nlmsghdr) char buffer[NETLINK_BUFFER_SIZE];
        ssize_t size;

        size = netlink_receive(conntrack->dumps, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size == -EAGAIN)
                return false;
        if (!conntrack->sweep.reading) /* nothing was asked */
                return true;
        sweep_watch(conntrack);
        if (size < 0) {
                sweep_fail(conntrack, (int) size);
                dumps_close(conntrack); /* with what is left of it */
        }
        if (size < 0 || sweep_take_part(conntrack, (const struct nlmsghdr *) buffer, (size_t) size))
                sweep_next(conntrack);
        conntrack_give_way(conntrack);
        return true;
}

static int sweep_on_part(_unused_ sd_event_source *source, _unused_ int fd, _unused_ uint32_t events,
                         void *userdata) {
        (void) sweep_read(userdata);
        return 0;
}

static void sweep_on_silence(Conntrack *conntrack) {
        /* It may be the loop that stood still. */
        if (sweep_read(conntrack))
                return;
        sweep_fail(conntrack, -ETIMEDOUT);
        sweep_finish(conntrack);
}

/* Beginning */

static int sweep_build_index(Conntrack *conntrack) {
        _cleanup_free_ FlowFilter *filters = calloc(conntrack->n_pending + 1, sizeof(*filters));
        size_t n = 0;

        if (!filters)
                return -ENOMEM;
        for (size_t i = 0; i < conntrack->n_pending; i++)
                if (conntrack->pending[i].active)
                        filters[n++] = conntrack->pending[i].filter;
        return flow_index_new(filters, n, &conntrack->sweep.index);
}

static void sweep_start(Conntrack *conntrack, uint64_t now) {
        Sweep *sweep = &conntrack->sweep;
        int r;

        *sweep = (Sweep) { .running = true, .started = now };
        conntrack->n_localities = 0;
        for (size_t i = 0; i < conntrack->n_pending; i++) {
                Pending *pending = &conntrack->pending[i];

                pending->active = pending->due <= now;
                sweep->ipv4 = sweep->ipv4 || (pending->active && pending->filter.family == AF_INET);
                sweep->ipv6 = sweep->ipv6 || (pending->active && pending->filter.family == AF_INET6);
        }
        r = sweep_build_index(conntrack);
        if (r < 0)
                sweep_fail(conntrack, r);
        sweep_next(conntrack);
}

static int conntrack_on_timer(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        Conntrack *conntrack = userdata;
        uint64_t now;
        int r;

        r = sd_event_now(conntrack->event, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        if (conntrack->sweep.running)
                sweep_on_silence(conntrack);
        else
                sweep_start(conntrack, now);
        return 0;
}

static int conntrack_on_urgent(_unused_ sd_event_source *source, _unused_ uint64_t usec, void *userdata) {
        conntrack_set_priority(userdata, SD_EVENT_PRIORITY_NORMAL);
        return 0;
}

/* What is asked for later does not put it off. */
static int conntrack_set_urgent(Conntrack *conntrack, uint64_t next) {
        uint64_t now;
        int r = sd_event_source_get_enabled(conntrack->urgent, NULL);

        if (r != 0)
                return r;
        r = sd_event_now(conntrack->event, CLOCK_MONOTONIC, &now);
        return r < 0 ? r : timer_set(conntrack->urgent, MAX(next, now) + URGENT_USEC);
}

static int conntrack_schedule(Conntrack *conntrack) {
        uint64_t next = UINT64_MAX;
        int r;

        if (conntrack->sweep.running || conntrack->n_pending == 0)
                return 0;
        for (size_t i = 0; i < conntrack->n_pending; i++)
                next = MIN(next, conntrack->pending[i].due);
        next = MAX(next, conntrack->pause);
        r = timer_set(conntrack->timer, next);
        return r < 0 ? r : conntrack_set_urgent(conntrack, next);
}

int conntrack_delete(Conntrack *conntrack, const FlowFilter *filters, size_t n_filters) {
        int r;

        r = array_reserve(&conntrack->pending, &conntrack->pending_capacity, conntrack->n_pending + n_filters,
                          sizeof(*conntrack->pending));
        if (r < 0)
                return r;
        for (size_t i = 0; i < n_filters; i++)
                conntrack->pending[conntrack->n_pending++] = (Pending) { .filter = filters[i], .looks = LOOKS };
        return conntrack_schedule(conntrack);
}

bool conntrack_is_busy(const Conntrack *conntrack) {
        return conntrack->n_pending > 0;
}

static int conntrack_start(Conntrack *conntrack) {
        int r;

        r = netlink_open(NETLINK_NETFILTER, &conntrack->deletions);
        if (r < 0)
                return r;
        r = netlink_open(NETLINK_ROUTE, &conntrack->routes);
        if (r < 0)
                return r;
        r = sd_event_add_time(conntrack->event, &conntrack->timer, CLOCK_MONOTONIC, 0, 1000, conntrack_on_timer,
                              conntrack);
        if (r >= 0)
                r = sd_event_add_time(conntrack->event, &conntrack->urgent, CLOCK_MONOTONIC, 0, 1000,
                                      conntrack_on_urgent, conntrack);
        if (r < 0)
                return r;
        conntrack_rest(conntrack);
        return 0;
}

int conntrack_new(sd_event *event, const ConntrackHandlers *handlers, void *userdata, Conntrack **ret) {
        _cleanup_(conntrack_freep) Conntrack *conntrack = calloc(1, sizeof(*conntrack));
        int r;

        if (!conntrack)
                return -ENOMEM;
        conntrack->event = sd_event_ref(event);
        conntrack->handlers = handlers;
        conntrack->userdata = userdata;
        conntrack->dumps = -1;
        conntrack->deletions = NETLINK_CLOSED;
        conntrack->routes = NETLINK_CLOSED;
        r = conntrack_start(conntrack);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(conntrack);
        return 0;
}

Conntrack *conntrack_free(Conntrack *conntrack) {
        if (!conntrack)
                return NULL;
        dumps_close(conntrack);
        flow_index_done(&conntrack->sweep.index);
        sd_event_source_disable_unref(conntrack->timer);
        sd_event_source_disable_unref(conntrack->urgent);
        netlink_close(&conntrack->deletions);
        netlink_close(&conntrack->routes);
        free(conntrack->pending);
        sd_event_unref(conntrack->event);
        free(conntrack);
        return NULL;
}
