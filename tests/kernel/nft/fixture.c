/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/kernel/nft/fixture.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

void fixture_require_namespaces(void) {
        if (unshare(CLONE_NEWNET) == 0)
                return;
        fprintf(stderr, "skipped: no network namespace can be made: %s\n", strerror(errno));
        exit(77);
}

int fixture_setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        assert_return_code(unshare(CLONE_NEWNET), errno);
        run("ip link set lo up");
        assert_int_equal(nft_socket_new(&fixture->nft), 0);
        fixture->options = (RulesetOptions) { .mark = 0x80, .mask = 0x80, .localhost = true };
        *state = fixture;
        return 0;
}

int fixture_teardown(void **state) {
        Fixture *fixture = *state;

        nft_socket_free(fixture->nft);
        elements_done(&fixture->desired);
        free(fixture);
        return 0;
}

static _printf_(1, 0) char *format_command(const char *format, va_list arguments) {
        char *command = NULL;

        assert_true(vasprintf(&command, format, arguments) >= 0);
        return command;
}

void run(const char *format, ...) {
        va_list arguments;
        char *command;
        int status;

        va_start(arguments, format);
        command = format_command(format, arguments);
        va_end(arguments);
        status = system(command);
        if (status != 0)
                fail_msg("failed (%d): %s", WEXITSTATUS(status), command);
        free(command);
}

int try_run(const char *format, ...) {
        va_list arguments;
        char *command;
        int status;

        va_start(arguments, format);
        command = format_command(format, arguments);
        va_end(arguments);
        status = system(command);
        free(command);
        return WEXITSTATUS(status);
}

char *output_of(const char *format, ...) {
        va_list arguments;
        char *command, *text = NULL;
        size_t size = 0;
        FILE *pipe;

        va_start(arguments, format);
        command = format_command(format, arguments);
        va_end(arguments);
        pipe = popen(command, "r");
        assert_non_null(pipe);
        if (getdelim(&text, &size, '\0', pipe) < 0) { /* nothing was written */
                free(text);
                text = strdup("");
        }
        if (pclose(pipe) != 0)
                fail_msg("failed: %s", command);
        free(command);
        return text;
}

Address address(const char *text) {
        Address parsed;

        assert_int_equal(address_parse(text, &parsed), 0);
        return parsed;
}

Prefix prefix(const char *text) {
        Prefix parsed;

        assert_int_equal(prefix_parse(text, &parsed), 0);
        return parsed;
}

Element profile(const char *name) {
        return (Element) { .kind = ELEMENT_PROFILE, .name = name };
}

Element allow(const char *name, const char *container, Protocol protocol, uint16_t first, uint16_t last) {
        Address at = address(container);

        return (Element) { .kind = ELEMENT_ALLOW, .family = at.family, .protocol = (uint8_t) protocol, .address = at,
                           .ports = { first, last }, .name = name };
}

Element endpoint(const char *container, const char *name) {
        Address at = address(container);

        return (Element) { .kind = ELEMENT_ENDPOINT, .family = at.family, .address = at, .name = name };
}

Element hairpin(const char *neighbours, const char *container) {
        Address at = address(container);

        return (Element) { .kind = ELEMENT_HAIRPIN, .family = at.family, .prefix = prefix(neighbours), .address = at,
                           .name = "" };
}

Element localnet(const char *interface) {
        return (Element) { .kind = ELEMENT_LOCALNET, .name = interface };
}

Element hairpin_port(const char *interface) {
        return (Element) { .kind = ELEMENT_HAIRPIN_PORT, .name = interface };
}

Element dnat(Protocol protocol, uint16_t port, const char *target, uint16_t target_port) {
        Address to = address(target);

        return (Element) { .kind = ELEMENT_DNAT, .family = to.family, .protocol = (uint8_t) protocol,
                           .ports = { port, port }, .name = "", .target = to, .target_port = target_port };
}

Element dnat_host(const char *host, Protocol protocol, uint16_t port, const char *target, uint16_t target_port) {
        Element element = dnat(protocol, port, target, target_port);

        element.kind = ELEMENT_DNAT_HOST;
        element.address = address(host);
        return element;
}

/* host: NULL for all. */
Element dnat_range(const char *host, Protocol protocol, uint16_t first, uint16_t last, const char *target) {
        Element element = dnat(protocol, first, target, 0);

        element.kind = ELEMENT_DNAT_RANGE;
        element.prefix = host ? prefix(host) : (Prefix) { { .family = element.family }, 0 };
        element.ports.last = last;
        return element;
}

