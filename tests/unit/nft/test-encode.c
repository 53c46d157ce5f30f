/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <malloc.h>
#include <string.h>

#include "daemon/nft/attribute.h"
#include "daemon/nft/batch.h"
#include "daemon/nft/decode.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/objects.h"
#include "tests/cmocka.h"

static const RulesetOptions options = { .mark = 0x80, .mask = 0x80, .localhost = true };

static Address an_address(uint8_t family, unsigned i) {
        Address address = { .family = family };

        memcpy(address.bytes, (uint8_t[]) { 10, 0, (uint8_t) (i >> 8), (uint8_t) i }, 4);
        return address;
}

#define LONGEST_PROFILE "a-profile-with-the-longest-name-that-there-can-be-0123456789012"

/* The name of an object which has that set, or to which the set's data leads; "" where there is none of either. */
static const char *an_object(const SetSchema *schema) {
        const ObjectSchema *object = schema->object ?: field_object(schema->data[0]);

        if (!object)
                return "";
        if (object == &object_schemas[OBJECT_PROFILE])
                return LONGEST_PROFILE;
        if (object == &object_schemas[OBJECT_LIMIT])
                return "limit-fil-0123456789abcdef";
        if (schema->shape == SHAPE_PORTS_KEPT)
                return schema->family == AF_INET ? "balance4-3r-fedcba9876543210" : "balance6-3r-fedcba9876543210";
        return schema->family == AF_INET ? "balance4-65535-fedcba9876543210" : "balance6-1-0000000000000000";
}

/* An element that fits that set. Its address counts i up. */
static Element an_element(const SetSchema *schema, unsigned i) {
        Address address = schema->family ? an_address(schema->family, i) : (Address) {};
        Element element = { .kind = schema->kind, .family = schema->family, .name = an_object(schema) };

        if (schema->shape & SHAPE_ALL_HOSTS)
                element.prefix.address.family = schema->family;
        for (const SetField *field = schema->key; *field != FIELD_END; field++)
                switch (*field) {
                case FIELD_PROTOCOL:
                        element.protocol = PROTOCOL_SCTP;
                        break;
                case FIELD_PORT:
                case FIELD_INDEX:
                        element.ports = (PortRange) { (uint16_t) i, (uint16_t) i };
                        break;
                case FIELD_PORTS:
                        element.ports = (PortRange) { (uint16_t) (i / 2), (uint16_t) (i + 1) };
                        break;
                case FIELD_ADDRESS:
                        element.address = address;
                        break;
                case FIELD_PREFIX:
                        element.prefix = (Prefix) { address_masked(&address, 17), 17 };
                        break;
                case FIELD_HOST:
                        element.prefix = (Prefix) { address, (uint8_t) (address_size(schema->family) * 8) };
                        break;
                case FIELD_HOST_OR_ALL:
                        element.prefix = i % 2 == 0 ? (Prefix) { { .family = schema->family }, 0 }
                                                    : (Prefix) { address, (uint8_t) (address_size(schema->family) * 8) };
                        break;
                case FIELD_FIRST_PORT:
                        element.ports.first = (uint16_t) i;
                        break;
                case FIELD_LAST_PORT:
                        element.ports.last = (uint16_t) (i + 1);
                        break;
                case FIELD_INTERFACE:
                        element.interface = "br-0123456789ab";
                        break;
                case FIELD_NAME:
                        element.name = "br-0123456789ab";
                        break;
                default:
                        break;
                }
        for (const SetField *field = schema->data; *field != FIELD_END; field++)
                if (*field == FIELD_TARGET)
                        element.target = an_address(schema->family, i + 1);
                else if (*field == FIELD_TARGET_PORT)
                        element.target_port = (uint16_t) (i + 2);
        return element;
}

static void each_set_is_found_by_name_and_by_element(void **state) {
        static const char *const profiles[] = { "web", "a", "x-allow4", "-range6", "profile-allow4", "limit-f-01" };
        char name[OBJECT_NAME_SIZE], object[OBJECT_NAME_SIZE];

        (void) state;
        for (size_t i = 0; i < n_set_schemas; i++) {
                const SetSchema *schema = &set_schemas[i];
                Element element = an_element(schema, 5);

                assert_ptr_equal(set_schema_for_element(&element), schema);
                set_name(schema, an_object(schema), name);
                assert_ptr_equal(set_schema_for_name(name, object), schema);
                assert_string_equal(object, schema->object ? an_object(schema) : "");
                for (size_t k = 0; k < ELEMENTSOF(profiles) && schema->object == &object_schemas[OBJECT_PROFILE]; k++) {
                        set_name(schema, profiles[k], name);
                        assert_ptr_equal(set_schema_for_name(name, object), schema);
                        assert_string_equal(object, profiles[k]);
                }
        }
}

