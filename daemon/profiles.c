/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/profiles.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "daemon/announce.h"
#include "daemon/messages.h"
#include "daemon/profile-rules.h"
#include "daemon/timer.h"

/* A datastore that answers has the rule within some milliseconds: what takes longer is worth a word. */
#define PENDING_NEWS_USEC (2 * USEC_PER_SEC)
/* A restart is over by then. */
#define AWAY_WARNING_USEC (30 * USEC_PER_SEC)
/* Between two looks whether what an earlier configuration had put into the datastore is gone. */
#define LEAVING_USEC (1 * USEC_PER_SEC)

/* One datastore, one name of this host, one scope. */
struct ProfilesClient {
        Profiles *profiles;
        Calico *calico;
        char *hostname;
        bool read;            /* all records were, once */
        bool told;            /* what is needed */
        ProfilesClient *next; /* of those that are being left */
};

struct Profiles {
        sd_event *event;
        Model *model;
        ProfilesHandlers handlers;
        void *userdata;
        ProfilesClient *client;  /* NULL: none is used */
        ProfilesClient *leaving; /* what these hold is taken back */
        ClaimRules rules;        /* as the client was told last, if it was told any */
        ProfilesStatus status;
        MetricsHistogram latency;
        uint64_t connections;
        sd_event_source *news_timer, *away_timer, *leaving_timer;
        sd_event_source *status_source; /* deferred: however many rules change, the status is told once */
};

static uint64_t profiles_now(const Profiles *profiles, clockid_t clock) {
        uint64_t now = 0;

        (void) sd_event_now(profiles->event, clock, &now);
        return now;
}

static void check_memory(const Profiles *profiles, int r) {
        if (r < 0)
                (void) sd_event_exit(profiles->event, r);
}

static bool is_current(const ProfilesClient *client) {
        return client->profiles->client == client;
}

/* The status. */

static void count_rules(Profiles *profiles) {
        size_t counts[_CALICO_STATE_MAX] = {};

        for (size_t i = 0; i < profiles->rules.count; i++)
                counts[profiles->rules.items[i].state]++;
        profiles->status.in_place = counts[CALICO_IN_PLACE];
        profiles->status.pending = counts[CALICO_PENDING];
        profiles->status.refused = counts[CALICO_REFUSED];
}

static void profiles_tell_status(Profiles *profiles) {
        int r = sd_event_source_set_enabled(profiles->status_source, SD_EVENT_ONESHOT);

        check_memory(profiles, r);
}

static int on_status(sd_event_source *source _unused_, void *userdata) {
        Profiles *profiles = userdata;

        count_rules(profiles);
        profiles->handlers.status(profiles->userdata);
        return 0;
}

static void profiles_set_away(Profiles *profiles, const char *reason) {
        ProfilesStatus *status = &profiles->status;
        bool away = reason;

        snprintf(status->reason, sizeof(status->reason), "%s", reason ?: "");
        if (status->away == away)
                return;
        status->away = away;
        if (away) {
                status->since = profiles_now(profiles, CLOCK_REALTIME);
                timer_start(profiles->away_timer, AWAY_WARNING_USEC);
        } else
                (void) sd_event_source_set_enabled(profiles->away_timer, SD_EVENT_OFF);
        profiles_tell_status(profiles);
}

static int on_away_for_long(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        Profiles *profiles = userdata;

        log_event(LOG_WARNING, MESSAGE_DATASTORE_LOST, NULL,
                  "Calico's datastore is still away: %s; no endpoint is followed, and no new rule written",
                  profiles->status.reason);
        return 0;
}

/* The rules. */

static void announce_news(const Profiles *profiles, ClaimRule *rule) {
        const Record *record = model_find(profiles->model, rule->container);

        rule->news = false;
        if (record && rule->claim < record->n_claims)
                announce_rule(record, rule);
}

static void announce_trouble(const Profiles *profiles, ClaimRule *rule) {
        const Record *record = model_find(profiles->model, rule->container);

        rule->warned = true;
        if (record && rule->claim < record->n_claims)
                announce_rule_trouble(record, rule);
}

