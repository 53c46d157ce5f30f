/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "daemon/net/paths.h"
#include "daemon/net/rtnl.h"
#include "netns.h"
#include "tests/cmocka.h"

#define NOBODY 65534

/* The bridge has seen the container. */
#define SEEN "bridge fdb get 02:00:00:00:00:02 br br0 >/dev/null 2>&1"

/* br0 with two containers' ends, which say nothing before they are asked: no IPv6, so no neighbour discovery. */
typedef struct Fixture {
        sd_event *event;
        Paths *paths;
        unsigned bridge;
        int container; /* 172.30.0.2, 02:00:00:00:00:02, by veth2 */
        char on[8][IF_NAMESIZE];
        unsigned n_on;
        bool marker_gone;
        int failed;
} Fixture;

static const uint8_t mac2[MAC_SIZE] = { 2, 0, 0, 0, 0, 2 };

static void on_hairpin(void *userdata, const char *port) {
        Fixture *fixture = userdata;

        strcpy(fixture->on[fixture->n_on++ % ELEMENTSOF(fixture->on)], port);
}

static void on_failed(void *userdata, const char *port, int error) {
        Fixture *fixture = userdata;

        print_message("failed at \"%s\": %s\n", port, strerror(-error));
        fixture->failed = error;
}

static void on_gone(void *userdata, const char *name) {
        Fixture *fixture = userdata;

        if (strcmp(name, "marker") == 0)
                fixture->marker_gone = true;
}

static const PathsHandlers handlers = {
        .hairpin_on = on_hairpin, .hairpin_failed = on_failed, .link_gone = on_gone,
};

static void container_start(Fixture *fixture, const char *veth, const char *bridge) {
        netns_run("ip link add %s address 02:ff:00:00:00:01 type veth peer name eth0 address 02:00:00:00:00:02 &&"
                  " ip link set %s master %s up", veth, veth, bridge);
        netns_give(fixture->container, "eth0");
        netns_run_in(fixture->container, "ip addr add 172.30.0.2/16 dev eth0 && ip link set eth0 up");
}

static int setup(void **state) {
        static Fixture fixture;

        netns_enter_fresh();
        netns_sysctl("net/ipv6/conf/default/disable_ipv6", "1");
        fixture = (Fixture) { .container = netns_new() };
        netns_run_in(fixture.container, "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
        netns_run("ip link add br0 type bridge && ip addr add 172.30.0.1/16 dev br0 && ip link set br0 up");
        fixture.bridge = if_nametoindex("br0");
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(paths_new(fixture.event, &handlers, &fixture, &fixture.paths), 0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        fixture->paths = paths_free(fixture->paths);
        fixture->event = sd_event_unref(fixture->event);
        fixture->container = close_fd(fixture->container);
        return 0;
}

/* The container says something: a datagram to the host. */
static void container_speak(Fixture *fixture) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
        _cleanup_close_ int back = netns_current(), fd = -1;

        inet_pton(AF_INET, "172.30.0.1", &to.sin_addr);
        netns_enter(fixture->container);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        netns_enter(back);
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *) &to, sizeof(to)), 1);
}

static void want(Fixture *fixture) {
        Address a = address("172.30.0.2");

        assert_int_equal(paths_want_hairpin(fixture->paths, fixture->bridge, mac2, &a), 0);
}

static bool switched(void *userdata) {
        Fixture *fixture = userdata;

        return fixture->n_on > 0;
}

static bool failed(void *userdata) {
        Fixture *fixture = userdata;

        return fixture->failed != 0;
}

static void await_switch(Fixture *fixture, const char *port) {
        loop_until(fixture->event, switched, fixture);
        assert_int_equal(fixture->n_on, 1);
        assert_string_equal(fixture->on[0], port);
        assert_int_equal(fixture->failed, 0);
        fixture->n_on = 0;
        netns_run("bridge -d link show dev %s | grep -q 'hairpin on'", port);
}

static bool marker_gone(void *userdata) {
        Fixture *fixture = userdata;

        return fixture->marker_gone;
}

