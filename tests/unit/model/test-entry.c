/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/model/entry.h"
#include "tests/cmocka.h"

static const struct {
        const char *text;
        EntryError error;
        const char *host, *container; /* with ENTRY_OK: the host side and the container's ports */
} cases[] = {
        { "80", ENTRY_OK, "80/tcp", "80" },
        { "1", ENTRY_OK, "1/tcp", "1" },
        { "65535", ENTRY_OK, "65535/tcp", "65535" },
        { "080", ENTRY_OK, "80/tcp", "80" },
        { "00080", ENTRY_OK, "80/tcp", "80" },
        { "80/tcp", ENTRY_OK, "80/tcp", "80" },
        { "80/udp", ENTRY_OK, "80/udp", "80" },
        { "80/sctp", ENTRY_OK, "80/sctp", "80" },
        { "80/TCP", ENTRY_OK, "80/tcp", "80" },
        { "53/Udp", ENTRY_OK, "53/udp", "53" },
        { "80/SCTP", ENTRY_OK, "80/sctp", "80" },
        { "8080:80", ENTRY_OK, "8080/tcp", "80" },
        { "8080:80/udp", ENTRY_OK, "8080/udp", "80" },
        { "1:65535", ENTRY_OK, "1/tcp", "65535" },
        { "65535:1/sctp", ENTRY_OK, "65535/sctp", "1" },
        { "80:80", ENTRY_OK, "80/tcp", "80" },
        { " 80", ENTRY_OK, "80/tcp", "80" },
        { "80 ", ENTRY_OK, "80/tcp", "80" },
        { "\t 8080:80\t", ENTRY_OK, "8080/tcp", "80" },
        { "8000-8010", ENTRY_OK, "8000-8010/tcp", "8000-8010" },
        { "8000-8000", ENTRY_OK, "8000/tcp", "8000" },
        { "1-65535", ENTRY_OK, "1-65535/tcp", "1-65535" },
        { "8000-8010/udp", ENTRY_OK, "8000-8010/udp", "8000-8010" },
        { "8000-8010:8000-8010", ENTRY_OK, "8000-8010/tcp", "8000-8010" },
        { "8000-8010:9000-9010", ENTRY_OK, "8000-8010/tcp", "9000-9010" },
        { "30000-30100:30000-30100/udp", ENTRY_OK, "30000-30100/udp", "30000-30100" },
        { "80-80:81", ENTRY_OK, "80/tcp", "81" },
        { "80:81-81", ENTRY_OK, "80/tcp", "81" },
        { "1-2:65534-65535", ENTRY_OK, "1-2/tcp", "65534-65535" },
        { "127.0.0.1:8080:80", ENTRY_OK, "127.0.0.1:8080/tcp", "80" },
        { "127.0.0.1:80", ENTRY_OK, "127.0.0.1:80/tcp", "80" },
        { "192.0.2.1:53:53/udp", ENTRY_OK, "192.0.2.1:53/udp", "53" },
        { "192.0.2.1:8000-8001:9000-9001", ENTRY_OK, "192.0.2.1:8000-8001/tcp", "9000-9001" },
        { "192.0.2.1:8000-8001", ENTRY_OK, "192.0.2.1:8000-8001/tcp", "8000-8001" },
        { "255.255.255.255:1:1", ENTRY_OK, "255.255.255.255:1/tcp", "1" },
        { "0.0.0.0:80:80", ENTRY_OK, "0.0.0.0:80/tcp", "80" },
        { "0.0.0.0:80", ENTRY_OK, "0.0.0.0:80/tcp", "80" },
        { "0.0.0.0:8080:80/udp", ENTRY_OK, "0.0.0.0:8080/udp", "80" },
        { "[2001:db8::1]:443:443", ENTRY_OK, "[2001:db8::1]:443/tcp", "443" },
        { "[2001:db8::1]:443", ENTRY_OK, "[2001:db8::1]:443/tcp", "443" },
        { "[::1]:8080:80/udp", ENTRY_OK, "[::1]:8080/udp", "80" },
        { "[::]:80:80", ENTRY_OK, "[::]:80/tcp", "80" },
        { "[::]:80", ENTRY_OK, "[::]:80/tcp", "80" },
        { "[2001:DB8:0::1]:1-2:3-4/sctp", ENTRY_OK, "[2001:db8::1]:1-2/sctp", "3-4" },
        { "[fe80::1]:80", ENTRY_OK, "[fe80::1]:80/tcp", "80" },
        { "[0:0:0:0:0:0:0:1]:80", ENTRY_OK, "[::1]:80/tcp", "80" },
        { "", ENTRY_EMPTY, NULL, NULL },
        { " ", ENTRY_EMPTY, NULL, NULL },
        { "\t", ENTRY_EMPTY, NULL, NULL },
        { "  \t  ", ENTRY_EMPTY, NULL, NULL },
        { "80\n", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "8\r0", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "\x1b[31m80", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "80\x7f", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "80/t\ncp", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "\x01", ENTRY_CONTROL_CHARACTER, NULL, NULL },
        { "80/", ENTRY_PROTOCOL, NULL, NULL },
        { "80/tcpp", ENTRY_PROTOCOL, NULL, NULL },
        { "80/tc", ENTRY_PROTOCOL, NULL, NULL },
        { "80/icmp", ENTRY_PROTOCOL, NULL, NULL },
        { "80/6", ENTRY_PROTOCOL, NULL, NULL },
        { "80/tcp/udp", ENTRY_PROTOCOL, NULL, NULL },
        { "80/tcp ,", ENTRY_PROTOCOL, NULL, NULL },
        { " 80/ tcp", ENTRY_PROTOCOL, NULL, NULL },
        { "80//tcp", ENTRY_PROTOCOL, NULL, NULL },
        { "80/tcp/", ENTRY_PROTOCOL, NULL, NULL },
        { "/", ENTRY_PROTOCOL, NULL, NULL },
        { "/tcp/", ENTRY_PROTOCOL, NULL, NULL },
        { "80/dccp", ENTRY_PROTOCOL, NULL, NULL },
        { "80:80/x", ENTRY_PROTOCOL, NULL, NULL },
        { "80/\xc3\xbc", ENTRY_PROTOCOL, NULL, NULL },
        { "0", ENTRY_PORT, NULL, NULL },
        { "00", ENTRY_PORT, NULL, NULL },
        { "65536", ENTRY_PORT, NULL, NULL },
        { "99999", ENTRY_PORT, NULL, NULL },
        { "100000", ENTRY_PORT, NULL, NULL },
        { "4294967376", ENTRY_PORT, NULL, NULL },
        { "18446744073709551696", ENTRY_PORT, NULL, NULL },
        { "-", ENTRY_PORT_RANGE, NULL, NULL },
        { "a", ENTRY_PORT, NULL, NULL },
        { "8a", ENTRY_PORT, NULL, NULL },
        { "a8", ENTRY_PORT, NULL, NULL },
        { "0x50", ENTRY_PORT, NULL, NULL },
        { "+80", ENTRY_PORT, NULL, NULL },
        { "80.", ENTRY_PORT, NULL, NULL },
        { "8 0", ENTRY_PORT, NULL, NULL },
        { "80\\", ENTRY_PORT, NULL, NULL },
        { "http", ENTRY_PORT, NULL, NULL },
        { "1e3", ENTRY_PORT, NULL, NULL },
        { "80;81", ENTRY_PORT, NULL, NULL },
        { "80 81", ENTRY_PORT, NULL, NULL },
        { "/tcp", ENTRY_PORT, NULL, NULL },
        { ":", ENTRY_NO_HOST_PORT, NULL, NULL },
        { "0:80", ENTRY_PORT, NULL, NULL },
        { "80:0", ENTRY_PORT, NULL, NULL },
        { "65536:80", ENTRY_PORT, NULL, NULL },
        { "80:65536", ENTRY_PORT, NULL, NULL },
        { "80:", ENTRY_PORT, NULL, NULL },
        { "80:a", ENTRY_PORT, NULL, NULL },
        { "a:80", ENTRY_PORT, NULL, NULL },
        { "8080: 80", ENTRY_PORT, NULL, NULL },
        { "8080 :80", ENTRY_PORT, NULL, NULL },
        { "[::1]", ENTRY_PORT, NULL, NULL },
        { "[::1]80", ENTRY_PORT, NULL, NULL },
        { "[::1]:", ENTRY_PORT, NULL, NULL },
        { "[::1]::80x", ENTRY_NO_HOST_PORT, NULL, NULL },
        { "127.0.0.1", ENTRY_PORT, NULL, NULL },
        { "1.2.3.4/udp", ENTRY_PORT, NULL, NULL },
        { "8.0", ENTRY_PORT, NULL, NULL },
        { "127.0.0.1:", ENTRY_PORT, NULL, NULL },
        { "127.0.0.1:80:", ENTRY_PORT, NULL, NULL },
        { "[::1]:80:", ENTRY_PORT, NULL, NULL },
        { "[::1]:0", ENTRY_PORT, NULL, NULL },
        { "127.0.0.1:0:80", ENTRY_PORT, NULL, NULL },
        { "127.0.0.1:a:80", ENTRY_PORT, NULL, NULL },
        { "\xd9\xa8\xd9\xa0", ENTRY_PORT, NULL, NULL },
        { "$(reboot)", ENTRY_PORT, NULL, NULL },
        { "*", ENTRY_PORT, NULL, NULL },
        { "80?", ENTRY_PORT, NULL, NULL },
        { "'80'", ENTRY_PORT, NULL, NULL },
        { "80-", ENTRY_PORT_RANGE, NULL, NULL },
        { "-80", ENTRY_PORT_RANGE, NULL, NULL },
        { "0-80", ENTRY_PORT_RANGE, NULL, NULL },
        { "80-65536", ENTRY_PORT_RANGE, NULL, NULL },
        { "80--90", ENTRY_PORT_RANGE, NULL, NULL },
        { "80-90-100", ENTRY_PORT_RANGE, NULL, NULL },
        { "a-b", ENTRY_PORT_RANGE, NULL, NULL },
        { "80-a", ENTRY_PORT_RANGE, NULL, NULL },
        { "0-0", ENTRY_PORT_RANGE, NULL, NULL },
        { "-1", ENTRY_PORT_RANGE, NULL, NULL },
        { "80:80-", ENTRY_PORT_RANGE, NULL, NULL },
        { "80-90x", ENTRY_PORT_RANGE, NULL, NULL },
        { "65535-65536", ENTRY_PORT_RANGE, NULL, NULL },
        { "1-99999", ENTRY_PORT_RANGE, NULL, NULL },
        { "80 - 90", ENTRY_PORT_RANGE, NULL, NULL },
        { "-80:-80", ENTRY_PORT_RANGE, NULL, NULL },
        { "90-80", ENTRY_REVERSED, NULL, NULL },
        { "2-1", ENTRY_REVERSED, NULL, NULL },
        { "65535-1", ENTRY_REVERSED, NULL, NULL },
        { "90-80:80-90", ENTRY_REVERSED, NULL, NULL },
        { "80-90:90-80", ENTRY_REVERSED, NULL, NULL },
        { "[::1]:90-80", ENTRY_REVERSED, NULL, NULL },
        { "1.2.3.4:90-80", ENTRY_REVERSED, NULL, NULL },
        { "80-81:80", ENTRY_UNEQUAL, NULL, NULL },
        { "80:80-81", ENTRY_UNEQUAL, NULL, NULL },
        { "8000-8010:9000-9011", ENTRY_UNEQUAL, NULL, NULL },
        { "8000-8010:80", ENTRY_UNEQUAL, NULL, NULL },
        { "1-65535:1", ENTRY_UNEQUAL, NULL, NULL },
        { "80:1-65535", ENTRY_UNEQUAL, NULL, NULL },
        { "127.0.0.1:80-81:80", ENTRY_UNEQUAL, NULL, NULL },
        { "[::1]:80:80-81/udp", ENTRY_UNEQUAL, NULL, NULL },
        { ":80", ENTRY_NO_HOST_PORT, NULL, NULL },
        { "127.0.0.1::80", ENTRY_NO_HOST_PORT, NULL, NULL },
        { "[::1]::80", ENTRY_NO_HOST_PORT, NULL, NULL },
        { ":80/udp", ENTRY_NO_HOST_PORT, NULL, NULL },
        { ":80-90", ENTRY_NO_HOST_PORT, NULL, NULL },
        { "1.2.3:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "1.2.3.256:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "1.2.3.4.5:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "localhost:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "a.b:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[1.2.3.4]:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[::g]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[::1:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[:]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[::ffff:1.2.3.4]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[fe80::1%eth0]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "01.2.3.4:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "eth0:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "80:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "::80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "::80/tcp", ENTRY_HOST_ADDRESS, NULL, NULL },
        { ":80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[[::1]]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "1.2.3.4%eth0:80:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "0.0.0.0.0:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "[ ::1]:80", ENTRY_HOST_ADDRESS, NULL, NULL },
        { "2001:db8::1:443:443", ENTRY_IPV6_BRACKETS, NULL, NULL },
        { "::1:80:80", ENTRY_IPV6_BRACKETS, NULL, NULL },
        { "1:2:3:4", ENTRY_IPV6_BRACKETS, NULL, NULL },
        { "a:b:c:d:e", ENTRY_IPV6_BRACKETS, NULL, NULL },
        { "fe80::1:80", ENTRY_IPV6_BRACKETS, NULL, NULL },
        { "[::1]:1:2:3", ENTRY_TOO_MANY_PARTS, NULL, NULL },
        { "[::1]:1:2:3:4:5", ENTRY_TOO_MANY_PARTS, NULL, NULL },
};

static const char *range_format(PortRange range, char buffer[static 16]) {
        if (range.first == range.last)
                snprintf(buffer, 16, "%u", range.first);
        else
                snprintf(buffer, 16, "%u-%u", range.first, range.last);
        return buffer;
}

static void test_parse(void **state _unused_) {
        size_t wrong = 0;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char host[ENTRY_HOST_TEXT_SIZE], ports[16];
                Entry entry;
                EntryError error = entry_parse(cases[i].text, strlen(cases[i].text), &entry);

                if (error != cases[i].error) {
                        print_error("entry \"%s\": %s\n", cases[i].text, entry_error_to_string(error));
                        wrong++;
                }
                if (error != ENTRY_OK)
                        continue;
                assert_string_equal(entry_format_host(&entry, host), cases[i].host);
                assert_string_equal(range_format(entry.container_ports, ports), cases[i].container);
        }
        assert_int_equal(wrong, 0);
}

/* What is refused leaves the caller's value alone, and says what was expected. */
static void test_refusal(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Entry entry, before;

                if (cases[i].error == ENTRY_OK)
                        continue;
                memset(&entry, 0xaa, sizeof(entry));
                memcpy(&before, &entry, sizeof(entry));
                (void) entry_parse(cases[i].text, strlen(cases[i].text), &entry);
                assert_memory_equal(&entry, &before, sizeof(entry));
                assert_non_null(strstr(entry_error_to_string(cases[i].error), "expected"));
        }
}

