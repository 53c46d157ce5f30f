/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/kernel/nft/fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* NFT_ROOT: a root file system whose nft is used instead of the host's, to try another version. */
static const char *nft(void) {
        static char command[256];
        const char *root = getenv("NFT_ROOT");

        snprintf(command, sizeof(command), "%s%s%s", root ? "chroot " : "", root ? root : "", root ? " nft" : "nft");
        return command;
}

static void assert_contains(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("no \"%s\" in:\n%s", part, text);
}

static void types_and_rules_are_readable(void **state) {
        Fixture *fixture = *state;
        char *text;

        want_everything(fixture);
        settle(fixture);
        text = output_of("%s list table inet calico-exposed", nft());
        assert_contains(text, "flags owner");
        assert_contains(text, "type inet_proto . inet_service : ipv4_addr . inet_service\n");
        assert_contains(text, "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service\n");
        assert_contains(text, "type ipv4_addr . inet_proto . inet_service : ipv4_addr\n\t\tflags interval\n");
        assert_contains(text, "type ipv4_addr : verdict\n");
        assert_contains(text, "type ipv6_addr . ipv6_addr\n\t\tflags interval\n");
        assert_contains(text, "type ifname\n");
        assert_contains(text, "tcp . 8080 : 172.18.0.2 . 80");
        assert_contains(text, "udp . 30000-30100 : 172.18.0.2");
        assert_contains(text, "203.0.113.1 . tcp . 30000-30100 : 172.18.0.2");
        assert_contains(text, "172.18.0.2 : goto profile-web");
        assert_contains(text, "172.18.0.0/16 . 172.18.0.0/16");
        assert_contains(text, "\"br-0123456789a\"");
        assert_contains(text, "\t\tdnat ip to ip daddr . meta l4proto . th dport map @host4\n");
        assert_contains(text, "\t\tfib daddr type local meta nfproto . ip daddr @addresses4 goto exposed\n");
        assert_contains(text, "type inet_proto . inet_service : verdict\n\t\tflags interval\n");
        assert_contains(text, "type nf_proto . ipv6_addr\n\t\tflags interval\n");
        assert_contains(text, "typeof numgen inc mod 2 : ip daddr . tcp dport\n");
        assert_contains(text, "typeof numgen inc mod 3 : ip daddr\n");
        assert_contains(text, "typeof numgen inc mod 1 : ip6 daddr . tcp dport\n");
        assert_contains(text, "typeof numgen inc mod 2 : ip6 daddr\n");
        assert_contains(text, "0 : 172.18.0.2 . 80");
        assert_contains(text, "tcp . 8080 : goto " LIMIT_F);
        assert_contains(text, "127.0.0.1 . tcp . 81 : goto " LIMIT_I);
        assert_contains(text, "udp . 30000-30100 : goto " LIMIT_IL);
        assert_contains(text, "sctp . 40000-40100 : goto " BALANCE4_RANGE);
        assert_contains(text, "ipv4 . 10.0.0.0/8");
        assert_contains(text, "\t\tmeta nfproto ipv4 meta l4proto . th dport vmap @limit4\n");
        assert_contains(text, "\t\tip6 daddr . meta l4proto . th dport vmap @hostrangebalance6\n");
        assert_contains(text, "\t\tiifname @" LIMIT_FIL "-interfaces meta nfproto . ip saddr @" LIMIT_FIL
                              "-from4 goto translate\n");
        assert_contains(text, "\t\toif \"lo\" goto translate\n");
        assert_contains(text, "\t\tmeta l4proto tcp dnat ip to numgen inc mod 2 map @" BALANCE4 "-backends\n");
        assert_contains(text, "\t\tdnat ip6 to numgen inc mod 2 map @" BALANCE6_RANGE "-backends\n");
        assert_contains(text, "\t\tct status dnat meta mark set meta mark | 0x00000080 accept\n");
        assert_contains(text, "\t\tiif != \"lo\" ip daddr 127.0.0.0/8 drop");
        assert_contains(text, "\t\tct status dnat ct reply ip saddr vmap @endpoint4\n");
        assert_contains(text, "\t\tct status dnat meta mark & 0x00000080 == 0x00000080 ip saddr . ip daddr "
                              "@neighbours4 masquerade\n");
        assert_contains(text, "\t\tct direction original ip daddr . meta l4proto . th dport @profile-web-allow4 goto "
                              "allowed\n");
        assert_contains(text, "\t\tct direction reply ip6 saddr . meta l4proto . th sport @profile-web-range6 ");
        free(text);
}

/* Takes out what is said of the owner, who is another one where it is loaded again. */
static void forget_owner(char *text) {
        char *name = strstr(text, " # progname"), *flags;

        if (name)
                memmove(name, strchr(name, '\n'), strlen(strchr(name, '\n')) + 1);
        flags = strstr(text, "\tflags owner\n\n");
        assert_non_null(flags);
        memmove(flags, flags + strlen("\tflags owner\n\n"), strlen(flags + strlen("\tflags owner\n\n")) + 1);
}

static void write_file(char path[static 1], const char *text) {
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        close_fd(fd);
}

/* What nft lists, nft must take again: hosts keep it as their /etc/nftables.conf. And it is the same then. */
static void listing_can_be_loaded(void **state) {
        char file[] = "/tmp/calico-exposed-listing-XXXXXX";
        Fixture *fixture = *state;
        char *listing, *again;

        fixture->options = (RulesetOptions) { .mark = 0x1200, .mask = 0xff00, .localhost = false,
                                              .enforce = true };
        want_everything(fixture);
        settle(fixture);
        listing = output_of("%s list ruleset", nft());
        write_file(file, listing);
        run("unshare -n %s -f - <%s", nft(), file); /* with the owner flag: stays as long as that nft */

        forget_owner(listing);
        run("sed -i '/flags owner/d; s/ # progname.*//' %s", file);
        again = output_of("unshare -n sh -c '%s -f - <%s && %s list ruleset'", nft(), file, nft());
        assert_string_equal(again, listing);
        assert_return_code(unlink(file), 0);
        free(listing);
        free(again);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(types_and_rules_are_readable),
                NFT_TEST(listing_can_be_loaded),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
