/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <unistd.h>

#include "daemon/service.h"
#include "tests/cmocka.h"

/* What systemd keeps comes back to the next process as a descriptor; here it is passed on by hand. */
static void test_starts_in_a_row(void **state _unused_) {
        ServiceStore store = { .nft = -1, .starts = -1 };

        assert_int_equal(service_count_start(&store).count, 1);
        assert_true(store.starts >= 0);
        assert_int_equal(service_count_start(&store).count, 2);
        assert_int_equal(service_count_start(&store).count, 3);
        service_forget_starts(&store);
        assert_int_equal(service_count_start(&store).count, 1);
        close(store.starts);
}

static void test_age_is_of_the_first(void **state _unused_) {
        ServiceStore store = { .nft = -1, .starts = -1 };
        uint64_t second;

        assert_int_equal(service_count_start(&store).age_usec, 0);
        while ((second = service_count_start(&store).age_usec) == 0)
                ;
        assert_true(service_count_start(&store).age_usec >= second);
        close(store.starts);
}

static void test_nothing_can_be_kept(void **state _unused_) {
        int closed = dup(STDIN_FILENO);
        ServiceStore store = { .nft = -1, .starts = closed };

        close(closed);
        assert_int_equal(service_count_start(&store).count, 1);
        assert_int_equal(service_count_start(&store).count, 1);
        service_forget_starts(&store);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_starts_in_a_row),
                cmocka_unit_test(test_age_is_of_the_first),
                cmocka_unit_test(test_nothing_can_be_kept),
        };

        return cmocka_run_group_tests_name("starts", tests, NULL, NULL);
}
