/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/left.h"
#include "daemon/model/withdrawn.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static char path[64];

static int setup(void **state _unused_) {
        snprintf(path, sizeof(path), "/tmp/calico-exposed-left-%d", (int) getpid());
        return 0;
}

static int teardown(void **state _unused_) {
        (void) unlink(path);
        return 0;
}

static void add(Elements *elements, Element element) {
        element.name = element.name ?: "";
        assert_int_equal(elements_append(elements, &element), 0);
        elements_sort(elements);
}

static Element dnat(const char *target) {
        Address address = build_address(target);

        return (Element) { .kind = ELEMENT_DNAT, .family = address.family, .protocol = PROTOCOL_UDP,
                           .ports = { 53, 53 }, .target = address, .target_port = 5353 };
}

/* Of exposures their flows, of the rest what is a switch. */
static void test_save_and_load(void **state _unused_) {
        static const Elements nothing;
        _cleanup_(names_freep) Names *names = names_new();
        Elements actual = {}, flows, loaded;

        add(&actual, dnat("172.17.0.2"));
        add(&actual, dnat("fd00::2"));
        add(&actual, (Element) { .kind = ELEMENT_DNAT_RANGE, .family = AF_INET, .protocol = PROTOCOL_SCTP,
                                 .prefix = { build_address("203.0.113.1"), 32 }, .ports = { 1, 65535 },
                                 .target = build_address("172.17.0.3") });
        add(&actual, (Element) { .kind = ELEMENT_LOCALNET, .name = "br-0123456789ab" });
        add(&actual, (Element) { .kind = ELEMENT_HAIRPIN_PORT, .name = "veth0" });
        add(&actual, (Element) { .kind = ELEMENT_PROFILE, .name = "web" });
        assert_int_equal(left_save(path, &actual), 0);
        assert_int_equal(left_load(path, names, &loaded), 0);
        assert_int_equal(withdrawn_between(&actual, &nothing, &flows), 0);
        assert_int_equal(flows.count, 3);
        assert_int_equal(loaded.count, 5);
        assert_int_equal(loaded.items[0].kind, ELEMENT_LOCALNET);
        assert_string_equal(loaded.items[0].name, "br-0123456789ab");
        assert_int_equal(loaded.items[1].kind, ELEMENT_HAIRPIN_PORT);
        for (size_t i = 0; i < flows.count; i++)
                assert_int_equal(element_compare(&loaded.items[2 + i], &flows.items[i]), 0);
        elements_done(&loaded);
        elements_done(&flows);
        elements_done(&actual);
}

static void test_odd_lines_are_passed_over(void **state _unused_) {
        static const char text[] = "localnet\nhairpin\nflows\nflows 6 1.2.3.4/33 1 1 1.2.3.4 1\n"
                                   "flows 6 ::/0 1 1 1.2.3.4 1\nflows 6 0.0.0.0/0 1 1 x 1\nlocalnet eth0\n\1\n";
        _cleanup_(names_freep) Names *names = names_new();
        FILE *file = fopen(path, "w");
        Elements loaded;
        int r;

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        r = fclose(file);
        assert_int_equal(r, 0);
        assert_int_equal(left_load(path, names, &loaded), 0);
        assert_int_equal(loaded.count, 1);
        assert_string_equal(loaded.items[0].name, "eth0");
        elements_done(&loaded);
}

static void test_errors(void **state _unused_) {
        _cleanup_(names_freep) Names *names = names_new();
        static const Elements nothing;
        Elements loaded;

        assert_int_equal(left_load(path, names, &loaded), -ENOENT);
        assert_int_equal(left_save("/nowhere/left", &nothing), -ENOENT);
        assert_int_equal(left_save("/dev/full", &nothing), 0); /* nothing to write */
}

static void test_no_space(void **state _unused_) {
        Elements actual = {};

        add(&actual, (Element) { .kind = ELEMENT_LOCALNET, .name = "eth0" });
        assert_int_equal(left_save("/dev/full", &actual), -ENOSPC);
        elements_done(&actual);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_save_and_load, setup, teardown),
                cmocka_unit_test_setup_teardown(test_odd_lines_are_passed_over, setup, teardown),
                cmocka_unit_test_setup_teardown(test_errors, setup, teardown),
                cmocka_unit_test(test_no_space),
        };

        return cmocka_run_group_tests_name("left", tests, NULL, NULL);
}
