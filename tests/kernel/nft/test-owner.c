/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/kernel/nft/fixture.h"

static void a_flush_passes_an_owned_table_by(void **state) {
        Fixture *fixture = *state;

        want_everything(fixture);
        settle(fixture);
        run("nft add table ip somebodys");
        run("nft flush ruleset");
        assert_int_not_equal(try_run("nft list table ip somebodys 2>/dev/null"), 0);
        assert_settled(fixture, TABLE_OWNED);
}

static void nobody_else_changes_an_owned_table(void **state) {
        Fixture *fixture = *state;

        want_everything(fixture);
        settle(fixture);
        assert_int_not_equal(try_run("nft delete table inet calico-exposed 2>/dev/null"), 0);
        assert_int_not_equal(try_run("nft flush chain inet calico-exposed exposed 2>/dev/null"), 0);
        assert_int_not_equal(try_run("nft add element inet calico-exposed localnet { eth7 } 2>/dev/null"), 0);
        assert_settled(fixture, TABLE_OWNED);
}

static void the_table_goes_with_its_socket(void **state) {
        Fixture *fixture = *state;

        want_everything(fixture);
        settle(fixture);
        run("nft list table inet calico-exposed >/dev/null");
        fixture->nft = nft_socket_free(fixture->nft);
        assert_int_not_equal(try_run("nft list table inet calico-exposed 2>/dev/null"), 0);
}

static void a_table_of_another_owner_is_left_alone(void **state) {
        Fixture *fixture = *state;
        Element element = localnet("docker0");
        Plan plan = { .add = { &element, 1, 1 } };
        NftSocket *owner = fixture->nft;
        KernelState kernel;

        want_everything(fixture);
        settle(fixture);
        assert_int_equal(nft_socket_new(&fixture->nft), 0);
        read_state(fixture, &kernel);
        assert_int_equal(kernel.table, TABLE_FOREIGN);
        assert_true(kernel.skeleton_intact);
        assert_int_equal(kernel.elements.count, fixture->desired.count);
        kernel_state_done(&kernel);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, false, true), -EPERM);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, true), -EPERM);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, false), -EPERM);

        nft_socket_free(fixture->nft);
        fixture->nft = owner;
        assert_settled(fixture, TABLE_OWNED);
}

/* In a shared table somebody does something: what is read says so, and the way back is found. */
static void assert_seen_and_healed(Fixture *fixture, bool intact, const char *command) {
        KernelState kernel;
        Plan plan;

        run("%s", command);
        read_state(fixture, &kernel);
        if (kernel.table != TABLE_ABSENT && kernel.skeleton_intact != intact)
                fail_msg("skeleton %s after: %s", intact ? "not intact" : "intact", command);
        assert_int_equal(plan_make(&kernel.elements, &fixture->desired, &plan), 0);
        if (intact && plan_is_empty(&plan))
                fail_msg("no difference seen after: %s", command);
        plan_done(&plan);
        kernel_state_done(&kernel);
        settle(fixture);
        assert_settled(fixture, TABLE_SHARED);
}

#define DELETE_RULE(chain, text)                                                                       \
        "nft -a list chain inet calico-exposed " chain " | sed -n 's/.*" text ".* # handle //p' | head -n 1 |" \
        "xargs nft delete rule inet calico-exposed " chain " handle"
#define REPLACE_RULE(chain, text, rule)                                                                \
        "h=$(nft -a list chain inet calico-exposed " chain " | sed -n 's/.*" text ".* # handle //p' | head -n 1);" \
        "nft replace rule inet calico-exposed " chain " handle $h " rule

static const char *const changes_of_elements[] = {
        "nft delete element inet calico-exposed dnat4 { tcp . 8080 }",
        "nft add element inet calico-exposed dnat4 { tcp . 1 : 10.0.0.1 . 1 }",
        "nft add element inet calico-exposed hostrange4 { 10.0.0.0/24 . dccp . 1-9 : 10.0.0.1 }",
        "nft flush map inet calico-exposed host6",
        "nft flush set inet calico-exposed profile-web-range4",
        "nft add element inet calico-exposed endpoint6 { fd00::7 : goto profile-web }",
        "nft delete element inet calico-exposed limit4 { tcp . 8080 }",
        "nft add element inet calico-exposed rangelimit6 { udp . 1-2 : goto " LIMIT_I " }",
        "nft add element inet calico-exposed " LIMIT_F "-from6 { ipv6 . ::/1 }",
        "nft flush set inet calico-exposed " LIMIT_IL "-interfaces",
        "nft delete element inet calico-exposed " BALANCE4 "-backends { 1 }",
        "nft add element inet calico-exposed " BALANCE6_RANGE "-backends { 7 : fd00::7 }",
        "nft add element inet calico-exposed balance4 { udp . 1 : goto " BALANCE4 " }",
        "nft flush set inet calico-exposed addresses4",
        "nft add element inet calico-exposed neighbours6 { fd00:7::/64 . fd00:7::/64 }",
};