/* All that happened up to now has been seen. */
static void await_all(Fixture *fixture) {
        fixture->marker_gone = false;
        netns_run("ip link add marker type veth peer name marker2 && ip link del marker");
        loop_until(fixture->event, marker_gone, fixture);
        loop_settle(fixture->event);
}

static void a_talking_container_is_found(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        container_speak(fixture);
        netns_await(SEEN);
        want(fixture);
        await_switch(fixture, "veth2");
        /* Our own switching is an event too, and no reason to do it again. */
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
}

static void whether_it_is_on_can_be_read(void **state) {
        Fixture *fixture = *state;
        char port[IF_NAMESIZE];
        bool on;

        assert_int_equal(paths_get_hairpin(fixture->paths, fixture->bridge, mac2, port, &on), -ENOENT);
        container_start(fixture, "veth2", "br0");
        container_speak(fixture);
        netns_await(SEEN);
        assert_int_equal(paths_get_hairpin(fixture->paths, fixture->bridge, mac2, port, &on), 0);
        assert_string_equal(port, "veth2");
        assert_false(on);
        netns_run("bridge link set dev veth2 hairpin on");
        assert_int_equal(paths_get_hairpin(fixture->paths, fixture->bridge, mac2, port, &on), 0);
        assert_true(on);
        assert_int_equal(paths_get_hairpin(fixture->paths, fixture->bridge + 1000, mac2, port, &on), -ENODEV);
}

static void a_silent_container_is_asked(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        netns_run("! bridge fdb get 02:00:00:00:00:02 br br0 2>/dev/null");
        want(fixture);
        await_switch(fixture, "veth2");
}

static void a_container_that_starts_later_is_found(void **state) {
        Fixture *fixture = *state;

        want(fixture);
        loop_settle(fixture->event);
        container_start(fixture, "veth2", "br0");
        await_switch(fixture, "veth2");
}

static void the_wish_outlives_the_container(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("ip link del veth2");
        await_all(fixture);
        container_start(fixture, "veth3", "br0");
        await_switch(fixture, "veth3");
}

static void a_mac_that_moves_takes_the_mode_along(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("ip link add veth3 type veth peer name peer3 && ip link set veth3 master br0 up &&"
                  " ip link set peer3 up");
        /* EPERM until the port forwards, a moment after its peer is up. */
        netns_await("bridge fdb replace 02:00:00:00:00:02 dev veth3 master dynamic");
        await_switch(fixture, "veth3");
}

static void what_aged_is_no_reason_to_act(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("bridge fdb del 02:00:00:00:00:02 dev veth2 master");
        await_all(fixture);
        container_speak(fixture);
        netns_await(SEEN);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
        /* Even while the table does not know the port, it is known here. */
        netns_run("bridge fdb del 02:00:00:00:00:02 dev veth2 master && bridge link set dev veth2 hairpin off");
        await_switch(fixture, "veth2");
}

static void a_port_in_the_mode_is_left_alone(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        container_speak(fixture);
        netns_await(SEEN);
        netns_run("bridge link set dev veth2 hairpin on");
        want(fixture);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
        assert_int_equal(fixture->failed, 0);
}

static void what_somebody_switches_off_is_switched_on(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("bridge link set dev veth2 hairpin off");
        await_switch(fixture, "veth2");
        /* Out of the bridge and in again. */
        netns_run("ip link set veth2 nomaster && ip link set veth2 master br0");
        await_switch(fixture, "veth2");
}

static void a_forgotten_wish_is_not_fulfilled(void **state) {
        Fixture *fixture = *state;

        want(fixture);
        loop_settle(fixture->event);
        paths_forget_hairpin(fixture->paths, fixture->bridge, mac2);
        paths_forget_hairpin(fixture->paths, fixture->bridge, mac2);
        container_start(fixture, "veth2", "br0");
        container_speak(fixture);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
        netns_run("bridge -d link show dev veth2 | grep -q 'hairpin off'");
}

/* The address belonged to another container a moment ago, and the host still knows that one's MAC. */
static void an_address_with_a_new_mac_is_asked_for(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        netns_run("ip neigh replace 172.30.0.2 lladdr 02:00:00:00:00:99 dev br0 nud reachable");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("ip neigh get 172.30.0.2 dev br0 | grep -q 02:00:00:00:00:02");
}

