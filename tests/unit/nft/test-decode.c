/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/nft/batch.h"
#include "daemon/nft/decode.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/monitor.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/ruleset.h"
#include "tests/cmocka.h"

static const RulesetOptions options = { .mark = 0x80, .mask = 0x80, .localhost = true };

/* What is asked of the kernel looks just like what it answers, but for what it adds: so a batch is a dump, too. */
static void make_dump(Batch *batch) {
        const Address container = { AF_INET, { 172, 18, 0, 2 } };
        Element elements[] = {
                { .kind = ELEMENT_PROFILE, .name = "web" },
                { .kind = ELEMENT_ALLOW, .family = AF_INET, .protocol = PROTOCOL_TCP, .address = container,
                  .ports = { 80, 80 }, .name = "web" },
                { .kind = ELEMENT_ENDPOINT, .family = AF_INET, .address = container, .name = "web" },
                { .kind = ELEMENT_LOCALNET, .name = "docker0" },
                { .kind = ELEMENT_DNAT_RANGE, .family = AF_INET6, .protocol = PROTOCOL_UDP, .ports = { 1, 9 },
                  .prefix = { { AF_INET6, {} }, 0 }, .target = { AF_INET6, { 0xfd } }, .name = "" },
        };

        batch_begin(batch, 1);
        encode_skeleton(batch, &options, false);
        encode_add_elements(batch, &options, &(Elements) { elements, ELEMENTSOF(elements), ELEMENTSOF(elements) });
        assert_int_equal(batch_end(batch), 0);
}

static int take_elements(Snapshot *snapshot, const struct nlmsghdr *message) {
        int r = 0;

        /* Which set it is: that of the request, so any will do for garbage, and here it says itself. */
        for (size_t i = 0; i < snapshot->n_sets && r >= 0; i++) {
                char name[OBJECT_NAME_SIZE];
                _cleanup_set_ struct nftnl_set *set = nftnl_set_alloc();

                set_name(snapshot->sets[i].schema, snapshot->sets[i].object, name);
                if (nftnl_set_elems_nlmsg_parse(message, set) >= 0 && nftnl_set_get_str(set, NFTNL_SET_NAME) &&
                    strcmp(nftnl_set_get_str(set, NFTNL_SET_NAME), name) == 0)
                        r = snapshot_take_elements(snapshot, &snapshot->sets[i], message);
        }
        return r;
}

static int take_message(Snapshot *snapshot, const struct nlmsghdr *message, uint16_t type) {
        if (message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type))
                return 0;
        switch (type) {
        case NFT_MSG_NEWTABLE:
                return snapshot_take_table(snapshot, message);
        case NFT_MSG_NEWCHAIN:
                return snapshot_take_chain(snapshot, message);
        case NFT_MSG_NEWSET:
                return snapshot_take_set(snapshot, message);
        case NFT_MSG_NEWRULE:
                return snapshot_take_rule(snapshot, message);
        default:
                return take_elements(snapshot, message);
        }
}

/* All of that type. */
static int take_messages(Snapshot *snapshot, const Batch *batch, uint16_t type) {
        const struct nlmsghdr *message;
        int r = 0;

        for (size_t offset = 0; offset < batch->size && r >= 0; offset += NLMSG_ALIGN(message->nlmsg_len)) {
                message = (const struct nlmsghdr *) (const void *) (batch->data + offset);
                r = take_message(snapshot, message, type);
        }
        return r;
}

/* In the order in which the kernel is asked. */
static int take_dump(Snapshot *snapshot, const Batch *batch) {
        static const uint16_t types[] = { NFT_MSG_NEWTABLE, NFT_MSG_NEWCHAIN, NFT_MSG_NEWSET, NFT_MSG_NEWRULE,
                                          NFT_MSG_NEWSETELEM };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(types) && r >= 0; i++)
                r = take_messages(snapshot, batch, types[i]);
        return r;
}

static void a_dump_becomes_a_state(void **state) {
        Snapshot snapshot = { .options = &options, .port = 1 };
        KernelState kernel;
        Batch batch;

        (void) state;
        make_dump(&batch);
        assert_int_equal(take_dump(&snapshot, &batch), 0);
        assert_int_equal(snapshot_finish(&snapshot, &kernel), 0);
        assert_int_equal(kernel.table, TABLE_SHARED);
        assert_true(kernel.skeleton_intact);
        assert_int_equal(kernel.elements.count, 5);
        assert_string_equal(kernel.elements.items[0].name, "web");
        assert_string_equal(kernel.elements.items[3].name, "docker0");
        kernel_state_done(&kernel);
        snapshot_done(&snapshot);
        batch_done(&batch);
}

static void an_element_that_comes_twice_is_an_inconsistent_read(void **state) {
        Snapshot snapshot = { .options = &options, .port = 1 };
        KernelState kernel;
        Batch batch;

        (void) state;
        make_dump(&batch);
        assert_int_equal(take_dump(&snapshot, &batch), 0);
        assert_int_equal(take_messages(&snapshot, &batch, NFT_MSG_NEWSETELEM), 0);
        assert_int_equal(snapshot_finish(&snapshot, &kernel), -ESTALE);
        snapshot_done(&snapshot);
        batch_done(&batch);
}

static void set_random(struct nftnl_set_elem *elem, uint16_t attribute, size_t size) {
        uint8_t bytes[SET_KEY_SIZE_MAX];

        for (size_t i = 0; i < size; i++)
                bytes[i] = random() % 2 == 0 ? 0 : (uint8_t) random();
        assert_int_equal(nftnl_set_elem_set(elem, attribute, bytes, (uint32_t) size), 0);
}

