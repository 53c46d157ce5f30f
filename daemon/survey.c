/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/survey.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/containers.h"
#include "daemon/hostports.h"
#include "daemon/links.h"
#include "daemon/profile-rules.h"
#include "daemon/timer.h"

/* A Docker that is there answers within milliseconds; many containers take a while, and so does a busy machine. */
#define DOCKER_USEC (10 * USEC_PER_SEC)
/* Each endpoint of the datastore that does not answer is given up after 5 s, and the next one asked. */
#define CALICO_ENDPOINT_USEC (5 * USEC_PER_SEC)
#define CALICO_MAX_USEC (30 * USEC_PER_SEC)

static const int families[SURVEY_FAMILIES] = { AF_INET, AF_INET6 };

static int on_deadline(sd_event_source *source _unused_, uint64_t now _unused_, void *userdata) {
        *(bool *) userdata = true;
        return 0;
}

/* Until there is an answer, or time is up. Returns 0 or a negative errno. */
static int wait_for(Survey *survey, uint64_t usec, bool (*is_answered)(void *userdata), void *userdata) {
        sd_event_source *timer = NULL;
        bool late = false;
        int r;

        r = timer_new(survey->event, on_deadline, &late, &timer);
        if (r < 0)
                return r;
        timer_start(timer, usec);
        while (r >= 0 && !late && !is_answered(userdata))
                r = sd_event_run(survey->event, UINT64_MAX);
        sd_event_source_disable_unref(timer);
        return MIN(r, 0);
}

/* Docker */

static void on_containers(void *userdata _unused_) {
}

static void explain_docker(Survey *survey, const DockerStatus *status) {
        const char *path = survey->config->docker_socket;

        survey->docker.permission = access(path, R_OK | W_OK) < 0 && errno == EACCES;
        if (survey->docker.permission)
                snprintf(survey->docker.text, sizeof(survey->docker.text),
                         "no permission for Docker's socket %s (its group may use it, and root)", path);
        else
                snprintf(survey->docker.text, sizeof(survey->docker.text), "Docker is away: %s",
                         status->away ? status->reason : "no answer within 10 s");
}

/* The model knows all containers, or Docker says that it is away. */
static bool docker_has_answered(void *userdata) {
        Containers *containers = userdata;

        return containers_are_known(containers) || containers_docker_status(containers)->away;
}

static int copy_published(Survey *survey, const Containers *containers) {
        size_t n;
        const DockerPort *ports = containers_published(containers, &n);

        survey->published = calloc(n + 1, sizeof(*ports));
        if (!survey->published)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                survey->published[survey->n_published++] = ports[i];
        return 0;
}

/* What comes later must not change what was decided: the client goes. */
static int ask_docker(Survey *survey) {
        static const ContainersHandlers handlers = { .changed = on_containers, .connection = on_containers };
        _cleanup_(containers_freep) Containers *containers = NULL;
        int r;

        r = containers_new(survey->event, survey->config->docker_socket, survey->model, &handlers, survey, &containers);
        if (r >= 0)
                r = wait_for(survey, DOCKER_USEC, docker_has_answered, containers);
        if (r < 0)
                return r;
        if (!containers_are_known(containers))
                explain_docker(survey, containers_docker_status(containers));
        return copy_published(survey, containers);
}

/* Calico's datastore */

/* All is read, or the datastore is away. */
static bool calico_has_answered(void *userdata) {
        const Survey *survey = userdata;

        return calico_look_is_done(survey->look) || *calico_look_get_failure(survey->look);
}

static uint64_t calico_patience(const Survey *survey) {
        return MIN(survey->config->calico.n_endpoints * CALICO_ENDPOINT_USEC, CALICO_MAX_USEC) + USEC_PER_SEC;
}

static void put_endpoint(void *userdata, const CalicoEndpoint *endpoint) {
        Survey *survey = userdata;
        Attachment *attachment = profile_rule_attachment(endpoint);

        if (!attachment || model_put_attachment(survey->model, attachment) < 0)
                survey->no_memory = true;
}

static int take_endpoints(Survey *survey) {
        calico_look_foreach_endpoint(survey->look, put_endpoint, survey);
        model_set_attachments_state(survey->model, ATTACHMENTS_KNOWN);
        return survey->no_memory ? -ENOMEM : 0;
}