static void other_names_are_nobodys(void **state) {
        static const char *const sets[] = {
                "dnat5", "profile-allow4", "profile--allow4", "profile-with space-allow4", "web-allow4",
                "limit-f-0000000000000001-interfaces", "limit-i-0000000000000001-from4", "limit-f-01-from4",
                "limit-f-000000000000000g-from4", "balance4-2-0000000000000001-backends4", "balance4-2-backends",
                "balance4-0-0000000000000001-backends", "balance5-2-0000000000000001-backends",
        };
        static const char *const chains[] = { "profile-", "exposed", "limit-f-1", "limit-x-0000000000000001",
                                              "balance4-02-0000000000000001", "balance4-2r-1" };
        char object[OBJECT_NAME_SIZE];
        const char *name;

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(sets); i++)
                if (set_schema_for_name(sets[i], object))
                        fail_msg("a set's name: %s", sets[i]);
        for (size_t i = 0; i < ELEMENTSOF(chains); i++)
                if (object_schema_for_chain(chains[i], &name))
                        fail_msg("an object's name: %s", chains[i]);
}

static void elements_survive_the_way_there_and_back(void **state) {
        static const unsigned values[] = { 0, 1, 255, 256, 40000, 65533 };

        (void) state;
        for (size_t i = 0; i < n_set_schemas; i++)
                for (size_t k = 0; k < ELEMENTSOF(values); k++) {
                        const SetSchema *schema = &set_schemas[i];
                        Element element = an_element(schema, values[k]), back;
                        _cleanup_set_elem_ struct nftnl_set_elem *elem = NULL;
                        char text[OBJECT_NAME_SIZE];

                        assert_int_equal(encode_element(schema, &element, true, &elem), 0);
                        assert_true(decode_element(schema, elem, &back, text));
                        if (schema->object)
                                back.name = element.name;
                        assert_int_equal(element_compare(&element, &back), 0);
                }
}

static const struct nlmsghdr *message_at(const Batch *batch, size_t offset) {
        return (const struct nlmsghdr *) (const void *) (batch->data + offset);
}

/* Messages of that type in an ended batch; each must be short enough for its attributes' 16 bits. */
static size_t count_messages(const Batch *batch, uint16_t type) {
        size_t count = 0;

        for (size_t offset = 0; offset < batch->size; offset += NLMSG_ALIGN(message_at(batch, offset)->nlmsg_len)) {
                const struct nlmsghdr *message = message_at(batch, offset);

                assert_in_range(message->nlmsg_len, NLMSG_HDRLEN, UINT16_MAX);
                assert_true(offset + message->nlmsg_len <= batch->size);
                count += message->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type);
        }
        return count;
}

/* Counted by hand: libnftnl cannot read the lists that it writes (it numbers the members' types through). */
static size_t list_length(const struct nlmsghdr *message) {
        const struct nlattr *list = attribute_find(message, NFTA_SET_ELEM_LIST_ELEMENTS, MNL_TYPE_NESTED);
        const struct nlattr *member;
        const char *end;
        size_t count = 0;

        assert_non_null(list);
        end = (const char *) mnl_attr_get_payload(list) + mnl_attr_get_payload_len(list);
        for (member = mnl_attr_get_payload(list); (const char *) member < end; member = mnl_attr_next(member))
                count++;
        assert_ptr_equal(member, end);
        return count;
}

static size_t listed_elements(const Batch *batch) {
        size_t count = 0;

        for (size_t offset = 0; offset < batch->size; offset += NLMSG_ALIGN(message_at(batch, offset)->nlmsg_len))
                if (message_at(batch, offset)->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM))
                        count += list_length(message_at(batch, offset));
        return count;
}

