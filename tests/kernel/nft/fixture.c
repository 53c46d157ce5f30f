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
        _cleanup_free_ char *command = NULL;
        va_list arguments;
        int status;

        va_start(arguments, format);
        command = format_command(format, arguments);
        va_end(arguments);
        status = system(command);
        if (status != 0)
                fail_msg("failed (%d): %s", WEXITSTATUS(status), command);
}

int try_run(const char *format, ...) {
        _cleanup_free_ char *command = NULL;
        va_list arguments;

        va_start(arguments, format);
        command = format_command(format, arguments);
        va_end(arguments);
        return WEXITSTATUS(system(command));
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

/* Of the family of `within`, which is its prefix. */
static Element of_prefix(ElementKind kind, const char *within, const char *name) {
        Prefix parsed = prefix(within);

        return (Element) { .kind = kind, .family = parsed.address.family, .prefix = parsed, .name = name };
}

Element neighbours(const char *network) {
        return of_prefix(ELEMENT_NEIGHBOURS, network, "");
}

Element hairpin(const char *container) {
        Address at = address(container);

        return (Element) { .kind = ELEMENT_HAIRPIN, .family = at.family, .address = at, .name = "" };
}

Element host_addresses(const char *addresses) {
        return of_prefix(ELEMENT_HOST_ADDRESS, addresses, "");
}

Element limit(const char *name) {
        return (Element) { .kind = ELEMENT_LIMIT, .name = name };
}

Element limit_from(const char *name, const char *sources) {
        return of_prefix(ELEMENT_LIMIT_FROM, sources, name);
}

Element limit_interface(const char *name, const char *interface) {
        return (Element) { .kind = ELEMENT_LIMIT_INTERFACE, .name = name, .interface = interface };
}

static Element ports_of(ElementKind kind, const char *hosts, Protocol protocol, uint16_t first, uint16_t last,
                        const char *name) {
        Element element = of_prefix(kind, hosts, name);

        element.protocol = (uint8_t) protocol;
        element.ports = (PortRange) { first, last };
        return element;
}

Element dnat_limit(const char *hosts, Protocol protocol, uint16_t first, uint16_t last, const char *name) {
        return ports_of(ELEMENT_DNAT_LIMIT, hosts, protocol, first, last, name);
}

Element dnat_balance(const char *hosts, Protocol protocol, uint16_t first, uint16_t last, const char *name) {
        return ports_of(ELEMENT_DNAT_BALANCE, hosts, protocol, first, last, name);
}

Element balance(const char *name) {
        return (Element) { .kind = ELEMENT_BALANCE, .name = name };
}

Element backend(const char *name, uint16_t index, const char *target, uint16_t target_port) {
        Address to = address(target);

        return (Element) { .kind = ELEMENT_BACKEND, .family = to.family, .ports = { index, index }, .name = name,
                           .target = to, .target_port = target_port };
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

Element withdrawn(const char *host, Protocol protocol, uint16_t first, uint16_t last, const char *container,
                  uint16_t container_first) {
        Element element = dnat(protocol, first, container, container_first);

        element.kind = ELEMENT_WITHDRAWN;
        element.prefix = host ? prefix(host) : (Prefix) { { .family = element.family }, 0 };
        element.ports.last = last;
        element.address = element.target;
        element.target = (Address) {};
        return element;
}

void want(Fixture *fixture, Element element) {
        Elements *desired = &fixture->desired;

        assert_int_equal(elements_append(desired, &element), 0);
        /* To its place, which is mostly here: a test may want ten thousand. */
        for (size_t i = desired->count - 1; i > 0 && element_compare(&desired->items[i - 1], &element) > 0; i--) {
                desired->items[i] = desired->items[i - 1];
                desired->items[i - 1] = element;
        }
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
        const Elements nothing = {};
        KernelState state;
        Plan plan;
        bool rebuild;

        read_state(fixture, &state);
        rebuild = state.table == TABLE_ABSENT || !state.skeleton_intact;
        assert_int_equal(plan_make(rebuild ? &nothing : &state.elements, &fixture->desired, &plan), 0);
        assert_int_equal(nft_apply(fixture->nft, &fixture->options, &plan, rebuild, state.table != TABLE_ABSENT), 0);
        plan_done(&plan);
        kernel_state_done(&state);
        read_state(fixture, &state);
        assert_settled(fixture, state.table);
        kernel_state_done(&state);
}

static void want_limits(Fixture *fixture) {
        want(fixture, limit(LIMIT_F));
        want(fixture, limit_from(LIMIT_F, "10.0.0.0/8"));
        want(fixture, limit_from(LIMIT_F, "192.0.2.1"));
        want(fixture, limit_from(LIMIT_F, "fd00:5::/32"));
        want(fixture, limit(LIMIT_I));
        want(fixture, limit_interface(LIMIT_I, "eth0"));
        want(fixture, limit(LIMIT_IL));
        want(fixture, limit_interface(LIMIT_IL, "enp0s31f6.1234")); /* the longest name but one */
        want(fixture, limit_interface(LIMIT_IL, "lo"));
        want(fixture, limit(LIMIT_FIL));
        want(fixture, limit_from(LIMIT_FIL, "0.0.0.0/0"));
        want(fixture, limit_interface(LIMIT_FIL, "eth0"));
        want(fixture, limit_interface(LIMIT_FIL, "lo"));
        want(fixture, dnat_limit("0.0.0.0/0", PROTOCOL_TCP, 8080, 8080, LIMIT_F));
        want(fixture, dnat_limit("::/0", PROTOCOL_TCP, 8080, 8080, LIMIT_F));
        want(fixture, dnat_limit("127.0.0.1", PROTOCOL_TCP, 81, 81, LIMIT_I));
        want(fixture, dnat_limit("0.0.0.0/0", PROTOCOL_UDP, 30000, 30100, LIMIT_IL));
        want(fixture, dnat_limit("2001:db8:1::1", PROTOCOL_UDP, 53, 53, LIMIT_FIL));
}

static void want_balances(Fixture *fixture) {
        want(fixture, balance(BALANCE4));
        want(fixture, backend(BALANCE4, 0, "172.18.0.2", 80));
        want(fixture, backend(BALANCE4, 1, "172.18.0.3", 80));
        want(fixture, balance(BALANCE4_RANGE));
        want(fixture, backend(BALANCE4_RANGE, 0, "172.18.0.2", 0));
        want(fixture, backend(BALANCE4_RANGE, 1, "172.18.0.3", 0));
        want(fixture, backend(BALANCE4_RANGE, 2, "172.18.0.4", 0));
        want(fixture, balance(BALANCE6));
        want(fixture, backend(BALANCE6, 0, "fd00:1::2", 80));
        want(fixture, balance(BALANCE6_RANGE));
        want(fixture, backend(BALANCE6_RANGE, 0, "fd00:1::2", 0));
        want(fixture, backend(BALANCE6_RANGE, 1, "fd00:1::3", 0));
        want(fixture, dnat_balance("0.0.0.0/0", PROTOCOL_TCP, 90, 90, BALANCE4));
        want(fixture, dnat_balance("203.0.113.1", PROTOCOL_SCTP, 40000, 40100, BALANCE4_RANGE));
        want(fixture, dnat_balance("::/0", PROTOCOL_UDP, 90, 90, BALANCE6));
        want(fixture, dnat_balance("::/0", PROTOCOL_UDP, 40000, 40100, BALANCE6_RANGE));
}

void want_everything(Fixture *fixture) {
        want_limits(fixture);
        want_balances(fixture);
        want(fixture, host_addresses("0.0.0.0/0"));
        want(fixture, host_addresses("2001:db8::/32"));
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
        want(fixture, neighbours("172.18.0.0/16"));
        want(fixture, hairpin("192.168.0.7"));
        want(fixture, neighbours("fd00:1::/64"));
        want(fixture, hairpin("fd00:2::7"));
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
        want(fixture, withdrawn(NULL, PROTOCOL_TCP, 9000, 9000, "172.18.0.9", 80));
        want(fixture, withdrawn("203.0.113.1", PROTOCOL_SCTP, 1, 65535, "172.18.0.9", 1));
        want(fixture, withdrawn(NULL, PROTOCOL_UDP, 53, 53, "fd00:1::9", 53));
        want(fixture, withdrawn("2001:db8:1::1", PROTOCOL_TCP, 9000, 9001, "fd00:1::9", 80));
}
