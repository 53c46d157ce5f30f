/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/net/paths.h"
#include "netns.h"
#include "tests/cmocka.h"

#define SEEN_MAX 256

/* What the handlers were told. */
typedef struct Seen {
        Prefix routes[SEEN_MAX];
        size_t n_routes;
        char gone[SEEN_MAX][IF_NAMESIZE];
        size_t n_gone;
        Paths *paths;
        const char *find_again; /* address to look for in route_changed() */
} Seen;

typedef struct Fixture {
        sd_event *event;
        Paths *paths;
        Seen seen;
        int peer;
} Fixture;

static void on_route(void *userdata, const Prefix *prefix) {
        Seen *seen = userdata;

        if (seen->n_routes < SEEN_MAX)
                seen->routes[seen->n_routes++] = *prefix;
        if (seen->find_again) {
                Address a = address(seen->find_again);
                Path path;

                (void) paths_find(seen->paths, &a, &path);
        }
}

static void on_gone(void *userdata, const char *name) {
        Seen *seen = userdata;

        if (seen->n_gone < SEEN_MAX)
                strcpy(seen->gone[seen->n_gone++], name);
}

static const PathsHandlers handlers = { .route_changed = on_route, .link_gone = on_gone };

/* br0 (172.30.0.1/16, fd00:30::1/64) with a peer behind it, cali0 with host routes, ext0 with a gateway. */
static int setup(void **state) {
        static Fixture fixture;

        netns_enter_fresh();
        fixture = (Fixture) { .peer = netns_new() };
        netns_run("ip link add br0 type bridge && ip addr add 172.30.0.1/16 dev br0 &&"
                  " ip addr add fd00:30::1/64 dev br0 nodad && ip link set br0 up");
        netns_run("ip link add veth0 type veth peer name eth0 && ip link set veth0 master br0 up");
        netns_give(fixture.peer, "eth0");
        netns_run_in(fixture.peer, "ip addr add 172.30.0.2/16 dev eth0 && ip link set eth0 up &&"
                     " ip addr add fd00:30::2/64 dev eth0 nodad");
        netns_run("ip link add cali0 type veth peer name eth1 && ip link set cali0 up && ip link set eth1 up &&"
                  " ip route add 10.65.0.7/32 dev cali0 && ip -6 route add fd00:65::7/128 dev cali0");
        netns_run("ip link add ext0 type veth peer name ext1 && ip link set ext0 up && ip link set ext1 up &&"
                  " ip addr add 203.0.113.1/24 dev ext0 && ip addr add 2001:db8:1::1/64 dev ext0 nodad");
        netns_await_addresses();
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(paths_new(fixture.event, &handlers, &fixture.seen, &fixture.paths), 0);
        fixture.seen.paths = fixture.paths;
        loop_settle(fixture.event);
        *state = &fixture;
        return 0;
}

/* Nothing but lo, of which the kernel has nothing to say. */
static int setup_silence(void **state) {
        static Fixture fixture;

        netns_enter_fresh();
        fixture = (Fixture) { .peer = -1 };
        assert_int_equal(sd_event_new(&fixture.event), 0);
        assert_int_equal(paths_new(fixture.event, &handlers, &fixture.seen, &fixture.paths), 0);
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        fixture->paths = paths_free(fixture->paths);
        fixture->event = sd_event_unref(fixture->event);
        fixture->peer = close_fd(fixture->peer);
        return 0;
}

static void assert_path(Fixture *fixture, const char *to, const char *ifname, const char *neighbours, bool bridge) {
        Address a = address(to);
        char text[PREFIX_TEXT_SIZE];
        Path path;

        assert_int_equal(paths_find(fixture->paths, &a, &path), 0);
        assert_string_equal(path.ifname, ifname);
        assert_int_equal(path.ifindex, if_nametoindex(ifname));
        assert_string_equal(prefix_format(&path.neighbours, text), neighbours);
        assert_int_equal(path.bridge, bridge);
}

static void assert_no_path(Fixture *fixture, const char *to, int error) {
        Address a = address(to);
        Path path = { .ifindex = 12345 };

        assert_int_equal(paths_find(fixture->paths, &a, &path), error);
        assert_int_equal(path.ifindex, 12345);
}

static void finds_the_way_to_containers(void **state) {
        assert_path(*state, "172.30.0.2", "br0", "172.30.0.0/16", true);
        assert_path(*state, "fd00:30::2", "br0", "fd00:30::/64", true);
        assert_path(*state, "10.65.0.7", "cali0", "10.65.0.7/32", false);
        assert_path(*state, "fd00:65::7", "cali0", "fd00:65::7/128", false);
}