static int ask_calico(Survey *survey) {
        const CalicoOptions options = profile_rule_options(&survey->config->calico);
        int r;

        if (!survey->config->calico.enabled)
                return 0;
        model_set_attachments_state(survey->model, ATTACHMENTS_UNKNOWN);
        r = calico_look_new(survey->event, &options, &survey->look);
        if (r >= 0)
                r = wait_for(survey, calico_patience(survey), calico_has_answered, survey);
        if (r < 0)
                return r;
        if (calico_look_is_done(survey->look))
                return take_endpoints(survey);
        snprintf(survey->calico.text, sizeof(survey->calico.text), "Calico's datastore is away: %.250s",
                 *calico_look_get_failure(survey->look) ? calico_look_get_failure(survey->look)
                                                        : "no answer in time");
        survey->look = calico_look_free(survey->look);
        return 0;
}

/* The kernel */

static int read_table(Survey *survey) {
        const RulesetOptions *options = &survey->config->ruleset;
        KernelState state;
        int r;

        r = nft_socket_new(&survey->nft);
        if (r >= 0)
                r = nft_read(survey->nft, options, &state);
        if (r < 0)
                return r;
        survey->table = state.table;
        survey->skeleton_intact = state.skeleton_intact;
        r = model_set_actual(survey->model, &state.elements);
        kernel_state_done(&state);
        for (size_t i = 0; i < SURVEY_FAMILIES && r >= 0; i++)
                r = docker_user_check(survey->nft, families[i], options, &survey->docker_user[i]);
        return r;
}

static int ask_kernel(Survey *survey) {
        int r = read_table(survey);

        if (r >= 0 || r == -ENOMEM)
                return r;
        survey->kernel.permission = r == -EPERM;
        snprintf(survey->kernel.text, sizeof(survey->kernel.text), "cannot read the kernel's tables: %s%s",
                 strerror(-r), r == -EPERM ? " (CAP_NET_ADMIN is needed: run it as root)" : "");
        return 0;
}

/* The decision */

static int look_at_host_ports(Survey *survey) {
        _cleanup_(hostports_reader_done) HostPortsReader reader = HOST_PORTS_READER_NEW;
        HostPort *ports;
        size_t n;
        int r;

        r = hostports_read(&reader, 0, PROTOCOLS_ALL, survey->published, survey->n_published, &ports, &n);
        if (r >= 0)
                model_set_host_ports(survey->model, ports, n);
        return r;
}

/* As the daemon does it after a start (manager.c, kernel.c). */
static int decide(Survey *survey) {
        int r;

        (void) model_attach(survey->model);
        r = paths_new_reader(&survey->paths);
        if (r >= 0)
                r = model_adopt_holders(survey->model);
        if (r >= 0)
                r = links_adopt_hairpin_ports(survey->model, survey->paths);
        if (r >= 0)
                r = look_at_host_ports(survey);
        if (r < 0)
                return r;
        links_find_paths(survey->model, survey->paths, survey->config->ruleset.localhost);
        r = model_decide(survey->model, &survey->plan);
        if (r >= 0)
                r = exposures_of_elements(model_before(survey->model), &survey->actual);
        return r < 0 ? r : exposures_of_elements(model_after(survey->model), &survey->desired);
}

/* The daemon. A table that somebody owns has a process behind it, unless it is systemd, which keeps the socket for the
 * next one. */
static void ask_systemd(Survey *survey) {
        bool owned = survey_knows(&survey->kernel) && survey->table == TABLE_FOREIGN;

        survey->systemd = service_ask_state(&survey->service) >= 0;
        if (survey->systemd && strcmp(survey->service.active, "inactive") != 0)
                survey->daemon = strcmp(survey->service.active, "active") == 0 ||
                                                 strcmp(survey->service.active, "reloading") == 0
                                         ? DAEMON_RUNS
                                         : DAEMON_DOWN;
        else if (owned)
                survey->daemon = DAEMON_RUNS; /* by hand */
        else if (survey->systemd || (survey_knows(&survey->kernel) && survey->table == TABLE_ABSENT))
                survey->daemon = DAEMON_DOWN;
        else
                survey->daemon = DAEMON_UNKNOWN;
}