static int on_news(sd_event_source *source _unused_, uint64_t now, void *userdata) {
        Profiles *profiles = userdata;
        uint64_t next = UINT64_MAX;

        for (size_t i = 0; i < profiles->rules.count; i++) {
                ClaimRule *rule = &profiles->rules.items[i];

                if (rule->state != CALICO_PENDING || !rule->news)
                        continue;
                if (rule->since + PENDING_NEWS_USEC <= now)
                        announce_news(profiles, rule);
                else
                        next = MIN(next, rule->since + PENDING_NEWS_USEC - now);
        }
        if (next != UINT64_MAX)
                timer_start(profiles->news_timer, next);
        return 0;
}

static void take_outcome(Profiles *profiles, ClaimRule *rule, const CalicoOutcome *outcome) {
        uint64_t now = profiles_now(profiles, CLOCK_MONOTONIC);

        if (!claim_rule_set(rule, outcome, now))
                return;
        if (rule->state == CALICO_IN_PLACE)
                metrics_observe(&profiles->latency, now - rule->since);
        if (rule->state == CALICO_PENDING)
                (void) timer_start_if_off(profiles->news_timer, PENDING_NEWS_USEC);
        else
                announce_news(profiles, rule);
        if (rule->state == CALICO_IN_PLACE && rule->warning && !rule->warned)
                announce_trouble(profiles, rule);
        profiles_tell_status(profiles);
}

/* As long as nothing was told. */
static void explain_unread(Profiles *profiles) {
        const char *away = profiles->status.away ? profiles->status.reason : "Calico's datastore was not read yet";
        const CalicoOutcome outcome = { .state = CALICO_PENDING, .profile = "", .reason = away };

        for (size_t i = 0; i < profiles->rules.count; i++)
                take_outcome(profiles, &profiles->rules.items[i], &outcome);
}

static void tell_needs(Profiles *profiles) {
        _cleanup_free_ CalicoNeed *needs = calloc(profiles->rules.count + 1, sizeof(*needs));
        int r;

        for (size_t i = 0; needs && i < profiles->rules.count; i++)
                needs[i] = profiles->rules.items[i].need;
        r = needs ? calico_set_needs(profiles->client->calico, needs, profiles->rules.count) : -ENOMEM;
        if (r < 0) {
                check_memory(profiles, r); /* which rule an outcome is of would not be known any more */
                return;
        }
        profiles->client->told = true;
        for (size_t i = 0; i < profiles->rules.count; i++) {
                const CalicoOutcome outcome = calico_get_outcome(profiles->client->calico, i);

                take_outcome(profiles, &profiles->rules.items[i], &outcome);
        }
}

/* The caller tells the status. */
void profiles_set_carried_out(Profiles *profiles) {
        ClaimRules rules;
        bool equal;
        int r;

        if (!profiles->client)
                return;
        r = claim_rules_collect(profiles->model, profiles_now(profiles, CLOCK_MONOTONIC), &rules);
        if (r < 0) {
                check_memory(profiles, r);
                return;
        }
        equal = claim_rules_carry_over(&rules, &profiles->rules);
        claim_rules_done(&profiles->rules);
        profiles->rules = rules;
        if (!profiles->client->read)
                explain_unread(profiles);
        else if (!equal || !profiles->client->told)
                tell_needs(profiles);
        count_rules(profiles);
}

/* What the datastore says. */

static void log_unreadable(const CalicoEndpoint *endpoint) {
        log_event(LOG_WARNING, MESSAGE_RECORD_BAD, NULL, "Calico's record of endpoint %s%s%.12s cannot be read: %s",
                  endpoint->id, *endpoint->container ? " of container " : "", endpoint->container, endpoint->reason);
}

static void put_endpoint(void *userdata, const CalicoEndpoint *endpoint) {
        Profiles *profiles = userdata;
        Attachment *attachment = profile_rule_attachment(endpoint);

        check_memory(profiles, attachment ? model_put_attachment(profiles->model, attachment) : -ENOMEM);
}

/* Until all are there, what an earlier client had said holds. */
static void on_endpoint(void *userdata, const CalicoEndpoint *endpoint, bool gone) {
        ProfilesClient *client = userdata;
        Profiles *profiles = client->profiles;

        if (!is_current(client))
                return;
        if (!gone && *endpoint->reason)
                log_unreadable(endpoint);
        if (!client->read)
                return;
        if (gone)
                model_remove_attachment(profiles->model, endpoint->container, endpoint->id);
        else
                put_endpoint(profiles, endpoint);
        profiles->handlers.changed(profiles->userdata);
}