static void finds_no_way_where_no_container_is(void **state) {
        Fixture *fixture = *state;

        assert_no_path(fixture, "10.66.0.1", -ENETUNREACH);
        assert_no_path(fixture, "fd00:66::1", -ENETUNREACH);
        /* The host itself, and what is not one machine. */
        assert_no_path(fixture, "172.30.0.1", -EHOSTUNREACH);
        assert_no_path(fixture, "127.0.0.1", -EHOSTUNREACH);
        assert_no_path(fixture, "fd00:30::1", -EHOSTUNREACH);
        assert_no_path(fixture, "::1", -EHOSTUNREACH);
        assert_no_path(fixture, "172.30.255.255", -EHOSTUNREACH);
}

static void routes_that_lead_elsewhere_do_not_count(void **state) {
        Fixture *fixture = *state;

        netns_run("ip route add 10.70.0.0/16 via 203.0.113.9 && ip -6 route add fd00:70::/64 via 2001:db8:1::9");
        assert_no_path(fixture, "10.70.0.1", -EHOSTUNREACH);
        assert_no_path(fixture, "fd00:70::1", -EHOSTUNREACH);

        netns_run("ip route add 10.71.0.0/16 via inet6 2001:db8:1::9 dev ext0");
        assert_no_path(fixture, "10.71.0.1", -EHOSTUNREACH);

        netns_run("ip route add 10.72.0.0/16 nexthop dev ext0 nexthop dev cali0 &&"
                  " ip -6 route add fd00:72::/64 nexthop via 2001:db8:1::9 nexthop via 2001:db8:1::8");
        assert_no_path(fixture, "10.72.0.1", -EHOSTUNREACH);
        assert_no_path(fixture, "fd00:72::1", -EHOSTUNREACH);

        netns_run("ip route add default dev ext0 && ip -6 route add default dev ext0");
        assert_no_path(fixture, "198.51.100.1", -EHOSTUNREACH);
        assert_no_path(fixture, "2001:db8:99::1", -EHOSTUNREACH);

        netns_run("ip route add unreachable 10.73.0.0/16 && ip route add prohibit 10.74.0.0/16 &&"
                  " ip route add blackhole 10.75.0.0/16");
        assert_no_path(fixture, "10.73.0.1", -EHOSTUNREACH);
        assert_no_path(fixture, "10.74.0.1", -EACCES);
        assert_no_path(fixture, "10.75.0.1", -EINVAL);

        netns_run("ip -6 route add unreachable fd00:73::/64 && ip -6 route add prohibit fd00:74::/64 &&"
                  " ip -6 route add blackhole fd00:75::/64");
        assert_no_path(fixture, "fd00:73::1", -EHOSTUNREACH);
        assert_no_path(fixture, "fd00:74::1", -EACCES);
        assert_no_path(fixture, "fd00:75::1", -EINVAL);
}

static void the_most_specific_route_wins(void **state) {
        netns_run("ip route add 172.30.9.9/32 dev cali0 && ip -6 route add fd00:30::99/128 dev cali0");
        assert_path(*state, "172.30.9.9", "cali0", "172.30.9.9/32", false);
        assert_path(*state, "172.30.9.8", "br0", "172.30.0.0/16", true);
        assert_path(*state, "fd00:30::99", "cali0", "fd00:30::99/128", false);
        assert_path(*state, "fd00:30::98", "br0", "fd00:30::/64", true);
}

/* A UDP datagram from 127.0.0.1 to an address behind that interface: what route_localnet is about. */
static int send_from_loopback(const char *to) {
        struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in target = { .sin_family = AF_INET, .sin_port = htons(9) };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        assert_int_equal(inet_pton(AF_INET, to, &target.sin_addr), 1);
        assert_int_equal(bind(fd, (struct sockaddr *) &from, sizeof(from)), 0);
        return sendto(fd, "x", 1, 0, (struct sockaddr *) &target, sizeof(target)) < 0 ? -errno : 0;
}