static void test_too_long(void **state _unused_) {
        char text[ENTRY_SIZE_MAX + 2];
        Entry entry;

        memset(text, '1', sizeof(text));
        assert_int_equal(entry_parse(text, ENTRY_SIZE_MAX + 1, &entry), ENTRY_TOO_LONG);
        assert_int_equal(entry_parse(text, ENTRY_SIZE_MAX, &entry), ENTRY_PORT);
}

/* The text is not terminated where the entry ends, and a NUL in it is a control character like any other. */
static void test_size_counts(void **state _unused_) {
        Entry entry;

        assert_int_equal(entry_parse("8080:80/udp", 4, &entry), ENTRY_OK);
        assert_int_equal(entry.container_ports.first, 8080);
        assert_int_equal(entry.protocol, PROTOCOL_TCP);
        assert_int_equal(entry_parse("80\0009", 4, &entry), ENTRY_CONTROL_CHARACTER);
}

static void check_next(const char *label, const char *const expected[], size_t n) {
        const char *cursor = label, *text;
        size_t size;

        for (size_t i = 0; i < n; i++) {
                assert_true(entry_next(&cursor, &text, &size));
                assert_int_equal(size, strlen(expected[i]));
                assert_memory_equal(text, expected[i], size);
        }
        assert_false(entry_next(&cursor, &text, &size));
}