static const char *const changes_of_skeleton[] = {
        "nft delete table inet calico-exposed",
        "nft flush table inet calico-exposed",
        "nft flush chain inet calico-exposed exposed",
        "nft flush chain inet calico-exposed profile-web",
        DELETE_RULE("guard", "saddr"),
        DELETE_RULE("profile-web", "reply ip6"),
        REPLACE_RULE("guard", "daddr", "iif != lo ip daddr 127.0.0.0/16 drop"),
        REPLACE_RULE("postrouting", "@hairpin4",
                     "ct status dnat ip saddr . ip daddr != @hairpin4 masquerade"),
        REPLACE_RULE("translate", "@dnat4", "dnat ip to meta l4proto . th sport map @dnat4"),
        "nft add rule inet calico-exposed exposed drop",
        "nft insert rule inet calico-exposed forward accept",
        "nft add chain inet calico-exposed mine",
        "nft add chain inet calico-exposed profile-mine",
        "nft add chain inet calico-exposed mine '{ type filter hook input priority 0; }'",
        "nft add set inet calico-exposed mine '{ type ipv4_addr; }'",
        "nft add set inet calico-exposed profile-mine-allow4 '{ type ipv4_addr; }'",
        "nft add element inet calico-exposed neighbours4 { 10.0.0.1-10.0.0.5 . 10.0.0.9 }",
        "nft add element inet calico-exposed hostrange4 { 10.0.0.1-10.0.0.5 . tcp . 1-9 : 10.0.0.9 }",
        "nft add element inet calico-exposed profile-web-range4 { 10.0.0.1 . tcp . 7 }",
        "nft add element inet calico-exposed endpoint4 { 10.0.0.1 : drop }",
        "nft add element inet calico-exposed endpoint4 { 10.0.0.1 : jump profile-web }",
        "nft flush chain inet calico-exposed " LIMIT_FIL,
        "nft flush chain inet calico-exposed allowed",
        DELETE_RULE(LIMIT_FIL, "oif \"lo\" meta nfproto . ip6"),
        REPLACE_RULE(LIMIT_I, "iifname", "iifname != @" LIMIT_I "-interfaces goto translate"),
        REPLACE_RULE(BALANCE4, "numgen",
                     "meta l4proto tcp dnat ip to numgen inc mod 1 map @" BALANCE4 "-backends"),
        "nft add rule inet calico-exposed " BALANCE6 " accept",
        "nft add chain inet calico-exposed limit-f-0000000000000bad",
        "nft add set inet calico-exposed " LIMIT_F "-interfaces '{ type ifname; }'",
        "nft add set inet calico-exposed limit-f-0000000000000bad-from4 "
        "'{ type nf_proto . ipv4_addr; flags interval; }'",
        "nft add element inet calico-exposed " LIMIT_F "-from4 { ipv4 . 11.0.0.1-11.0.0.5 }",
        "nft add element inet calico-exposed " LIMIT_F "-from4 { ipv6 . 11.0.0.1 }",
        "nft add element inet calico-exposed " BALANCE4 "-backends { 70000 : 10.0.0.1 . 1 }",
        "nft add element inet calico-exposed limit6 { udp . 1 : goto " BALANCE6 " }",
        "nft add element inet calico-exposed hairpin4 { 10.0.0.1 . 10.0.0.2 }",
        "nft add element inet calico-exposed neighbours4 { 10.0.0.0/24 . 10.0.1.0/24 }",
        "nft add element inet calico-exposed hostlimit4 { 10.0.0.1 . tcp . 1 : jump " LIMIT_F " }",
        "nft 'add table inet calico-exposed { flags dormant; }'",
        "nft 'add chain inet calico-exposed forward { policy drop; }'",
};

static void changes_of_a_shared_table_are_seen(void **state) {
        Fixture *fixture = *state;

        nft_socket_set_shared(fixture->nft, true);
        want_everything(fixture);
        settle(fixture);
        for (size_t i = 0; i < ELEMENTSOF(changes_of_elements); i++)
                assert_seen_and_healed(fixture, true, changes_of_elements[i]);
        for (size_t i = 0; i < ELEMENTSOF(changes_of_skeleton); i++)
                assert_seen_and_healed(fixture, false, changes_of_skeleton[i]);
        run("nft flush ruleset");
        settle(fixture);
        assert_settled(fixture, TABLE_SHARED);
}

/* From a shared table (somebody loaded a listing, say) to one that is owned, without a gap. */
static void a_rebuild_takes_ownership(void **state) {
        Fixture *fixture = *state;
        Plan plan = {};

        want_everything(fixture);
        nft_socket_set_shared(fixture->nft, true);
        settle(fixture);
        nft_socket_set_shared(fixture->nft, false);
        assert_settled(fixture, TABLE_SHARED);
        plan.add = fixture->desired;
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, true), 0);
        assert_settled(fixture, TABLE_OWNED);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, true, true), 0);
        assert_settled(fixture, TABLE_OWNED);
}