static void localnet_is_set_and_works(void **state) {
        Fixture *fixture = *state;
        bool on = true;

        assert_int_equal(paths_get_localnet(fixture->paths, "br0", &on), 0);
        assert_false(on);
        assert_int_equal(send_from_loopback("172.30.0.2"), -EINVAL);

        assert_int_equal(paths_set_localnet(fixture->paths, "br0", true), 0);
        assert_int_equal(paths_get_localnet(fixture->paths, "br0", &on), 0);
        assert_true(on);
        netns_run("test $(cat /proc/sys/net/ipv4/conf/br0/route_localnet) = 1");
        netns_run("test $(cat /proc/sys/net/ipv4/conf/cali0/route_localnet) = 0");
        assert_int_equal(send_from_loopback("172.30.0.2"), 0);

        assert_int_equal(paths_set_localnet(fixture->paths, "br0", false), 0);
        assert_int_equal(paths_get_localnet(fixture->paths, "br0", &on), 0);
        assert_false(on);
        assert_int_equal(send_from_loopback("172.30.0.2"), -EINVAL);
}

static void localnet_says_what_is_missing(void **state) {
        Fixture *fixture = *state;
        bool on;

        assert_int_equal(paths_get_localnet(fixture->paths, "none", &on), -ENODEV);
        assert_int_equal(paths_set_localnet(fixture->paths, "none", true), -ENODEV);
        assert_int_equal(paths_set_localnet(fixture->paths, "a-name-that-is-too-long", true), -ENODEV);
        /* Below 68 bytes, the kernel takes IPv4 away. */
        netns_run("ip link set lo mtu 67");
        assert_int_equal(paths_get_localnet(fixture->paths, "lo", &on), -EAFNOSUPPORT);
        assert_int_equal(paths_set_localnet(fixture->paths, "lo", true), -EAFNOSUPPORT);
}

static void links_exist_or_not(void **state) {
        Fixture *fixture = *state;

        assert_true(paths_link_exists(fixture->paths, "br0"));
        assert_false(paths_link_exists(fixture->paths, "none"));
        assert_false(paths_link_exists(fixture->paths, "a-name-that-is-too-long"));
}

/* Each has its own answer, whatever the others' are. */
static void many_are_found_at_once(void **state) {
        static const char *const texts[] = {
                "172.30.0.2", "10.66.0.1",  "10.65.0.7",   "fd00:30::2", "10.75.0.1",    "172.30.0.3", "fd00:65::7",
                "127.0.0.1",  "fd00:66::1", "203.0.113.9", "10.74.0.1",  "2001:db8:1::9"
        };
        Fixture *fixture = *state;
        Address addresses[PATHS_AT_ONCE_MAX];
        PathAnswer answers[PATHS_AT_ONCE_MAX];

        netns_run("ip route add prohibit 10.74.0.0/16 && ip route add blackhole 10.75.0.0/16");
        for (size_t i = 0; i < PATHS_AT_ONCE_MAX; i++)
                addresses[i] = address(texts[i % ELEMENTSOF(texts)]);
        assert_int_equal(paths_find_many(fixture->paths, addresses, PATHS_AT_ONCE_MAX, answers), 0);
        for (size_t i = 0; i < PATHS_AT_ONCE_MAX; i++) {
                Path path = {};

                assert_int_equal(paths_find(fixture->paths, &addresses[i], &path), answers[i].error);
                if (answers[i].error < 0)
                        continue;
                assert_string_equal(answers[i].path.ifname, path.ifname);
                assert_int_equal(answers[i].path.ifindex, path.ifindex);
                assert_int_equal(prefix_compare(&answers[i].path.neighbours, &path.neighbours), 0);
                assert_int_equal(answers[i].path.bridge, path.bridge);
                assert_int_equal(answers[i].path.localnet, LOCALNET_OFF);
        }
        assert_int_equal(paths_find_many(fixture->paths, NULL, 0, NULL), 0);
}

/* As with Calico: so much is said of an interface that not all answers would fit into the socket at once. */
static void many_interfaces_are_asked_for(void **state) {
        Fixture *fixture = *state;
        Address addresses[PATHS_AT_ONCE_MAX];
        PathAnswer answers[PATHS_AT_ONCE_MAX];
        char name[IF_NAMESIZE], text[ADDRESS_TEXT_SIZE];

        netns_run("for i in $(seq 0 63); do echo link add many$i up type veth peer name other$i;"
                  " echo route add 10.67.0.$i dev many$i; done | ip -b -");
        netns_sysctl("net/ipv4/conf/many40/route_localnet", "1");
        for (unsigned i = 0; i < PATHS_AT_ONCE_MAX; i++) {
                snprintf(text, sizeof(text), "10.67.0.%u", i);
                addresses[i] = address(text);
        }
        assert_int_equal(paths_find_many(fixture->paths, addresses, PATHS_AT_ONCE_MAX, answers), 0);
        for (unsigned i = 0; i < PATHS_AT_ONCE_MAX; i++) {
                snprintf(name, sizeof(name), "many%u", i);
                assert_int_equal(answers[i].error, 0);
                assert_string_equal(answers[i].path.ifname, name);
                assert_int_equal(answers[i].path.localnet, i == 40 ? LOCALNET_ON : LOCALNET_OFF);
        }
}

