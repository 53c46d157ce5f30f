/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/values.h"

#include "tests/cmocka.h"

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