/* Whatever stands in a set, it is either refused, or an element that is made into just the same again. */
static void what_is_read_is_what_would_be_written(void **state) {
        enum { ROUNDS = 20000 };
        size_t n_read = 0;

        (void) state;
        srandom(1);
        for (int round = 0; round < ROUNDS; round++) {
                const SetSchema *schema = &set_schemas[(size_t) random() % n_set_schemas];
                _cleanup_set_elem_ struct nftnl_set_elem *elem = nftnl_set_elem_alloc(), *again = NULL;
                uint32_t size = set_key_layout(schema).size, again_size;
                char name[OBJECT_NAME_SIZE];
                Element element;

                set_random(elem, NFTNL_SET_ELEM_KEY, random() % 8 == 0 ? size - 4 : size);
                if (random() % 2 == 0)
                        set_random(elem, NFTNL_SET_ELEM_KEY_END, size);
                if (random() % 8 != 0 && !field_object(schema->data[0]) && schema->data[0] != FIELD_END)
                        set_random(elem, NFTNL_SET_ELEM_DATA, set_data_layout(schema).size);
                if (!decode_element(schema, elem, &element, name))
                        continue;
                assert_int_equal(encode_element(schema, &element, true, &again), 0);
                assert_memory_equal(nftnl_set_elem_get(again, NFTNL_SET_ELEM_KEY, &again_size),
                                    nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &size), size);
                assert_int_equal(again_size, size);
                n_read++;
        }
        assert_true(n_read > 100);
}

static void damaged_notifications_do_no_harm(void **state) {
        enum { ROUNDS = 200000, LONGEST = 256 };
        NftChanges changes = {};
        Batch batch;

        (void) state;
        make_dump(&batch);
        srandom(1);
        for (int round = 0; round < ROUNDS; round++) {
                size_t size = (size_t) random() % LONGEST, at = (size_t) random() % (batch.size - size) / 4 * 4;
                char *datagram = malloc(size + 1);

                memcpy(datagram, batch.data + at, size);
                for (size_t i = 0; i < size && random() % 4 != 0; i++)
                        datagram[(size_t) random() % size] = (char) random();
                monitor_take_datagram(datagram, size, 1, &changes);
                free(datagram);
        }
        batch_done(&batch);
}

/* The last attribute claims the padding that would follow it, were there any. */
static void nothing_behind_a_notification_is_read(void **state) {
        char buffer[64] __attribute__((aligned(NLMSG_ALIGNTO))) = {};
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
        NftChanges changes = {};

        (void) state;
        message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE;
        header->nfgen_family = NFPROTO_INET;
        mnl_attr_put_strz(message, NFTA_TABLE_NAME, CALICO_EXPOSED_TABLE);
        monitor_take_datagram(buffer, message->nlmsg_len, 0, &changes);
        assert_true(changes.table);
        changes.table = false;
        message->nlmsg_len -= 3;
        monitor_take_datagram(buffer, message->nlmsg_len, 0, &changes);
        assert_false(changes.table);
}

static void rules_compare_by_what_was_written(void **state) {
        static const char *const chains[] = {
                "exposed", "translate", "prerouting", "output", "guard", "forward", "postrouting", "allowed",
                "profile-a", "profile-b", "limit-fil-0000000000000001", "balance4-2-0000000000000001",
        };
        Rules rules[ELEMENTSOF(chains)] = {}, nothing = {}, others = {};
        RulesetOptions other_mark = { .mark = 0x100, .mask = 0x100, .localhost = true };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(chains); i++) {
                assert_int_equal(ruleset_make_rules(chains[i], &options, &rules[i]), 0);
                assert_true(rules[i].count > 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                for (size_t k = 0; k < rules[i].count; k++)
                        for (size_t n = 0; n < rules[i].count; n++)
                                assert_int_equal(rule_matches(rules[i].items[k], rules[i].items[n]), k == n);
        assert_false(rule_matches(rules[8].items[0], rules[9].items[0])); /* another profile's set */
        assert_int_equal(ruleset_make_rules("allowed", &other_mark, &others), 0);
        assert_false(rule_matches(rules[7].items[0], others.items[0]));
        assert_int_equal(ruleset_make_rules("unknown", &options, &nothing), 0);
        assert_int_equal(nothing.count, 0);
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                rules_done(&rules[i]);
        rules_done(&others);
        rules_done(&nothing);
}

static void the_comment_is_found(void **state) {
        Rules rules = {};

        (void) state;
        assert_int_equal(ruleset_make_docker_user(AF_INET, &options, &rules), 0);
        assert_int_equal(rules.count, 1);
        assert_true(rule_has_comment(rules.items[0], DOCKER_USER_COMMENT));
        assert_false(rule_has_comment(rules.items[0], "calico-expose"));
        assert_false(rule_has_comment(rules.items[0], "calico-exposed2"));
        assert_false(rule_has_comment(rules.items[0], ""));
        rules_done(&rules);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_dump_becomes_a_state),
                cmocka_unit_test(an_element_that_comes_twice_is_an_inconsistent_read),
                cmocka_unit_test(what_is_read_is_what_would_be_written),
                cmocka_unit_test(damaged_notifications_do_no_harm),
                cmocka_unit_test(nothing_behind_a_notification_is_read),
                cmocka_unit_test(rules_compare_by_what_was_written),
                cmocka_unit_test(the_comment_is_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