static void test_next(void **state _unused_) {
        check_next("80", (const char *[]) { "80" }, 1);
        check_next("80,443", (const char *[]) { "80", "443" }, 2);
        check_next(" 80 ,\t443/udp ", (const char *[]) { "80", "443/udp" }, 2);
        check_next("", (const char *[]) { "" }, 1);
        check_next(" ", (const char *[]) { "" }, 1);
        check_next("80,", (const char *[]) { "80", "" }, 2);
        check_next(",,", (const char *[]) { "", "", "" }, 3);
}

static bool overlap(const char *a, const char *b) {
        Entry x, y;

        assert_int_equal(entry_parse(a, strlen(a), &x), ENTRY_OK);
        assert_int_equal(entry_parse(b, strlen(b), &y), ENTRY_OK);
        assert_int_equal(entry_overlaps(&x, &y), entry_overlaps(&y, &x));
        return entry_overlaps(&x, &y);
}

static void test_overlaps(void **state _unused_) {
        assert_true(overlap("80", "80:8080"));
        assert_false(overlap("80", "81"));
        assert_false(overlap("80/tcp", "80/udp"));
        assert_true(overlap("80-90", "90-100"));
        assert_false(overlap("80-89", "90-100"));
        assert_true(overlap("1-65535", "53"));
        assert_true(overlap("127.0.0.1:80", "80"));
        assert_true(overlap("127.0.0.1:80", "0.0.0.0:80"));
        assert_false(overlap("127.0.0.1:80", "[::]:80"));
        assert_false(overlap("127.0.0.1:80", "192.0.2.1:80"));
        assert_false(overlap("0.0.0.0:80", "[::]:80"));
        assert_true(overlap("80", "[::]:80"));
        assert_true(overlap("[2001:db8::1]:80", "80"));
        assert_false(overlap("[2001:db8::1]:80", "[2001:db8::2]:80"));
}

static void test_same_host_side(void **state _unused_) {
        Entry a, b;

        assert_int_equal(entry_parse("8080:80", 7, &a), ENTRY_OK);
        assert_int_equal(entry_parse("8080:81", 7, &b), ENTRY_OK);
        assert_true(entry_same_host_side(&a, &b));
        assert_int_equal(entry_parse("8080:80/udp", 11, &b), ENTRY_OK);
        assert_false(entry_same_host_side(&a, &b));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),       cmocka_unit_test(test_refusal),
                cmocka_unit_test(test_too_long),    cmocka_unit_test(test_size_counts),
                cmocka_unit_test(test_next),        cmocka_unit_test(test_overlaps),
                cmocka_unit_test(test_same_host_side),
        };

        return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
