/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Three hosts on one etcd, for a while: containers of the same profiles are exposed and withdrawn at random, daemons
 * killed, etcd killed and stopped, while a person adds and removes the same rules and others. At the end every profile
 * holds exactly the person's rules and those that a living exposure needs, and after the last exposure the person's
 * alone. */

#include "tests/etcd/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECONDS UINT64_C(1000000)
#define DURATION 20 /* seconds, for each scope; $CALICO_EXPOSED_SECONDS says otherwise */
#define N_PROFILES 2
#define N_PORTS 3
#define OTHERS_MAX 4096

static const char *const profiles[N_PROFILES] = { "web", "db" };
static const uint16_t ports[N_PORTS] = { 80, 443, 5000 };
/* One of each profile on each host. */
static const char *const endpoints[HOSTS_MAX][N_PROFILES] = { { "e1", "f1" }, { "e2", "f2" }, { "e3", "f3" } };

/* What the person has put into each profile. */
typedef struct Person {
        unsigned copies[N_PORTS];
        unsigned others[OTHERS_MAX]; /* serial numbers of other rules, in their order */
        size_t n_others;
} Person;

static Person persons[N_PROFILES];
static unsigned serial;

static unsigned pick(unsigned n) {
        return (unsigned) random() % n;
}

static void run_for(Cluster *cluster, uint64_t microseconds) {
        uint64_t deadline = now_usec() + microseconds;

        do
                assert_true(sd_event_run(cluster->event, 1000) >= 0);
        while (now_usec() < deadline);
}

/* The person: calicoctl reads all, changes one rule, writes all in its own style. */

static const char *rules_key(unsigned profile) {
        static char key[64];

        snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s/rules", profiles[profile]);
        return key;
}

static cJSON *read_profile(Cluster *cluster, unsigned profile, uint64_t *ret_index) {
        _cleanup_free_ char *text = api_get(&cluster->server, rules_key(profile), ret_index);
        cJSON *json = cJSON_Parse(text);

        assert_non_null(json);
        return json;
}

static bool is_port(const cJSON *rule, uint16_t port) {
        const cJSON *list = cJSON_GetObjectItem(rule, "dst_ports");

        return list && cJSON_GetArraySize(list) == 1 && list->child->valuedouble == port;
}

static int find_port(const cJSON *inbound, uint16_t port) {
        int i = 0;
        const cJSON *item;

        cJSON_ArrayForEach(item, inbound) {
                if (is_port(item, port))
                        return i;
                i++;
        }
        return -1;
}

static cJSON *make_rule(const char *action, uint16_t port) {
        cJSON *rule = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(rule, "dst_ports");

        cJSON_AddStringToObject(rule, "protocol", "tcp");
        cJSON_AddStringToObject(rule, "action", action);
        cJSON_AddItemToArray(list, cJSON_CreateNumber(port));
        return rule;
}

static bool write_profile(Cluster *cluster, unsigned profile, cJSON *json, const uint64_t *index) {
        char *text = cJSON_Print(json);
        bool written = true;

        if (index)
                written = api_put_if(&cluster->server, rules_key(profile), text, *index);
        else
                api_put(&cluster->server, rules_key(profile), text);
        free(text);
        cJSON_Delete(json);
        return written;
}

/* The same rules as ours: with compare-and-swap, for what a write loses here would be the person's own wish. */
static void person_edits_same(Cluster *cluster) {
        unsigned profile = pick(N_PROFILES), port = pick(N_PORTS);
        Person *person = &persons[profile];
        bool add = pick(2) == 0 && person->copies[port] < 2;
        uint64_t index;
        cJSON *json, *inbound;
        int at;

        do {
                json = read_profile(cluster, profile, &index);
                inbound = cJSON_GetObjectItem(json, "inbound_rules");
                at = find_port(inbound, ports[port]);
                if (!add && at < 0) {
                        cJSON_Delete(json);
                        return;
                }
                if (add)
                        cJSON_AddItemToArray(inbound, make_rule("allow", ports[port]));
                else
                        cJSON_DeleteItemFromArray(inbound, at);
        } while (!write_profile(cluster, profile, json, &index));
        if (add)
                person->copies[port]++;
        else if (person->copies[port] > 0)
                person->copies[port]--;
}

/* Other rules, as calicoctl does it: without compare-and-swap, on what was read some time ago. */
static void person_edits_other(Cluster *cluster) {
        unsigned profile = pick(N_PROFILES);
        Person *person = &persons[profile];
        cJSON *json = read_profile(cluster, profile, NULL), *inbound = cJSON_GetObjectItem(json, "inbound_rules");

        if (pick(2) == 0 && person->n_others < OTHERS_MAX) {
                cJSON *rule = make_rule("deny", 1);

                cJSON_AddNumberToObject(rule, "icmp_type", ++serial);
                cJSON_InsertItemInArray(inbound, 0, rule);
                memmove(person->others + 1, person->others, person->n_others * sizeof(person->others[0]));
                person->others[0] = serial;
                person->n_others++;
        } else if (person->n_others > 0) {
                cJSON_DeleteItemFromArray(inbound, 0);
                person->n_others--;
                memmove(person->others, person->others + 1, person->n_others * sizeof(person->others[0]));
        } else {
                cJSON_Delete(json);
                return;
        }
        run_for(cluster, pick(3) * UINT64_C(5000));
        (void) write_profile(cluster, profile, json, NULL);
}