static void a_known_interface_is_not_asked_for(void **state) {
        Fixture *fixture = *state;
        const Address container = address("172.30.0.2");
        uint64_t end = now_usec() + LOOP_SECONDS_MAX * UINT64_C(1000000);
        Path path;

        assert_int_equal(paths_find(fixture->paths, &container, &path), 0);
        assert_int_equal(path.localnet, LOCALNET_OFF);
        do { /* until the kernel has nothing more to say of what setup() made */
                loop_settle(fixture->event);
                assert_int_equal(paths_find(fixture->paths, &container, &path), 0);
        } while (path.localnet != LOCALNET_UNASKED && now_usec() < end);
        assert_int_equal(path.localnet, LOCALNET_UNASKED);
        assert_string_equal(path.ifname, "br0");
        assert_true(path.bridge);

        /* Whether its new name was read of already, or not. */
        netns_run("ip link set br0 down && ip link set br0 name br1 && ip link set br1 up");
        assert_path(fixture, "172.30.0.2", "br1", "172.30.0.0/16", true);
        loop_settle(fixture->event);
        assert_path(fixture, "172.30.0.2", "br1", "172.30.0.0/16", true);
        netns_run("ip link set br1 down && ip link set br1 name br2 && ip link set br2 up");
        loop_settle(fixture->event);
        assert_path(fixture, "172.30.0.2", "br2", "172.30.0.0/16", true);

        /* The same number, another interface. */
        netns_run("ip link del br2 && ip link add br3 index %u type veth peer name br4 &&"
                  " ip addr add 172.30.0.1/16 dev br3 && ip link set br3 up", path.ifindex);
        loop_settle(fixture->event);
        assert_path(fixture, "172.30.0.2", "br3", "172.30.0.0/16", false);
}

static const char *awaited; /* a prefix, or an interface */

static bool route_seen(void *userdata) {
        Fixture *fixture = userdata;
        char text[PREFIX_TEXT_SIZE];

        for (size_t i = 0; i < fixture->seen.n_routes; i++)
                if (strcmp(prefix_format(&fixture->seen.routes[i], text), awaited) == 0)
                        return true;
        return false;
}

static bool gone_seen(void *userdata) {
        Fixture *fixture = userdata;

        for (size_t i = 0; i < fixture->seen.n_gone; i++)
                if (strcmp(fixture->seen.gone[i], awaited) == 0)
                        return true;
        return false;
}

static void await_route(Fixture *fixture, const char *prefix) {
        awaited = prefix;
        loop_until(fixture->event, route_seen, fixture);
        fixture->seen.n_routes = 0;
}

static void route_changes_are_told(void **state) {
        Fixture *fixture = *state;

        netns_run("ip route add 10.80.0.0/24 dev cali0");
        await_route(fixture, "10.80.0.0/24");
        netns_run("ip route replace 10.80.0.0/24 dev ext0");
        await_route(fixture, "10.80.0.0/24");
        netns_run("ip route del 10.80.0.0/24");
        await_route(fixture, "10.80.0.0/24");
        netns_run("ip -6 route add fd00:80::/64 dev cali0");
        await_route(fixture, "fd00:80::/64");
        netns_run("ip -6 route del fd00:80::/64");
        await_route(fixture, "fd00:80::/64");
        netns_run("ip route add default dev ext0");
        await_route(fixture, "0.0.0.0/0");
        netns_run("ip addr del 172.30.0.1/16 dev br0 && ip addr add 172.30.0.1/24 dev br0");
        await_route(fixture, "172.30.0.0/16");
}

static void rule_changes_concern_all(void **state) {
        Fixture *fixture = *state;

        netns_run("ip rule add to 10.81.0.0/16 lookup 100");
        await_route(fixture, "-/0");
        netns_run("ip -6 rule add to fd00:81::/64 lookup 100");
        await_route(fixture, "-/0");
}