static void a_table_is_deleted_once(void **state) {
        Fixture *fixture = *state;
        KernelState kernel;

        want_everything(fixture);
        settle(fixture);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(nft_delete_table(fixture->nft), 0);
                read_state(fixture, &kernel);
                assert_int_equal(kernel.table, TABLE_ABSENT);
        }
}

static void send_dump_request(int fd, uint16_t type, uint32_t sequence) {
        char buffer[NLMSG_SPACE(64)] __attribute__((aligned(NLMSG_ALIGNTO)));
        struct nlmsghdr *request = nftnl_nlmsg_build_hdr(buffer, type, AF_UNSPEC, NLM_F_DUMP, sequence);

        assert_int_equal(send(fd, request, request->nlmsg_len, 0), request->nlmsg_len);
}

/* The daemon was killed in the middle of a dump, of which there is more than one datagram. */
static void a_stored_socket_is_adopted_with_what_is_left_in_it(void **state) {
        Fixture *fixture = *state;
        int fd;

        want_everything(fixture);
        for (uint16_t port = 1; port < 3000; port++)
                want(fixture, dnat_host("192.0.2.1", PROTOCOL_UDP, port, "172.18.0.2", port));
        settle(fixture);
        fd = fcntl(nft_socket_fd(fixture->nft), F_DUPFD, 3);
        assert_return_code(fd, errno);
        nft_socket_free(fixture->nft);
        send_dump_request(fd, NFT_MSG_GETRULE, 1);
        assert_int_equal(nft_socket_adopt(fd, &fixture->nft), 0);
        assert_int_equal(nft_socket_fd(fixture->nft), fd);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_settled(fixture, TABLE_OWNED);
        unwant(fixture, localnet("docker0"));
        settle(fixture);
        /* And the same while it is in use. */
        send_dump_request(fd, NFT_MSG_GETSET, 1);
        assert_settled(fixture, TABLE_OWNED);
        send_dump_request(fd, NFT_MSG_GETSET, 1);
        want(fixture, localnet("docker0"));
        settle(fixture);
}

static void send_descriptor(int through, int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec part = { (char[]) { 'x' }, 1 };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof(control) };

        control.header = (struct cmsghdr) { .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
                                            .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
        assert_int_equal(sendmsg(through, &message, 0), 1);
}

static int receive_descriptor(int through) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {};
        char byte;
        struct iovec part = { &byte, 1 };
        struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control,
                                  .msg_controllen = sizeof(control) };
        int fd;

        assert_int_equal(recvmsg(through, &message, 0), 1);
        memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
        return fd;
}

/* As it goes through the FD store: the process that made the table is gone. */
static void a_socket_outlives_its_process(void **state) {
        Fixture *fixture = *state;
        int pair[2], fd, status;
        pid_t child;

        want_everything(fixture);
        assert_return_code(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), errno);
        child = fork();
        if (child == 0) {
                Plan plan = { .add = fixture->desired };
                NftSocket *nft;

                if (nft_socket_new(&nft) < 0 || nft_apply(nft, &fixture->options, &plan, true, false) < 0)
                        _exit(1);
                send_descriptor(pair[1], nft_socket_fd(nft));
                _exit(0);
        }
        fd = receive_descriptor(pair[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        nft_socket_free(fixture->nft);
        assert_int_equal(nft_socket_adopt(fd, &fixture->nft), 0);
        assert_settled(fixture, TABLE_OWNED);
        unwant(fixture, localnet("docker0"));
        settle(fixture);
        assert_settled(fixture, TABLE_OWNED);
        close_fd(pair[0]);
        close_fd(pair[1]);
}

static void what_is_no_netfilter_socket_is_not_adopted(void **state) {
        struct {
                int fd, error;
        } cases[] = {
                { open("/dev/null", O_RDWR), -ENOTSOCK },
                { socket(AF_UNIX, SOCK_STREAM, 0), -EINVAL },
                { socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), -EINVAL },
                { socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), -EINVAL }, /* not bound: it owns nothing */
                { -1, -EBADF },
        };
        NftSocket *nft = NULL;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                assert_int_equal(nft_socket_adopt(cases[i].fd, &nft), cases[i].error);
                assert_null(nft);
                if (cases[i].fd >= 0)
                        assert_return_code(close(cases[i].fd), errno); /* still ours */
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(a_flush_passes_an_owned_table_by),
                NFT_TEST(nobody_else_changes_an_owned_table),
                NFT_TEST(the_table_goes_with_its_socket),
                NFT_TEST(a_table_of_another_owner_is_left_alone),
                NFT_TEST(changes_of_a_shared_table_are_seen),
                NFT_TEST(a_rebuild_takes_ownership),
                NFT_TEST(a_table_is_deleted_once),
                NFT_TEST(a_stored_socket_is_adopted_with_what_is_left_in_it),
                NFT_TEST(a_socket_outlives_its_process),
                NFT_TEST(what_is_no_netfilter_socket_is_not_adopted),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