/* The hosts. */

static bool needs(const Host *host, const char *endpoint, uint16_t port, size_t *ret_i) {
        for (size_t i = 0; i < host->n_needs; i++)
                if (strcmp(host->needs[i].endpoint, endpoint) == 0 && host->needs[i].ports.first == port) {
                        *ret_i = i;
                        return true;
                }
        return false;
}

static void toggle_need(Cluster *cluster) {
        unsigned host = pick(HOSTS_MAX), profile = pick(N_PROFILES);
        uint16_t port = ports[pick(N_PORTS)];
        size_t i;

        if (needs(&cluster->hosts[host], endpoints[host][profile], port, &i))
                host_remove_need(&cluster->hosts[host], i);
        else
                host_add_need(&cluster->hosts[host], endpoints[host][profile], PROTOCOL_TCP, port);
        host_set_needs(&cluster->hosts[host]);
}

static void kill_or_start(Cluster *cluster) {
        unsigned i = pick(HOSTS_MAX);

        if (cluster->hosts[i].calico)
                cluster_kill(cluster, i);
        else
                host_set_needs(cluster_start(cluster, i, cluster->scope));
}

static void hurt_etcd(Cluster *cluster) {
        if (pick(2) == 0) {
                server_kill(&cluster->server, pick(2) == 0 ? SIGKILL : SIGTERM);
                run_for(cluster, pick(300) * UINT64_C(1000));
                server_run(&cluster->server);
        } else {
                assert_int_equal(kill(cluster->server.pid, SIGSTOP), 0);
                run_for(cluster, pick(300) * UINT64_C(1000));
                assert_int_equal(kill(cluster->server.pid, SIGCONT), 0);
        }
}

static void random_action(Cluster *cluster) {
        unsigned what = pick(1000);

        if (what < 550)
                toggle_need(cluster);
        else if (what < 750)
                person_edits_same(cluster);
        else if (what < 950)
                person_edits_other(cluster);
        else if (what < 995)
                kill_or_start(cluster);
        else
                hurt_etcd(cluster);
}

/* What must come out. */

static void check_others(const Person *person, const cJSON *inbound) {
        size_t n = 0;
        const cJSON *item;

        cJSON_ArrayForEach(item, inbound) {
                const cJSON *number = cJSON_GetObjectItem(item, "icmp_type");

                if (!number)
                        continue;
                assert_true(n < person->n_others);
                assert_int_equal((unsigned) number->valuedouble, person->others[n]);
                n++;
        }
        assert_int_equal(n, person->n_others);
}

static unsigned count_port(const cJSON *inbound, uint16_t port) {
        unsigned count = 0;
        const cJSON *item;

        cJSON_ArrayForEach(item, inbound)
                count += is_port(item, port) && !cJSON_HasObjectItem(item, "icmp_type");
        return count;
}

static bool is_needed(const Cluster *cluster, unsigned profile, uint16_t port) {
        size_t i;

        for (unsigned host = 0; host < HOSTS_MAX; host++)
                if (needs(&cluster->hosts[host], endpoints[host][profile], port, &i))
                        return true;
        return false;
}

static void check(Cluster *cluster) {
        for (unsigned profile = 0; profile < N_PROFILES; profile++) {
                const Person *person = &persons[profile];
                cJSON *json = read_profile(cluster, profile, NULL);
                const cJSON *inbound = cJSON_GetObjectItem(json, "inbound_rules");
                int total = (int) person->n_others + 1;

                check_others(person, inbound);
                for (unsigned i = 0; i < N_PORTS; i++) {
                        unsigned count = count_port(inbound, ports[i]), copies = person->copies[i];

                        /* In the scope of endpoints, no rule here is ours. Beside one of ours may be a person's. */
                        if (cluster->scope == CALICO_SCOPE_PROFILE && is_needed(cluster, profile, ports[i]))
                                assert_in_range(count, MAX(copies, 1u), copies + 1);
                        else
                                assert_int_equal(count, copies);
                        total += (int) count;
                }
                assert_int_equal(cJSON_GetArraySize(inbound), total);
                assert_string_equal(cJSON_GetObjectItem(inbound->child->prev, "action")->valuestring, "allow");
                cJSON_Delete(json);
        }
}

