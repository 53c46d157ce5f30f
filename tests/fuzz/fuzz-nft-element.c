/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "daemon/nft/decode.h"
#include "daemon/nft/encode.h"
#include "daemon/nft/objects.h"
#include "daemon/nft/schema.h"
#include "tests/fuzz/fuzz.h"

/* One element, and one name: what is written and what is read is the same. */

static struct nftnl_set_elem *elem_new(void) {
        return fuzz_must(nftnl_set_elem_alloc());
}

static void check_bytes_equal(struct nftnl_set_elem *a, struct nftnl_set_elem *b, uint16_t attribute) {
        uint32_t size_a = 0, size_b = 0;
        const void *bytes_a = nftnl_set_elem_get(a, attribute, &size_a);
        const void *bytes_b = nftnl_set_elem_get(b, attribute, &size_b);

        CHECK(nftnl_set_elem_is_set(a, attribute) && nftnl_set_elem_is_set(b, attribute));
        CHECK(bytes_a && bytes_b && size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0);
}

/* Reads it, writes that, and finds the same bytes. */
static bool check_decode(const SetSchema *schema, struct nftnl_set_elem *elem) {
        _cleanup_set_elem_ struct nftnl_set_elem *again = NULL;
        char text[OBJECT_NAME_SIZE];
        Element element;

        if (!decode_element(schema, elem, &element, text))
                return false;
        CHECK(set_schema_for_element(&element) == schema && element.name);
        CHECK(encode_element(schema, &element, true, &again) == 0);
        check_bytes_equal(elem, again, NFTNL_SET_ELEM_KEY);
        if (nftnl_set_elem_is_set(elem, NFTNL_SET_ELEM_KEY_END) && set_key_layout(schema).interval)
                check_bytes_equal(elem, again, NFTNL_SET_ELEM_KEY_END);
        if (field_object(schema->data[0]))
                CHECK(strcmp(nftnl_set_elem_get_str(elem, NFTNL_SET_ELEM_CHAIN),
                             nftnl_set_elem_get_str(again, NFTNL_SET_ELEM_CHAIN)) == 0);
        else if (schema->data[0] != FIELD_END)
                check_bytes_equal(elem, again, NFTNL_SET_ELEM_DATA);
        return true;
}

static void set_bytes(FuzzInput *input, struct nftnl_set_elem *elem, uint16_t attribute, uint32_t size) {
        uint8_t bytes[SET_KEY_SIZE_MAX + sizeof(uint32_t)];

        CHECK(size <= sizeof(bytes));
        fuzz_take(input, bytes, size);
        CHECK(nftnl_set_elem_set(elem, attribute, bytes, size) == 0);
}

static char *take_rest(FuzzInput *input) {
        char *text = fuzz_text(input->data, input->size);

        input->size = 0;
        return text;
}

static void set_verdict(FuzzInput *input, struct nftnl_set_elem *elem) {
        _cleanup_free_ char *chain = NULL;

        nftnl_set_elem_set_u32(elem, NFTNL_SET_ELEM_VERDICT, (uint32_t) -(fuzz_take_byte(input) % 8));
        chain = take_rest(input);
        if (*chain)
                CHECK(nftnl_set_elem_set_str(elem, NFTNL_SET_ELEM_CHAIN, chain) == 0);
}

/* Any bytes that the kernel could give for an element of that set, and some that it could not. */
static void try_bytes(FuzzInput *input) {
        const SetSchema *schema = &set_schemas[fuzz_take_byte(input) % n_set_schemas];
        _cleanup_set_elem_ struct nftnl_set_elem *elem = elem_new();
        unsigned parts = fuzz_take_byte(input);
        uint32_t key = set_key_layout(schema).size, data = set_data_layout(schema).size;

        if (parts & 1)
                set_bytes(input, elem, NFTNL_SET_ELEM_KEY, parts & 2 ? key + 4 : key);
        if (parts & 4)
                set_bytes(input, elem, NFTNL_SET_ELEM_KEY_END, parts & 8 ? key - 4 : key);
        if (parts & 16)
                set_bytes(input, elem, NFTNL_SET_ELEM_DATA, parts & 32 ? data + 4 : data);
        if (parts & 64)
                set_verdict(input, elem);
        (void) check_decode(schema, elem);
}

static Address take_address(FuzzInput *input, uint8_t family) {
        uint8_t bytes[16];

        fuzz_take(input, bytes, address_size(family));
        return address_from_bytes(family, bytes);
}