void want(Fixture *fixture, Element element) {
        assert_int_equal(elements_append(&fixture->desired, &element), 0);
        elements_sort(&fixture->desired);
}

void unwant(Fixture *fixture, Element element) {
        Elements *desired = &fixture->desired;

        for (size_t i = 0; i < desired->count; i++) {
                if (element_compare_key(&desired->items[i], &element) != 0)
                        continue;
                memmove(&desired->items[i], &desired->items[i + 1],
                        (desired->count - i - 1) * sizeof(*desired->items));
                desired->count--;
                return;
        }
        fail_msg("not wanted before");
}

void read_state(Fixture *fixture, KernelState *ret) {
        assert_int_equal(nft_read(fixture->nft, &fixture->options, ret), 0);
}

void assert_settled(Fixture *fixture, TableState table) {
        KernelState state;

        read_state(fixture, &state);
        assert_int_equal(state.table, table);
        assert_true(state.skeleton_intact);
        assert_int_equal(state.elements.count, fixture->desired.count);
        for (size_t i = 0; i < state.elements.count; i++)
                if (element_compare(&state.elements.items[i], &fixture->desired.items[i]) != 0)
                        fail_msg("element %zu of %zu differs: kind %d, wanted %d", i, state.elements.count,
                                 state.elements.items[i].kind, fixture->desired.items[i].kind);
        kernel_state_done(&state);
}

void settle(Fixture *fixture) {
        KernelState state;
        Plan plan;
        bool rebuild;

        read_state(fixture, &state);
        rebuild = state.table == TABLE_ABSENT || !state.skeleton_intact;
        assert_int_equal(plan_make(rebuild ? &(Elements) {} : &state.elements, &fixture->desired, &plan), 0);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, rebuild, state.table != TABLE_ABSENT), 0);
        plan_done(&plan);
        kernel_state_done(&state);
        read_state(fixture, &state);
        assert_settled(fixture, state.table);
        kernel_state_done(&state);
}

void want_everything(Fixture *fixture) {
        want(fixture, profile("web"));
        want(fixture, profile("a.b_c-allow4"));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_TCP, 80, 80));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_UDP, 53, 53));
        want(fixture, allow("web", "172.18.0.2", PROTOCOL_SCTP, 5000, 5010));
        want(fixture, allow("web", "fd00:1::2", PROTOCOL_TCP, 80, 80));
        want(fixture, allow("web", "fd00:1::2", PROTOCOL_UDP, 0, 65535));
        want(fixture, allow("a.b_c-allow4", "172.18.0.3", PROTOCOL_TCP, 80, 80));
        want(fixture, endpoint("172.18.0.2", "web"));
        want(fixture, endpoint("172.18.0.3", "a.b_c-allow4"));
        want(fixture, endpoint("fd00:1::2", "web"));
        want(fixture, hairpin("172.18.0.0/16", "172.18.0.2"));
        want(fixture, hairpin("192.168.0.7/32", "192.168.0.7"));
        want(fixture, hairpin("fd00:1::/64", "fd00:1::2"));
        want(fixture, localnet("br-0123456789a")); /* the longest name but one */
        want(fixture, localnet("docker0"));
        want(fixture, hairpin_port("veth1a2b3c4"));
        want(fixture, dnat(PROTOCOL_TCP, 8080, "172.18.0.2", 80));
        want(fixture, dnat(PROTOCOL_TCP, 8080, "fd00:1::2", 80));
        want(fixture, dnat(PROTOCOL_SCTP, 65535, "172.18.0.2", 1));
        want(fixture, dnat_host("127.0.0.1", PROTOCOL_TCP, 81, "172.18.0.2", 80));
        want(fixture, dnat_host("2001:db8:1::1", PROTOCOL_UDP, 53, "fd00:1::2", 53));
        want(fixture, dnat_range(NULL, PROTOCOL_UDP, 30000, 30100, "172.18.0.2"));
        want(fixture, dnat_range(NULL, PROTOCOL_UDP, 30101, 30200, "172.18.0.3")); /* adjacent */
        want(fixture, dnat_range("203.0.113.1", PROTOCOL_TCP, 30000, 30100, "172.18.0.2"));
        want(fixture, dnat_range(NULL, PROTOCOL_TCP, 1, 65535, "fd00:1::2"));
        want(fixture, dnat_range("2001:db8:1::1", PROTOCOL_SCTP, 30000, 30001, "fd00:1::2"));
}