static void check_endpoints(Cluster *cluster) {
        for (unsigned host = 0; host < HOSTS_MAX; host++)
                for (unsigned profile = 0; profile < N_PROFILES; profile++) {
                        const char *list = get_endpoint_profiles(cluster, cluster->hosts[host].name,
                                                                 endpoints[host][profile]);
                        size_t n = 0;

                        assert_int_equal(strncmp(list, profiles[profile], strlen(profiles[profile])), 0);
                        for (unsigned i = 0; i < N_PORTS; i++) {
                                size_t ignored;
                                char own[64];
                                bool needed = cluster->scope == CALICO_SCOPE_ENDPOINT &&
                                              needs(&cluster->hosts[host], endpoints[host][profile], ports[i],
                                                    &ignored);

                                snprintf(own, sizeof(own), ",calico-exposed-tcp-%u", ports[i]);
                                n += needed ? strlen(own) : 0;
                                assert_int_equal(needed, strstr(list, own) != NULL);
                        }
                        assert_int_equal(strlen(list), strlen(profiles[profile]) + n);
                }
}

static void check_own_profiles(Cluster *cluster) {
        for (unsigned i = 0; i < N_PORTS; i++) {
                bool needed = cluster->scope == CALICO_SCOPE_ENDPOINT &&
                              (is_needed(cluster, 0, ports[i]) || is_needed(cluster, 1, ports[i]));
                char name[64], key[128], rule[128];

                snprintf(name, sizeof(name), "calico-exposed-tcp-%u", ports[i]);
                snprintf(key, sizeof(key), "/calico/v1/policy/profile/%s", name);
                snprintf(rule, sizeof(rule), "[" ALLOW("tcp", "%u") "]", ports[i]);
                assert_int_equal(needed, key_exists(cluster, key));
                assert_string_equal(get_inbound(cluster, name), needed ? rule : "-");
        }
}

static void check_told(const Cluster *cluster) {
        for (unsigned host = 0; host < HOSTS_MAX; host++)
                for (size_t i = 0; i < cluster->hosts[host].n_needs; i++)
                        assert_int_equal(calico_get_outcome(cluster->hosts[host].calico, i).state, CALICO_IN_PLACE);
}

static void check_all(Cluster *cluster) {
        cluster_settle(cluster);
        check(cluster);
        check_endpoints(cluster);
        check_own_profiles(cluster);
        check_told(cluster);
}

static void set_up(Cluster *cluster) {
        memset(persons, 0, sizeof(persons));
        for (unsigned i = 0; i < N_PROFILES; i++)
                put_profile(cluster, profiles[i]);
        for (unsigned host = 0; host < HOSTS_MAX; host++) {
                put_libnetwork_endpoint(cluster, cluster->hosts[host].name, endpoints[host][0], "192.168.0.1",
                                        "\"web\"");
                put_libnetwork_endpoint(cluster, cluster->hosts[host].name, endpoints[host][1], "192.168.0.2",
                                        "\"db\"");
                host_set_needs(cluster_start(cluster, host, cluster->scope));
        }
}

static unsigned asked_for(const char *variable, unsigned otherwise) {
        const char *asked = getenv(variable);

        return asked ? (unsigned) strtoul(asked, NULL, 10) : otherwise;
}

static void run(Cluster *cluster, CalicoScope scope) {
        unsigned seed = asked_for("CALICO_EXPOSED_SEED", (unsigned) time(NULL));
        uint64_t deadline = now_usec() + asked_for("CALICO_EXPOSED_SECONDS", DURATION) * SECONDS;

        printf("CALICO_EXPOSED_SEED=%u\n", seed);
        srandom(seed);
        cluster->scope = scope;
        set_up(cluster);
        while (now_usec() < deadline) {
                random_action(cluster);
                run_for(cluster, pick(20) * UINT64_C(1000));
        }
        for (unsigned i = 0; i < HOSTS_MAX; i++)
                if (!cluster->hosts[i].calico)
                        host_set_needs(cluster_start(cluster, i, scope));
        check_all(cluster);
        for (unsigned i = 0; i < HOSTS_MAX; i++) {
                cluster->hosts[i].n_needs = 0;
                host_set_needs(&cluster->hosts[i]);
        }
        check_all(cluster);
        for (unsigned i = 0; i < N_PROFILES; i++) {
                char key[128];

                snprintf(key, sizeof(key), "/calico-exposed/v1/profile/%s", profiles[i]);
                cluster_wait(cluster, !key_exists(cluster, key));
        }
}

static void test_scope_profile(void **state) {
        run(*state, CALICO_SCOPE_PROFILE);
}

static void test_scope_endpoint(void **state) {
        run(*state, CALICO_SCOPE_ENDPOINT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_scope_profile, cluster_setup, cluster_teardown),
                cmocka_unit_test_setup_teardown(test_scope_endpoint, cluster_setup, cluster_teardown),
        };

        return cmocka_run_group_tests_name("cluster", tests, cluster_enter, NULL);
}