/* The kernel itself does not say that an IPv4 route went with its interface. */
static void routes_that_go_with_their_interface_are_told(void **state) {
        Fixture *fixture = *state;

        assert_path(fixture, "172.30.0.2", "br0", "172.30.0.0/16", true);
        assert_path(fixture, "10.65.0.7", "cali0", "10.65.0.7/32", false);
        fixture->seen.n_routes = 0;

        /* A handler that looks at once must not be called for ever. */
        fixture->seen.find_again = "172.30.0.2";
        netns_run("ip link set br0 down");
        await_route(fixture, "172.30.0.0/16");
        netns_run("ip link set br0 up");
        await_route(fixture, "172.30.0.0/16");
        assert_path(fixture, "172.30.0.2", "br0", "172.30.0.0/16", true);

        netns_run("ip link del cali0");
        await_route(fixture, "10.65.0.7/32");
        awaited = "cali0";
        loop_until(fixture->event, gone_seen, fixture);
        assert_no_path(fixture, "10.65.0.7", -ENETUNREACH);
}

static void a_link_that_went_is_told(void **state) {
        Fixture *fixture = *state;

        /* To leave a bridge is not to go: the peer's end is deleted later than the port leaves. */
        netns_run("ip link set veth0 nomaster");
        netns_run("ip link add marker type veth peer name marker2 && ip link del marker");
        awaited = "marker";
        loop_until(fixture->event, gone_seen, fixture);
        awaited = "veth0";
        assert_false(gone_seen(fixture));

        netns_run("ip link del veth0");
        loop_until(fixture->event, gone_seen, fixture);
        /* Into another namespace is gone as well. */
        netns_give(fixture->peer, "ext0");
        awaited = "ext0";
        loop_until(fixture->event, gone_seen, fixture);
}

/* Into so small a buffer it may not fit, if the kernel has something else to say just then: all is looked at once more. */
static bool late_route_or_all_seen(void *userdata) {
        static const char *const either[] = { "10.91.0.0/24", "-/0" };

        for (size_t i = 0; i < ELEMENTSOF(either); i++) {
                awaited = either[i];
                if (route_seen(userdata))
                        return true;
        }
        return false;
}

static void lost_messages_make_all_looked_at_again(void **state) {
        Fixture *fixture = *state;

        netns_limit_monitor(1);
        netns_run("for i in $(seq 1 50); do echo route add 10.90.$i.0/24 dev cali0; done | ip -b -");
        await_route(fixture, "-/0");
        /* And it goes on. */
        loop_settle(fixture->event);
        fixture->seen.n_routes = 0;
        netns_run("ip route add 10.91.0.0/24 dev cali0");
        loop_until(fixture->event, late_route_or_all_seen, fixture);
}

/* Eight of each. */
static void add_many_routes(unsigned n) {
        netns_run("for i in $(seq 1 %u); do for j in 1 2 3 4 5 6 7 8; do"
                  " echo route add 10.$((100 + j)).$i.0/24 dev cali0; done; done | ip -b -", n);
}

/* With more in the queue than is read in one go: what changes before the rest is read is lost without a further word. */
static void what_is_lost_behind_a_loss_is_looked_at_too(void **state) {
        Fixture *fixture = *state;

        netns_limit_monitor(200000);
        add_many_routes(250);
        while (fixture->seen.n_routes == 0)
                assert_true(sd_event_run(fixture->event, 0) > 0);
        netns_run("ip route add 10.91.0.0/24 dev cali0");
        do {
                fixture->seen.n_routes = 0;
                assert_true(sd_event_run(fixture->event, 0) > 0);
        } while (!late_route_or_all_seen(fixture));
}

/* The last that one turn reads is the last that there is: nothing wakes the loop any more. */
static void a_loss_is_told_where_a_turn_reads_just_all(void **state) {
        enum { NOTIFICATIONS_OF_A_TURN = 64 };
        Fixture *fixture = *state;

        loop_settle(fixture->event);
        netns_crowd_monitor(NOTIFICATIONS_OF_A_TURN - 1); /* the loss is the first */
        netns_limit_monitor(1);
        netns_run("ip route add 10.91.0.0/24 dev lo");
        await_route(fixture, "-/0");
}