static Prefix take_prefix(FuzzInput *input, uint8_t family) {
        Prefix prefix = { .length = fuzz_take_byte(input) };

        prefix.length = (uint8_t) (prefix.length % (address_size(family) * 8 + 1));
        prefix.address = take_address(input, family);
        prefix.address = address_masked(&prefix.address, prefix.length);
        return prefix;
}

/* Any element: if a set holds it, it can be written, and is read as it was. */
static void try_element(FuzzInput *input) {
        static const uint8_t families[] = { AF_INET, AF_INET6, AF_UNSPEC };
        static const uint8_t protocols[] = { PROTOCOL_TCP, PROTOCOL_UDP, PROTOCOL_SCTP };
        uint8_t family = families[fuzz_take_byte(input) % ELEMENTSOF(families)];
        _cleanup_set_elem_ struct nftnl_set_elem *elem = NULL;
        _cleanup_free_ char *name = NULL;
        const SetSchema *schema;
        Element element = {
                .kind = fuzz_take_byte(input) % _ELEMENT_KIND_MAX,
                .family = family,
                .protocol = protocols[fuzz_take_byte(input) % ELEMENTSOF(protocols)],
                .address = take_address(input, family),
                .target = take_address(input, family),
                .prefix = take_prefix(input, family),
                .target_port = fuzz_take_u16(input),
        };
        int r;

        element.ports.first = fuzz_take_u16(input);
        element.ports.last = (uint16_t) (element.ports.first + fuzz_take_byte(input) % 4);
        name = take_rest(input);
        element.name = element.interface = name;
        schema = set_schema_for_element(&element);
        if (!schema)
                return;
        r = encode_element(schema, &element, true, &elem);
        CHECK(r == 0 || r == -EINVAL);
        if (r == 0)
                CHECK(check_decode(schema, elem));
}

/* The sets of an object are found again by their names, and never taken for those of another. */
static void check_set_names(const ObjectSchema *object, const char *name) {
        for (size_t i = 0; i < n_set_schemas; i++) {
                char set[OBJECT_NAME_SIZE], found[OBJECT_NAME_SIZE];

                if (!set_is_of_object(&set_schemas[i], object, name))
                        continue;
                set_name(&set_schemas[i], name, set);
                CHECK(set_schema_for_name(set, found) == &set_schemas[i]);
                CHECK(strcmp(found, name) == 0);
        }
}

/* A name that says what is in the object says it in one way alone. */
static void check_meaning(const ObjectSchema *object, const char *name) {
        char again[CHAIN_NAME_SIZE];
        BalanceName balance;
        LimitName limit;

        if (object->kind == ELEMENT_LIMIT) {
                CHECK(limit_name_parse(name, &limit));
                CHECK(strcmp(limit_name_format(&limit, again), name) == 0);
        } else if (object->kind == ELEMENT_BALANCE) {
                CHECK(balance_name_parse(name, &balance) && balance.backends > 0);
                CHECK(strcmp(balance_name_format(&balance, again), name) == 0);
        }
}

static void check_object(const ObjectSchema *object, const char *name) {
        char chain[OBJECT_NAME_SIZE];
        const char *again;

        CHECK(object->name_is_valid(name));
        object_chain_name(object, name, chain);
        CHECK(object_schema_for_chain(chain, &again) == object);
        CHECK(strcmp(again, name) == 0);
        CHECK(!chain_schema_for_name(chain));
        check_meaning(object, name);
        check_set_names(object, name);
}

/* A chain's or a set's name, whoever gave it, or a profile's. */
static void try_name(FuzzInput *input) {
        char buffer[PROFILE_NAME_SIZE], set[OBJECT_NAME_SIZE], found[OBJECT_NAME_SIZE];
        _cleanup_free_ char *text = take_rest(input);
        const ObjectSchema *object;
        const SetSchema *schema;
        const char *name;

        CHECK(element_profile_name(text, buffer) == buffer);
        check_object(&object_schemas[OBJECT_PROFILE], buffer);
        object = object_schema_for_chain(text, &name);
        if (object)
                check_object(object, name);
        schema = set_schema_for_name(text, found);
        if (schema) {
                CHECK(strcmp(set_name(schema, found, set), text) == 0);
                CHECK((*found != '\0') == !!schema->object);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static void (*const tries[])(FuzzInput *input) = { try_bytes, try_element, try_name };
        FuzzInput input = { data, size };

        tries[fuzz_take_byte(&input) % ELEMENTSOF(tries)](&input);
        return 0;
}