const char *survey_describe_daemon(const Survey *survey, char buffer[static SURVEY_PROBLEM_SIZE]) {
        if (survey->daemon == DAEMON_RUNS)
                return NULL;
        if (survey->daemon == DAEMON_UNKNOWN)
                return "there is no telling whether calico-exposed runs: systemd cannot be asked";
        if (!survey->systemd)
                return "calico-exposed does not run: nothing follows the containers";
        snprintf(buffer, SURVEY_PROBLEM_SIZE, "calico-exposed does not run (%s is %s): nothing follows the containers",
                 SERVICE_UNIT, survey->service.active);
        return buffer;
}

static int survey_fill(Survey *survey) {
        int r;

        r = sd_event_new(&survey->event);
        if (r >= 0)
                r = model_new(&survey->config->policy, &survey->model);
        if (r >= 0)
                r = ask_docker(survey);
        if (r >= 0)
                r = ask_calico(survey);
        if (r >= 0)
                r = ask_kernel(survey);
        if (r >= 0)
                r = decide(survey);
        if (r >= 0)
                ask_systemd(survey);
        return r;
}

int survey_take(const char *config_path, Survey **ret, char error[static CONFIG_ERROR_SIZE]) {
        _cleanup_(survey_freep) Survey *survey = calloc(1, sizeof(*survey));
        int r;

        if (!survey)
                return -ENOMEM;
        r = config_load(config_path, &survey->config, error);
        if (r < 0)
                return r == -ENOMEM ? r : -EINVAL;
        log_set_max_priority(LOG_ERR);
        r = survey_fill(survey);
        if (r < 0)
                return r == -EINVAL ? -EPROTO : r;
        *ret = TAKE_PTR(survey);
        return 0;
}

Survey *survey_free(Survey *survey) {
        if (!survey)
                return NULL;
        exposures_done(&survey->desired);
        exposures_done(&survey->actual);
        plan_done(&survey->plan);
        nft_socket_free(survey->nft);
        calico_look_free(survey->look);
        paths_free(survey->paths);
        free(survey->published);
        model_free(survey->model);
        sd_event_unref(survey->event);
        config_free(survey->config);
        free(survey);
        return NULL;
}

/* What is true */

/* 1 if all that the claim asks for is in the kernel, 0 if not, or -ENOMEM. */
static int claim_stands(const Survey *survey, const Record *record, const Claim *claim) {
        Exposures wanted;
        int r;

        r = exposures_of_claim(record, claim, &wanted);
        if (r < 0)
                return r;
        r = exposures_include(&wanted, &survey->actual);
        exposures_done(&wanted);
        return r;
}

static int look_at_rule(const Survey *survey, const Record *record, const Claim *claim, ClaimFacts *facts) {
        CalicoNeed need;

        facts->needs_rule = profile_rule_need(record, claim, &need);
        facts->knows_rule = facts->needs_rule && survey->look;
        return facts->knows_rule ? calico_look_judge(survey->look, &need, &facts->rule) : 0;
}

int survey_get_facts(const Survey *survey, const Record *record, const Claim *claim, ClaimFacts *ret) {
        int stands = 1;

        if (claim->state == CLAIM_EXPOSED && survey_knows(&survey->kernel))
                stands = claim_stands(survey, record, claim);
        if (stands < 0)
                return stands;
        *ret = (ClaimFacts) { .state = claim->state };
        ret->reason = claim_format_reason(record, claim, ret->buffer);
        if (stands == 0) {
                ret->state = CLAIM_WAITING;
                ret->pending = true;
                ret->reason = survey->daemon == DAEMON_RUNS ? "calico-exposed has not carried it out yet"
                                                            : "calico-exposed does not run";
        }
        return look_at_rule(survey, record, claim, ret);
}

int survey_get_unclaimed(const Survey *survey, Exposures *ret) {
        static const Exposures nothing;

        return exposures_subtract(&survey->actual, survey_knows(&survey->docker) ? &survey->desired : &nothing, ret);
}

const Record *survey_find_address(const Survey *survey, const Address *address) {
        size_t n;
        Record *const *records = model_records(survey->model, &n);

        for (size_t i = 0; i < n; i++) {
                if (address_compare(&records[i]->ipv4, address) == 0 ||
                    address_compare(&records[i]->ipv6, address) == 0)
                        return records[i];
                for (size_t k = 0; k < records[i]->container->n_networks; k++) {
                        const ContainerNetwork *network = &records[i]->container->networks[k];

                        if (address_compare(&network->ipv4, address) == 0 ||
                            address_compare(&network->ipv6, address) == 0)
                                return records[i];
                }
        }
        return NULL;
}