static void a_known_address_is_asked_again(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        netns_run("ip neigh replace 172.30.0.2 lladdr 02:00:00:00:00:02 dev br0 nud stale");
        want(fixture);
        await_switch(fixture, "veth2");
}

static void a_permanent_neighbour_is_left_alone(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        netns_run("ip neigh replace 172.30.0.2 lladdr 02:00:00:00:00:99 dev br0 nud permanent");
        want(fixture);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
        assert_int_equal(fixture->failed, 0);
        netns_run("ip neigh get 172.30.0.2 dev br0 | grep -q '02:00:00:00:00:99 PERMANENT'");
        container_speak(fixture);
        await_switch(fixture, "veth2");
}

static void ipv6_is_asked_for_as_well(void **state) {
        Fixture *fixture = *state;
        Address a = address("fd00:30::2");

        netns_sysctl("net/ipv6/conf/br0/disable_ipv6", "0");
        netns_run("ip addr add fd00:30::1/64 dev br0 nodad");
        container_start(fixture, "veth2", "br0");
        netns_run_in(fixture->container, "cd /proc/sys/net/ipv6/conf/eth0 && echo 0 > accept_dad &&"
                     " echo 0 > disable_ipv6 && ip addr add fd00:30::2/64 dev eth0 nodad");
        assert_int_equal(paths_want_hairpin(fixture->paths, fixture->bridge, mac2, &a), 0);
        await_switch(fixture, "veth2");
}

/* The bridge has no IPv6 here: asking for that address fails, and the other one must be asked for all the same. */
static void one_family_is_enough(void **state) {
        Fixture *fixture = *state;
        Address a = address("fd00:30::2");
        const uint8_t unknown[MAC_SIZE] = {};

        container_start(fixture, "veth2", "br0");
        want(fixture);
        assert_int_equal(paths_want_hairpin(fixture->paths, fixture->bridge, mac2, &a), 0);
        assert_int_equal(paths_want_hairpin(fixture->paths, fixture->bridge, unknown, &a), 0);
        await_switch(fixture, "veth2");
}

/* The way that such a bridge needs, on one that every kernel has. */
static void a_forwarding_table_is_searched(void **state) {
        _cleanup_(netlink_close) Netlink netlink = NETLINK_CLOSED;
        static const uint8_t own[MAC_SIZE] = { 2, 0xff, 0, 0, 0, 1 };
        Fixture *fixture = *state;
        unsigned port = 0;

        assert_int_equal(netlink_open(NETLINK_ROUTE, &netlink), 0);
        container_start(fixture, "veth2", "br0");
        assert_int_equal(rtnl_search_port(&netlink, fixture->bridge, mac2, &port), -ENOENT);
        container_speak(fixture);
        netns_await(SEEN);
        assert_int_equal(rtnl_search_port(&netlink, fixture->bridge, mac2, &port), 0);
        assert_int_equal(port, if_nametoindex("veth2"));
        /* The port's own address is nobody behind it. */
        assert_int_equal(rtnl_search_port(&netlink, fixture->bridge, own, &port), -ENOENT);
        assert_int_equal(rtnl_find_port(&netlink, fixture->bridge, own, &port), -ENOENT);
        assert_int_equal(rtnl_find_port(&netlink, 12345, mac2, &port), -ENODEV);
}

static void the_same_mac_on_another_bridge_is_another(void **state) {
        Fixture *fixture = *state;

        netns_run("ip link add br1 type bridge && ip link set br1 up");
        want(fixture);
        container_start(fixture, "veth2", "br1");
        container_speak(fixture);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
}

static void a_bridge_that_went_is_no_failure(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_run("ip link del br0");
        await_all(fixture);
        want(fixture);
        await_all(fixture);
        assert_int_equal(fixture->n_on, 0);
        assert_int_equal(fixture->failed, 0);
}

static void lost_messages_lose_no_wish(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        want(fixture);
        await_switch(fixture, "veth2");
        netns_limit_monitor(1);
        netns_run("ip link del veth2; for i in $(seq 1 30); do ip link add x$i type veth peer name y$i; done");
        container_start(fixture, "veth3", "br0");
        await_switch(fixture, "veth3");
}

