/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/nft/forward.h"
#include "tests/kernel/nft/fixture.h"

#define MARKED "meta mark & 0x80 == 0x80"

/* The chain of that table, NULL if it is not told. */
static bool find(Fixture *fixture, const char *table, ForwardChain *ret) {
        ForwardChain *chains;
        bool found = false;
        size_t n;

        assert_int_equal(forward_chains_read(fixture->nft, &fixture->options, &chains, &n), 0);
        for (size_t i = 0; i < n && !found; i++) {
                found = strcmp(chains[i].table, table) == 0;
                if (found)
                        *ret = chains[i];
        }
        free(chains);
        return found;
}

static void assert_chain(Fixture *fixture, const char *table, bool drops, bool passes) {
        ForwardChain chain;

        assert_true(find(fixture, table, &chain));
        assert_string_equal(chain.name, "f");
        assert_int_equal(chain.drops, drops);
        assert_int_equal(chain.passes, passes);
}

#define HOOKED "type filter hook forward priority 0; policy "

static void the_policy_counts(void **state) {
        run("nft 'table ip a { chain f { " HOOKED "drop; }; }; table ip6 b { chain f { " HOOKED "accept; }; }'");
        assert_chain(*state, "a", true, false);
        assert_chain(*state, "b", false, false);
}

static void other_chains_are_not_told(void **state) {
        ForwardChain chain;

        run("nft 'table ip a { chain f { type filter hook input priority 0; policy drop; }; chain g { drop; }; }'");
        run("nft 'table bridge b { chain f { " HOOKED "drop; }; }'");
        run("nft 'table ip c { chain f { type route hook output priority 0; policy drop; }; }'");
        assert_false(find(*state, "a", &chain));
        assert_false(find(*state, "b", &chain));
        assert_false(find(*state, "c", &chain));
}

static void our_own_chain_is_not_told(void **state) {
        ForwardChain chain;

        settle(*state);
        assert_false(find(*state, "calico-exposed", &chain));
}

static void a_last_word_is_as_good_as_a_policy(void **state) {
        run("nft 'table inet a { chain f { " HOOKED "accept; ct state established accept; counter log drop; }; }'");
        run("nft 'table inet b { chain f { " HOOKED "accept; reject with icmpx admin-prohibited; }; }'");
        run("nft 'table inet c { chain f { " HOOKED "accept; iifname \"x\" drop; }; }'");
        assert_chain(*state, "a", true, false);
        assert_chain(*state, "b", true, false);
        assert_chain(*state, "c", false, false);
}

static void a_rule_for_the_mark_passes(void **state) {
        run("nft 'table ip a { chain f { " HOOKED "drop; " MARKED " accept; }; }'");
        run("nft 'table ip b { chain f { " HOOKED "drop; " MARKED " counter log accept comment \"x\"; }; }'");
        run("nft 'table ip c { chain f { " HOOKED "drop; meta mark & 0x40 == 0x40 accept; }; }'");
        run("nft 'table ip d { chain f { " HOOKED "drop; ct status dnat accept; }; }'");
        run("nft 'table ip e { chain f { " HOOKED "drop; iifname \"x\" " MARKED " accept; }; }'");
        assert_chain(*state, "a", true, true);
        assert_chain(*state, "b", true, true);
        assert_chain(*state, "c", true, false);
        assert_chain(*state, "d", true, true);
        assert_chain(*state, "e", true, false);
}

static void jumps_are_followed(void **state) {
        run("nft 'table ip a { chain h { " MARKED " accept; }; chain g { jump h; };"
            " chain f { " HOOKED "drop; counter jump g; }; }'");
        run("nft 'table ip b { chain g { " MARKED " accept; }; chain f { " HOOKED "drop; }; }'");
        run("nft 'table ip c { chain g { " MARKED " accept; };"
            " chain f { " HOOKED "drop; oifname vmap { \"x\" : jump g }; }; }'");
        assert_chain(*state, "a", true, true);
        assert_chain(*state, "b", true, false);
        assert_chain(*state, "c", true, true);
}

static void what_iptables_writes_is_read(void **state) {
        ForwardChain chain;

        run("iptables -P FORWARD DROP && iptables -N DOCKER-USER && iptables -A FORWARD -j DOCKER-USER");
        assert_true(find(*state, "filter", &chain));
        assert_true(chain.drops && !chain.passes);
        run("iptables -A DOCKER-USER -m mark --mark 0x80/0x80 -m comment --comment x -j ACCEPT");
        assert_true(find(*state, "filter", &chain));
        assert_true(chain.drops && chain.passes);
        run("iptables -D FORWARD -j DOCKER-USER");
        assert_true(find(*state, "filter", &chain));
        assert_false(chain.passes);
}

/* As Docker 29 makes it, without and with --bridge-accept-fwmark. */
static void dockers_own_backend_is_known(void **state) {
        ForwardChain chain;

        run("nft 'table ip docker-bridges { chain in { ct state established,related counter accept;"
            " counter drop comment \"UNPUBLISHED PORT DROP\"; };"
            " map jumps { type ifname : verdict; elements = { \"docker0\" : jump in }; };"
            " chain f { " HOOKED "accept; oifname vmap @jumps; }; }'");
        assert_true(find(*state, "docker-bridges", &chain));
        assert_true(chain.docker && chain.drops && !chain.passes);
        run("nft 'insert rule ip docker-bridges in " MARKED " counter accept comment \"ALLOW FW MARK\"'");
        assert_true(find(*state, "docker-bridges", &chain));
        assert_true(chain.passes);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(the_policy_counts),
                NFT_TEST(other_chains_are_not_told),
                NFT_TEST(our_own_chain_is_not_told),
                NFT_TEST(a_last_word_is_as_good_as_a_policy),
                NFT_TEST(a_rule_for_the_mark_passes),
                NFT_TEST(jumps_are_followed),
                NFT_TEST(what_iptables_writes_is_read),
                NFT_TEST(dockers_own_backend_is_known),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests_name("nft-forward", tests, NULL, NULL);
}