/* libnftnl would wrap a list of elements of more than 64 KiB without a word, and the kernel would take what is left. */
static void long_lists_are_divided(void **state) {
        enum { MANY = 5000 };

        (void) state;
        for (size_t i = 0; i < n_set_schemas; i++) {
                size_t limit = encode_elements_per_message(&set_schemas[i]);
                Elements elements = {};
                Batch batch;

                assert_in_range(limit, 300, 1000);
                for (unsigned k = 0; k < MANY; k++) {
                        Element element = an_element(&set_schemas[i], k);

                        assert_int_equal(elements_append(&elements, &element), 0);
                }
                batch_begin(&batch, 1);
                encode_add_elements(&batch, &options, &elements);
                assert_int_equal(batch_end(&batch), 0);
                assert_int_equal(count_messages(&batch, NFT_MSG_NEWSETELEM), (MANY + limit - 1) / limit);
                assert_int_equal(listed_elements(&batch), MANY);
                batch_done(&batch);
                batch_begin(&batch, 1);
                encode_remove_elements(&batch, &elements);
                assert_int_equal(batch_end(&batch), 0);
                assert_int_equal(count_messages(&batch, NFT_MSG_DELSETELEM), (MANY + limit - 1) / limit);
                batch_done(&batch);
                elements_done(&elements);
        }
}

static void only_the_last_message_is_acknowledged(void **state) {
        Element localnet = { .kind = ELEMENT_LOCALNET, .name = "docker0" };
        const struct nlmsghdr *last = NULL;
        size_t acknowledged = 0;
        Batch batch;

        (void) state;
        batch_begin(&batch, UINT32_MAX - 3); /* the numbers wrap */
        encode_skeleton(&batch, &options, true);
        encode_add_elements(&batch, &options, &(Elements) { &localnet, 1, 1 });
        assert_int_equal(batch_end(&batch), 0);
        for (size_t offset = 0; offset < batch.size; offset += NLMSG_ALIGN(message_at(&batch, offset)->nlmsg_len)) {
                const struct nlmsghdr *message = message_at(&batch, offset);

                acknowledged += (message->nlmsg_flags & NLM_F_ACK) != 0;
                if (message->nlmsg_flags & NLM_F_ACK)
                        last = message;
        }
        assert_int_equal(acknowledged, 1);
        assert_non_null(last);
        assert_int_equal(last->nlmsg_seq, batch.last_sequence);
        assert_int_equal(last->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM);
        batch_done(&batch);
}

static void a_failure_stays_in_the_batch(void **state) {
        Element elements[] = { { .kind = ELEMENT_LOCALNET, .name = "docker0" }, { .kind = ELEMENT_DNAT, .name = "" } };
        Batch batch;

        (void) state;
        batch_begin(&batch, 1);
        encode_add_elements(&batch, &options, &(Elements) { elements, 2, 2 });
        encode_add_elements(&batch, &options, &(Elements) { elements, 1, 1 });
        assert_int_equal(batch_end(&batch), -EINVAL);
        batch_done(&batch);
        batch_begin(&batch, 1);
        assert_int_equal(batch_end(&batch), -ENODATA);
        batch_done(&batch);
}

static void make_everything(Batch *batch, int perturb) {
        Element element;

        mallopt(M_PERTURB, perturb); /* what fresh memory is filled with */
        batch_begin(batch, 1);
        encode_skeleton(batch, &options, false);
        for (size_t i = 0; i < n_set_schemas; i++) {
                element = an_element(&set_schemas[i], 5);
                encode_add_elements(batch, &options, &(Elements) { &element, 1, 1 });
        }
        mallopt(M_PERTURB, 0);
        assert_int_equal(batch_end(batch), 0);
}

/* Padding behind attributes is nothing that was in memory before. */
static void the_same_makes_the_same_bytes(void **state) {
        Batch one, other;

        (void) state;
        make_everything(&one, 0x55);
        make_everything(&other, 0xaa);
        assert_int_equal(one.size, other.size);
        assert_memory_equal(one.data, other.data, one.size);
        batch_done(&one);
        batch_done(&other);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_set_is_found_by_name_and_by_element),
                cmocka_unit_test(other_names_are_nobodys),
                cmocka_unit_test(elements_survive_the_way_there_and_back),
                cmocka_unit_test(long_lists_are_divided),
                cmocka_unit_test(only_the_last_message_is_acknowledged),
                cmocka_unit_test(a_failure_stays_in_the_batch),
                cmocka_unit_test(the_same_makes_the_same_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