static void a_port_is_switched_by_name(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        assert_int_equal(paths_set_hairpin(fixture->paths, "veth2", true), 0);
        netns_run("bridge -d link show dev veth2 | grep -q 'hairpin on'");
        assert_int_equal(paths_set_hairpin(fixture->paths, "veth2", false), 0);
        netns_run("bridge -d link show dev veth2 | grep -q 'hairpin off'");
        assert_int_equal(paths_set_hairpin(fixture->paths, "none", true), -ENODEV);
        netns_run("ip link set veth2 nomaster");
        assert_int_equal(paths_set_hairpin(fixture->paths, "veth2", true), -ENODEV);
}

static void a_failure_is_told(void **state) {
        Fixture *fixture = *state;

        container_start(fixture, "veth2", "br0");
        container_speak(fixture);
        netns_await(SEEN);
        want(fixture);
        assert_int_equal(seteuid(NOBODY), 0);
        loop_until(fixture->event, failed, fixture);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(fixture->failed, -EPERM);
        assert_int_equal(fixture->n_on, 0);
        fixture->failed = 0;
        /* And is no end: it is tried again after a while, and nothing more is said of the same error. */
        await_switch(fixture, "veth2");
}

/* Becomes nobody, with CAP_NET_ADMIN and nothing else. */
static void keep_net_admin_only(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {
                { .effective = 1u << CAP_NET_ADMIN, .permitted = 1u << CAP_NET_ADMIN },
        };

        if (prctl(PR_SET_KEEPCAPS, 1) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0 || syscall(SYS_capset, &header, data) < 0)
                _exit(10);
}

static void work_unprivileged(const Fixture *fixture) {
        Fixture own = { .bridge = fixture->bridge };
        Address a = address("172.30.0.2");
        bool on;
        Path path;

        keep_net_admin_only();
        if (sd_event_new(&own.event) < 0 || paths_new(own.event, &handlers, &own, &own.paths) < 0)
                _exit(11);
        if (paths_find(own.paths, &a, &path) < 0 || !path.bridge)
                _exit(12);
        if (paths_set_localnet(own.paths, "br0", true) < 0 || paths_get_localnet(own.paths, "br0", &on) < 0 || !on)
                _exit(13);
        if (paths_want_hairpin(own.paths, own.bridge, mac2, &a) < 0)
                _exit(14);
        while (own.n_on == 0 && own.failed == 0)
                if (sd_event_run(own.event, 5000000) <= 0)
                        _exit(15);
        _exit(own.failed ? 16 : 0);
}

static void one_capability_is_enough(void **state) {
        Fixture *fixture = *state;
        int status;
        pid_t pid;

        container_start(fixture, "veth2", "br0");
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                work_unprivileged(fixture);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

/* The point of it all: a container reaches its own port by the host's address. Where bridges do not hand packets to
 * nftables (no br_netfilter) they are translated behind the bridge, and the mode is not missed. */
static void a_container_reaches_itself(void **state) {
        const bool needed = access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0;
        Fixture *fixture = *state;
        char byte;
        struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(80) };
        struct sockaddr_in host = { .sin_family = AF_INET, .sin_port = htons(8080) };
        _cleanup_close_ int back = netns_current(), server = -1, client = -1;
        struct pollfd wait;

        container_start(fixture, "veth2", "br0");
        netns_sysctl("net/ipv4/ip_forward", "1");
        netns_run("nft 'table ip t { chain p { type nat hook prerouting priority -105;"
                  " udp dport 8080 fib daddr type local dnat to 172.30.0.2:80; };"
                  " chain q { type nat hook postrouting priority 95; ct status dnat masquerade; }; }'");
        netns_run_in(fixture->container, "ip route add default via 172.30.0.1");
        inet_pton(AF_INET, "172.30.0.1", &host.sin_addr);
        netns_enter(fixture->container);
        server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        netns_enter(back);
        assert_int_equal(bind(server, (struct sockaddr *) &own, sizeof(own)), 0);
        wait = (struct pollfd) { .fd = server, .events = POLLIN };

        assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *) &host, sizeof(host)), 1);
        assert_int_equal(poll(&wait, 1, needed ? 100 : 5000), needed ? 0 : 1);
        assert_int_equal(recv(server, &byte, 1, MSG_DONTWAIT), needed ? -1 : 1);
        want(fixture);
        await_switch(fixture, "veth2");
        assert_int_equal(sendto(client, "x", 1, 0, (struct sockaddr *) &host, sizeof(host)), 1);
        assert_int_equal(poll(&wait, 1, 5000), 1);
}

