/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "daemon/model/labels.h"
#include "tests/cmocka.h"
#include "tests/unit/model/builder.h"

static const struct {
        const char *key, *value;
        bool good;
} cases[] = {
        { "calico.expose.network", "front", true },
        { "calico.expose.network", "", false },
        { "calico.expose.profile", "web", true },
        { "calico.expose.profile", "", false },
        { "calico.expose.when", "running", true },
        { "calico.expose.when", "healthy", true },
        { "calico.expose.when", "Healthy", false },
        { "calico.expose.when", "", false },
        { "calico.expose.when", "healthy ", false },
        { "calico.expose.mode", "exclusive", true },
        { "calico.expose.mode", "balance", true },
        { "calico.expose.mode", "balanced", false },
        { "calico.expose.interface", "eth0", true },
        { "calico.expose.interface", "eth0, wg0", true },
        { "calico.expose.interface", "eth0,eth0", true },
        { "calico.expose.interface", "abcdefghijklmno", true },
        { "calico.expose.interface", "abcdefghijklmnop", false },
        { "calico.expose.interface", "", false },
        { "calico.expose.interface", "eth0,", false },
        { "calico.expose.interface", "eth0 wg0", false },
        { "calico.expose.interface", "eth/0", false },
        { "calico.expose.interface", "..", false },
        { "calico.expose.interface", "eth0:1", false },
        { "calico.expose.interface", "\x1b[31m", false },
        { "calico.expose.interface", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p", true },
        { "calico.expose.interface", "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q", false },
        { "calico.expose.from", "10.0.0.0/8", true },
        { "calico.expose.from", "10.0.0.0/8,2001:db8::/32, 192.0.2.1", true },
        { "calico.expose.from", "10.1.2.3/8", true },
        { "calico.expose.from", "0.0.0.0/0", true },
        { "calico.expose.from", "10.0.0.0/33", false },
        { "calico.expose.from", "", false },
        { "calico.expose.from", "10.0.0.0/8,", false },
        { "calico.expose.from", "example.org", false },
        { "calico.expose.from", "10.0.0.0-10.0.0.9", false },
        { "calico.expose.from", "[2001:db8::]/32", false },
};

static void test_values(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(container_freep) Container *container = build_container(1, "80");
                Labels labels;

                build_label(container, cases[i].key, cases[i].value);
                assert_int_equal(labels_read(container, &open_policy, &labels), 0);
                if (!labels.problem != cases[i].good)
                        print_error("%s=%s: %s\n", cases[i].key, cases[i].value, labels.problem);
                assert_int_equal(!labels.problem, cases[i].good);
                if (labels.problem) {
                        assert_non_null(strstr(labels.problem, cases[i].key));
                        assert_non_null(strstr(labels.problem, "expected"));
                        assert_null(strchr(labels.problem, '\x1b'));
                }
                labels_done(&labels);
        }
}

static void test_cut_value(void **state _unused_) {
        _cleanup_(container_freep) Container *container = build_container(1, "80");
        Labels labels;

        build_label(container, "calico.expose.from", "10.0.0.0/8");
        container->labels[1].cut = true;
        assert_int_equal(labels_read(container, &open_policy, &labels), 0);
        assert_non_null(labels.problem);
        labels_done(&labels);
}

/* Which label is missing is not known: it may be a limit. */
static void test_dropped_labels(void **state _unused_) {
        _cleanup_(container_freep) Container *container = build_container(1, "80");
        Labels labels;

        container->labels_dropped = true;
        assert_int_equal(labels_read(container, &open_policy, &labels), 0);
        assert_non_null(labels.problem);
        labels_done(&labels);
}

static void test_networks_inside_others_go(void **state _unused_) {
        _cleanup_(container_freep) Container *container = build_container(1, "80");
        char text[PREFIX_TEXT_SIZE];
        Labels labels;

        build_label(container, "calico.expose.from", "10.1.0.0/16,192.0.2.1,10.0.0.0/8,::/0,2001:db8::1,10.0.0.0/8");
        assert_int_equal(labels_read(container, &open_policy, &labels), 0);
        assert_int_equal(labels.limits.n_from, 3);
        assert_string_equal(prefix_format(&labels.limits.from[0], text), "10.0.0.0/8");
        assert_string_equal(prefix_format(&labels.limits.from[1], text), "192.0.2.1/32");
        assert_string_equal(prefix_format(&labels.limits.from[2], text), "::/0");
        labels_done(&labels);
}

static void test_configured_interfaces(void **state _unused_) {
        _cleanup_(container_freep) Container *plain = build_container(1, "80"), *own = build_container(2, "80");
        char *interfaces[] = { (char[]) { "wg0" }, (char[]) { "eth0" } };
        Policy policy = open_policy;
        Labels labels;

        policy.interfaces = interfaces;
        policy.n_interfaces = 2;
        assert_int_equal(labels_read(plain, &policy, &labels), 0);
        assert_int_equal(labels.limits.n_interfaces, 2);
        assert_string_equal(labels.limits.interfaces[0], "eth0");
        labels_done(&labels);

        build_label(own, "calico.expose.interface", "lo");
        assert_int_equal(labels_read(own, &policy, &labels), 0);
        assert_int_equal(labels.limits.n_interfaces, 1);
        assert_true(limits_include_local(&labels.limits));
        labels_done(&labels);
}

static void test_image_labels(void **state _unused_) {
        _cleanup_(container_freep) Container *container = build_container(1, "80");
        Policy honor = open_policy;
        Labels labels;

        honor.honor_image_labels = true;
        build_label(container, "calico.expose.mode", "balance");
        container->labels[1].from_image = true;
        assert_int_equal(labels_read(container, &open_policy, &labels), 0);
        assert_false(labels.balance);
        labels_done(&labels);
        assert_int_equal(labels_read(container, &honor, &labels), 0);
        assert_true(labels.balance);
        labels_done(&labels);
}

static void test_limits_equal(void **state _unused_) {
        Limits a = {}, b = {};

        assert_null(limits_parse_from(&a, "10.0.0.0/8,192.0.2.0/24"));
        assert_null(limits_parse_from(&b, "192.0.2.7/24, 10.0.0.0/8"));
        assert_true(limits_equal(&a, &b));
        assert_true(limits_hash(&a) == limits_hash(&b));
        assert_null(limits_parse_interfaces(&a, "eth0"));
        assert_false(limits_equal(&a, &b));
        assert_false(limits_hash(&a) == limits_hash(&b));
        limits_done(&a);
        limits_done(&b);
}

static void test_nearest(void **state _unused_) {
        assert_true(label_is_known("calico.expose"));
        assert_true(label_is_known("calico.expose.from"));
        assert_false(label_is_known("calico.exposed"));
        assert_false(label_is_known("Calico.Expose"));
        assert_string_equal(label_nearest("calico.exposed"), "calico.expose");
        assert_string_equal(label_nearest("calico.expose.form"), "calico.expose.from");
        assert_string_equal(label_nearest("calico.expose.networks"), "calico.expose.network");
        assert_string_equal(label_nearest("calico.expose.Mode"), "calico.expose.mode");
        assert_null(label_nearest("calico.expose.something-else"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_cut_value),
                cmocka_unit_test(test_dropped_labels),
                cmocka_unit_test(test_networks_inside_others_go),
                cmocka_unit_test(test_configured_interfaces),
                cmocka_unit_test(test_image_labels),
                cmocka_unit_test(test_limits_equal),
                cmocka_unit_test(test_nearest),
        };

        return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