static void on_connected(void *userdata) {
        ProfilesClient *client = userdata;
        Profiles *profiles = client->profiles;

        if (!is_current(client))
                return;
        log_event(LOG_INFO, MESSAGE_DATASTORE_FOUND, NULL, "Connected to Calico's datastore, as host %s",
                  client->hostname);
        profiles->connections++;
        profiles_set_away(profiles, NULL);
        if (!client->read) {
                client->read = true;
                model_forget_attachments(profiles->model);
                calico_foreach_endpoint(client->calico, put_endpoint, profiles);
                model_set_attachments_state(profiles->model, ATTACHMENTS_KNOWN);
                profiles->handlers.changed(profiles->userdata);
        }
        profiles_tell_status(profiles);
}

static void on_disconnected(void *userdata, const char *reason) {
        ProfilesClient *client = userdata;
        Profiles *profiles = client->profiles;

        if (!is_current(client))
                return;
        log_event(LOG_NOTICE, MESSAGE_DATASTORE_LOST, NULL,
                  "Calico's datastore is away: %s; what is exposed stays, and new rules are pending", reason);
        profiles_set_away(profiles, reason);
        if (!client->read)
                explain_unread(profiles);
}

static void on_outcome(void *userdata, size_t i, const CalicoOutcome *outcome) {
        ProfilesClient *client = userdata;

        if (is_current(client) && i < client->profiles->rules.count)
                take_outcome(client->profiles, &client->profiles->rules.items[i], outcome);
}

static void on_warning(void *userdata _unused_, const char *text) {
        log_event(LOG_WARNING, MESSAGE_DATASTORE_WARNING, NULL, "%s", text);
}

/* Which datastore. */

ProfilesClient *profiles_abandon(ProfilesClient *client) {
        if (!client)
                return NULL;
        calico_free(client->calico);
        free(client->hostname);
        free(client);
        return NULL;
}

int profiles_prepare(Profiles *profiles, const CalicoConfig *config, ProfilesClient **ret) {
        static const CalicoHandlers handlers = {
                .connected = on_connected,
                .disconnected = on_disconnected,
                .endpoint = on_endpoint,
                .outcome = on_outcome,
                .warning = on_warning,
        };
        const CalicoOptions options = profile_rule_options(config);
        ProfilesClient *client;
        int r = -ENOMEM;

        if (!config->enabled) {
                *ret = NULL;
                return 0;
        }
        client = calloc(1, sizeof(*client));
        if (!client)
                return -ENOMEM;
        client->profiles = profiles;
        client->hostname = strdup(config->hostname);
        if (client->hostname)
                r = calico_new(profiles->event, &options, &handlers, client, &client->calico);
        if (r < 0) {
                profiles_abandon(client);
                return r;
        }
        *ret = client;
        return 0;
}

/* What it holds in the datastore is taken back, as soon as that answers. */
static void leave(Profiles *profiles, ProfilesClient *client) {
        log_line(LOG_INFO, "Taking back what this daemon put into Calico's datastore as host %s", client->hostname);
        check_memory(profiles, calico_set_needs(client->calico, NULL, 0));
        client->next = profiles->leaving;
        profiles->leaving = client;
        (void) timer_start_if_off(profiles->leaving_timer, LEAVING_USEC);
}

/* Two of one name would undo what the other does. */
static void stay(Profiles *profiles, const char *hostname) {
        for (ProfilesClient **at = &profiles->leaving; *at;) {
                ProfilesClient *client = *at;

                if (strcmp(client->hostname, hostname) == 0) {
                        *at = client->next;
                        profiles_abandon(client);
                } else
                        at = &client->next;
        }
}

static int on_leaving(sd_event_source *source, uint64_t now _unused_, void *userdata) {
        Profiles *profiles = userdata;

        for (ProfilesClient **at = &profiles->leaving; *at;) {
                ProfilesClient *client = *at;

                if (!calico_is_empty(client->calico)) {
                        at = &client->next;
                        continue;
                }
                log_event(LOG_INFO, MESSAGE_DATASTORE_LEFT, NULL,
                          "Nothing that this daemon put into Calico's datastore as host %s is left", client->hostname);
                *at = client->next;
                profiles_abandon(client);
        }
        if (profiles->leaving)
                timer_start(source, LEAVING_USEC);
        return 0;
}