static void many_wishes_do_not_hold_the_loop(void **state) {
        Fixture *fixture = *state;
        uint64_t longest = 0;
        int r;

        container_start(fixture, "veth2", "br0");
        netns_run("for i in $(seq 0 999); do printf 'fdb add 02:00:00:00:%%02x:%%02x dev veth2 master dynamic\\n'"
                  " $((1 + i / 250)) $((i %% 250)); done | bridge -b -");
        await_all(fixture);
        /* The last 50 are unknown: the neighbour table is one for all namespaces and must not be filled. */
        for (unsigned i = 0; i < 1050; i++) {
                uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, (uint8_t) (1 + i / 250), (uint8_t) (i % 250) };
                Address a = address("172.30.1.1");

                a.bytes[2] = mac[4];
                a.bytes[3] = (uint8_t) (mac[5] + 1);
                assert_int_equal(paths_want_hairpin(fixture->paths, fixture->bridge, mac, &a), 0);
        }
        do {
                uint64_t start = spent_usec();

                r = sd_event_run(fixture->event, 0);
                longest = MAX(longest, spent_usec() - start);
        } while (r > 0);
        print_message("longest turn of the loop: %u us\n", (unsigned) longest);
        assert_int_equal(fixture->n_on, 1);
        assert_int_equal(fixture->failed, 0);
        assert_true(longest < 50000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_talking_container_is_found, setup, teardown),
                cmocka_unit_test_setup_teardown(whether_it_is_on_can_be_read, setup, teardown),
                cmocka_unit_test_setup_teardown(a_silent_container_is_asked, setup, teardown),
                cmocka_unit_test_setup_teardown(a_container_that_starts_later_is_found, setup, teardown),
                cmocka_unit_test_setup_teardown(the_wish_outlives_the_container, setup, teardown),
                cmocka_unit_test_setup_teardown(a_mac_that_moves_takes_the_mode_along, setup, teardown),
                cmocka_unit_test_setup_teardown(what_aged_is_no_reason_to_act, setup, teardown),
                cmocka_unit_test_setup_teardown(a_port_in_the_mode_is_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(what_somebody_switches_off_is_switched_on, setup, teardown),
                cmocka_unit_test_setup_teardown(a_forgotten_wish_is_not_fulfilled, setup, teardown),
                cmocka_unit_test_setup_teardown(an_address_with_a_new_mac_is_asked_for, setup, teardown),
                cmocka_unit_test_setup_teardown(a_known_address_is_asked_again, setup, teardown),
                cmocka_unit_test_setup_teardown(a_permanent_neighbour_is_left_alone, setup, teardown),
                cmocka_unit_test_setup_teardown(ipv6_is_asked_for_as_well, setup, teardown),
                cmocka_unit_test_setup_teardown(one_family_is_enough, setup, teardown),
                cmocka_unit_test_setup_teardown(a_forwarding_table_is_searched, setup, teardown),
                cmocka_unit_test_setup_teardown(the_same_mac_on_another_bridge_is_another, setup, teardown),
                cmocka_unit_test_setup_teardown(a_bridge_that_went_is_no_failure, setup, teardown),
                cmocka_unit_test_setup_teardown(lost_messages_lose_no_wish, setup, teardown),
                cmocka_unit_test_setup_teardown(a_port_is_switched_by_name, setup, teardown),
                cmocka_unit_test_setup_teardown(a_failure_is_told, setup, teardown),
                cmocka_unit_test_setup_teardown(one_capability_is_enough, setup, teardown),
                cmocka_unit_test_setup_teardown(a_container_reaches_itself, setup, teardown),
                cmocka_unit_test_setup_teardown(many_wishes_do_not_hold_the_loop, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