static void many_messages_do_not_hold_the_loop(void **state) {
        Fixture *fixture = *state;
        uint64_t longest;

        add_many_routes(200);
        awaited = "10.108.200.0/24";
        fixture->seen.n_routes = 0;
        /* More than the test keeps: it goes by the last. */
        longest = 0;
        for (;;) {
                uint64_t start = spent_usec();
                int r = sd_event_run(fixture->event, 0);

                longest = MAX(longest, spent_usec() - start);
                if (fixture->seen.n_routes > 0 && route_seen(fixture))
                        break;
                fixture->seen.n_routes = 0;
                assert_true(r >= 0);
        }
        print_message("longest turn of the loop: %u us\n", (unsigned) longest);
        assert_true(longest < 50000);
}

static void a_reader_answers_and_wishes_nothing(_unused_ void **state) {
        const Address container = address("172.30.0.2");
        static const uint8_t mac[MAC_SIZE] = { 2, 0, 0, 0, 0, 1 };
        Paths *paths;
        Path path;

        assert_int_equal(paths_new_reader(&paths), 0);
        assert_int_equal(paths_find(paths, &container, &path), 0);
        assert_string_equal(path.ifname, "br0");
        /* What it does not hear of, it asks for each time. */
        assert_int_equal(paths_find(paths, &container, &path), 0);
        assert_int_equal(path.localnet, LOCALNET_OFF);
        assert_int_equal(paths_want_hairpin(paths, path.ifindex, mac, &container), 0);
        assert_null(paths_free(paths));
}

/* As Docker makes it for a container. */
static void a_parent_of_a_macvlan_is_seen(void **state) {
        static const uint8_t mac[MAC_SIZE] = { 2, 0x42, 0xc0, 0xa8, 1, 2 }, other[MAC_SIZE] = { 2, 0x42, 0xc0, 0xa8, 1, 3 };
        static const uint8_t unknown[MAC_SIZE];
        Fixture *fixture = *state;
        const unsigned parent = if_nametoindex("ext0"), beside = if_nametoindex("ext1");

        assert_false(paths_is_macvlan_parent(fixture->paths, parent, mac));
        netns_run("ip link add link ext0 name mac0 address 02:42:c0:a8:01:02 type macvlan mode bridge");
        netns_give(fixture->peer, "mac0");
        netns_run_in(fixture->peer, "ip link set mac0 up");
        assert_true(paths_is_macvlan_parent(fixture->paths, parent, mac));
        assert_false(paths_is_macvlan_parent(fixture->paths, parent, other));
        assert_false(paths_is_macvlan_parent(fixture->paths, parent, unknown));
        assert_false(paths_is_macvlan_parent(fixture->paths, beside, mac));
        assert_false(paths_is_macvlan_parent(fixture->paths, if_nametoindex("br0"), mac));
}

static void is_freed_half_made(void **state) {
        (void) state;
        assert_null(paths_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(finds_the_way_to_containers, setup, teardown),
                cmocka_unit_test_setup_teardown(finds_no_way_where_no_container_is, setup, teardown),
                cmocka_unit_test_setup_teardown(routes_that_lead_elsewhere_do_not_count, setup, teardown),
                cmocka_unit_test_setup_teardown(the_most_specific_route_wins, setup, teardown),
                cmocka_unit_test_setup_teardown(many_are_found_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(many_interfaces_are_asked_for, setup, teardown),
                cmocka_unit_test_setup_teardown(a_known_interface_is_not_asked_for, setup, teardown),
                cmocka_unit_test_setup_teardown(localnet_is_set_and_works, setup, teardown),
                cmocka_unit_test_setup_teardown(localnet_says_what_is_missing, setup, teardown),
                cmocka_unit_test_setup_teardown(links_exist_or_not, setup, teardown),
                cmocka_unit_test_setup_teardown(route_changes_are_told, setup, teardown),
                cmocka_unit_test_setup_teardown(rule_changes_concern_all, setup, teardown),
                cmocka_unit_test_setup_teardown(routes_that_go_with_their_interface_are_told, setup, teardown),
                cmocka_unit_test_setup_teardown(a_link_that_went_is_told, setup, teardown),
                cmocka_unit_test_setup_teardown(lost_messages_make_all_looked_at_again, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_lost_behind_a_loss_is_looked_at_too, setup, teardown),
                cmocka_unit_test_setup_teardown(a_loss_is_told_where_a_turn_reads_just_all, setup_silence, teardown),
                cmocka_unit_test_setup_teardown(many_messages_do_not_hold_the_loop, setup, teardown),
                cmocka_unit_test_setup_teardown(a_reader_answers_and_wishes_nothing, setup, teardown),
                cmocka_unit_test_setup_teardown(a_parent_of_a_macvlan_is_seen, setup, teardown),
                cmocka_unit_test(is_freed_half_made),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
