/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/kernel/nft/fixture.h"
#include "tests/rounds.h"

/* Somebody else commits while the table is read. */
typedef struct Writer {
        pid_t process;
        int leash; /* it ends when this is closed */
} Writer;

/* A token that is always in exactly one of two maps, which are read one after the other. */
static const uint16_t token = 65000;

static int move_token(NftSocket *nft, const RulesetOptions *options, bool to_host) {
        Element host = dnat_host("192.0.2.1", PROTOCOL_TCP, token, "172.18.0.2", 1);
        Element any = dnat(PROTOCOL_TCP, token, "172.18.0.2", 1);
        Plan plan = {
                .add = { to_host ? &host : &any, 1, 1 },
                .remove = { to_host ? &any : &host, 1, 1 },
        };

        return nft_apply(nft, options, &plan, false, true);
}

typedef int (*Commit)(NftSocket *nft, const RulesetOptions *options, bool odd);

/* Until the leash is let go: one commit after the other, with pause_msec in between (0: none). */
static void write_on(int leash, int pause_msec, Commit commit) {
        const RulesetOptions options = { .mark = 0x80, .mask = 0x80, .localhost = true };
        struct pollfd wanted = { .fd = leash, .events = POLLIN };
        NftSocket *nft;

        if (nft_socket_new(&nft) < 0)
                _exit(1);
        for (bool odd = true; poll(&wanted, 1, pause_msec) == 0; odd = !odd)
                if (commit(nft, &options, odd) < 0)
                        _exit(1);
        nft_socket_free(nft);
        _exit(0);
}

static Writer start_writer(int pause_msec, Commit commit) {
        Writer writer;
        int ends[2];

        assert_return_code(pipe(ends), errno);
        writer = (Writer) { .process = fork(), .leash = ends[1] };
        assert_return_code(writer.process, errno);
        if (writer.process == 0) {
                close_fd(ends[1]);
                write_on(ends[0], pause_msec, commit);
        }
        close_fd(ends[0]);
        return writer;
}

static void stop_writer(Writer writer) {
        int status;

        close_fd(writer.leash);
        assert_int_equal(waitpid(writer.process, &status, 0), writer.process);
        assert_int_equal(status, 0);
}

static size_t count_tokens(const Elements *elements) {
        size_t count = 0;

        for (size_t i = 0; i < elements->count; i++)
                count += elements->items[i].ports.first == token;
        return count;
}

/* How long it takes to read everything with nobody in between. */
static int read_msec(Fixture *fixture) {
        uint64_t start = clock_usec(CLOCK_MONOTONIC), end;
        KernelState kernel;

        read_state(fixture, &kernel);
        end = clock_usec(CLOCK_MONOTONIC);
        kernel_state_done(&kernel);
        return (int) ((end - start) / 1000);
}

static void a_commit_in_the_middle_is_noticed(void **state) {
        enum { READS = 300 };
        Fixture *fixture = *state;
        int complete = 0;
        Writer writer;

        nft_socket_set_shared(fixture->nft, true);
        want(fixture, dnat(PROTOCOL_TCP, token, "172.18.0.2", 1));
        for (uint16_t port = 1; port < 500; port++) {
                want(fixture, dnat_host("2001:db8::1", PROTOCOL_TCP, port, "fd00::1", port));
                want(fixture, dnat(PROTOCOL_TCP, port, "fd00::1", port));
        }
        settle(fixture);
        /* So about every other read has a commit in the middle, however fast the machine is. */
        writer = start_writer(1 + 2 * read_msec(fixture), move_token);
        for (int i = 0; i < (int) rounds(READS); i++) {
                KernelState kernel;
                int r = nft_read(fixture->nft, &fixture->options, &kernel);

                if (r == -EAGAIN) /* ten times in a row */
                        continue;
                assert_int_equal(r, 0);
                assert_true(kernel.skeleton_intact);
                assert_int_equal(kernel.elements.count, fixture->desired.count);
                assert_int_equal(count_tokens(&kernel.elements), 1);
                kernel_state_done(&kernel);
                complete++;
        }
        stop_writer(writer);
        assert_true(complete > 0);
}

/* A table of somebody's, with chains of the same family, comes and goes: iptables and Docker do no less. */
static int make_or_delete_table(NftSocket *nft, const RulesetOptions *options, bool make) {
        (void) nft;
        (void) options;
        return system(make ? "nft 'add table inet busy; add chain inet busy a; add chain inet busy b;"
                             "add chain inet busy c; add set inet busy s { type ipv4_addr; elements = { 10.0.0.1 }; }'"
                           : "nft delete table inet busy") == 0
                       ? 0
                       : -EIO;
}

static void commits_of_others_do_not_keep_us_from_our_own_table(void **state) {
        enum { READS = 100 };
        Fixture *fixture = *state;
        Writer writer;

        want_everything(fixture);
        for (uint16_t port = 1; port < 3000; port++)
                want(fixture, dnat_host("2001:db8::1", PROTOCOL_TCP, port, "fd00::1", port));
        settle(fixture);
        writer = start_writer(0, make_or_delete_table);
        for (int i = 0; i < (int) rounds(READS); i++)
                assert_settled(fixture, TABLE_OWNED);
        stop_writer(writer);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(a_commit_in_the_middle_is_noticed),
                NFT_TEST(commits_of_others_do_not_keep_us_from_our_own_table),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