/* What the last one said of endpoints holds until the next one has read them. */
static void set_attachments(Profiles *profiles) {
        if (!profiles->client) {
                model_forget_attachments(profiles->model);
                model_set_attachments_state(profiles->model, ATTACHMENTS_OFF);
        } else if (model_attachments_state(profiles->model) == ATTACHMENTS_OFF)
                model_set_attachments_state(profiles->model, ATTACHMENTS_UNKNOWN);
        profiles->handlers.changed(profiles->userdata);
}

void profiles_commit(Profiles *profiles, ProfilesClient *client) {
        ProfilesClient *old = profiles->client;

        profiles->client = client;
        claim_rules_done(&profiles->rules);
        (void) sd_event_source_set_enabled(profiles->away_timer, SD_EVENT_OFF);
        profiles->status = (ProfilesStatus) { .used = client };
        if (client)
                stay(profiles, client->hostname);
        if (old && client && strcmp(old->hostname, client->hostname) == 0)
                profiles_abandon(old);
        else if (old)
                leave(profiles, old);
        set_attachments(profiles);
        profiles_tell_status(profiles);
}

const ProfilesStatus *profiles_status(const Profiles *profiles) {
        return &profiles->status;
}

static uint64_t pending_since(const Profiles *profiles) {
        uint64_t since = UINT64_MAX;

        for (size_t i = 0; i < profiles->rules.count; i++)
                if (profiles->rules.items[i].state == CALICO_PENDING)
                        since = MIN(since, profiles->rules.items[i].since);
        if (since == UINT64_MAX)
                return 0;
        return profiles_now(profiles, CLOCK_REALTIME) - (profiles_now(profiles, CLOCK_MONOTONIC) - since);
}

MetricsProfiles profiles_metrics(const Profiles *profiles) {
        return (MetricsProfiles) {
                .used = profiles->client,
                .up = profiles->client && profiles->client->read && !profiles->status.away,
                .connections = profiles->connections,
                .in_place = profiles->status.in_place,
                .pending = profiles->status.pending,
                .refused = profiles->status.refused,
                .pending_since = pending_since(profiles),
                .latency = profiles->latency,
        };
}

static int add_sources(Profiles *profiles) {
        int r;

        r = timer_new(profiles->event, on_news, profiles, &profiles->news_timer);
        if (r >= 0)
                r = timer_new(profiles->event, on_away_for_long, profiles, &profiles->away_timer);
        if (r >= 0)
                r = timer_new(profiles->event, on_leaving, profiles, &profiles->leaving_timer);
        if (r >= 0)
                r = sd_event_add_defer(profiles->event, &profiles->status_source, on_status, profiles);
        return r < 0 ? r : sd_event_source_set_enabled(profiles->status_source, SD_EVENT_OFF);
}

int profiles_new(sd_event *event, Model *model, const ProfilesHandlers *handlers, void *userdata, Profiles **ret) {
        _cleanup_(profiles_freep) Profiles *profiles = calloc(1, sizeof(*profiles));
        int r;

        if (!profiles)
                return -ENOMEM;
        *profiles = (Profiles) {
                .event = event,
                .model = model,
                .handlers = *handlers,
                .userdata = userdata,
        };
        r = add_sources(profiles);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(profiles);
        return 0;
}

Profiles *profiles_free(Profiles *profiles) {
        if (!profiles)
                return NULL;
        profiles_abandon(profiles->client);
        while (profiles->leaving) {
                ProfilesClient *next = profiles->leaving->next;

                profiles_abandon(profiles->leaving);
                profiles->leaving = next;
        }
        claim_rules_done(&profiles->rules);
        sd_event_source_disable_unref(profiles->news_timer);
        sd_event_source_disable_unref(profiles->away_timer);
        sd_event_source_disable_unref(profiles->leaving_timer);
        sd_event_source_disable_unref(profiles->status_source);
        free(profiles);
        return NULL;
}
