/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include "tests/kernel/nft/fixture.h"
#include "tests/rounds.h"

/* Each allocation on the way, libnftnl's too, fails once: what comes of it is -ENOMEM, and never half a table, a
 * rebuild of what was right, or a crash. */

/* Seen by the libraries in place of libc's, or in place of a sanitizer's, which comes next. */
#define EXPORTED __attribute__((visibility("default")))

static unsigned long remaining; /* allocations until one fails; 0: none does */
static bool failed;

static bool fails_now(void) {
        if (remaining == 0 || --remaining > 0)
                return false;
        failed = true;
        errno = ENOMEM;
        return true;
}

EXPORTED void *malloc(size_t size) {
        static void *(*real)(size_t size);

        if (!real)
                real = (void *(*) (size_t)) dlsym(RTLD_NEXT, "malloc");
        return fails_now() ? NULL : real(size);
}

EXPORTED void *realloc(void *ptr, size_t size) {
        static void *(*real)(void *pointer, size_t size);

        if (!real)
                real = (void *(*) (void *, size_t)) dlsym(RTLD_NEXT, "realloc");
        return fails_now() ? NULL : real(ptr, size);
}

/* dlsym() itself uses calloc(): by way of malloc() there is no circle. */
EXPORTED void *calloc(size_t nmemb, size_t size) {
        size_t total;
        char *memory;

        if (__builtin_mul_overflow(nmemb, size, &total))
                return NULL;
        memory = malloc(total);
        for (volatile char *p = memory; memory && p < memory + total; p++)
                *p = 0;
        return memory;
}

typedef int (*Operation)(Fixture *fixture);

static int rebuild(Fixture *fixture) {
        return nft_apply(fixture->nft, &fixture->options, &(Plan) { .add = fixture->desired }, true, true);
}

static int remove_all(Fixture *fixture) {
        return nft_apply(fixture->nft, &fixture->options, &(Plan) { .remove = fixture->desired }, false, true);
}

static int read_all(Fixture *fixture) {
        KernelState kernel;
        int r = nft_read(fixture->nft, &fixture->options, &kernel);
        bool right;

        if (r < 0)
                return r;
        right = kernel.skeleton_intact && kernel.elements.count == fixture->desired.count;
        kernel_state_done(&kernel);
        return right ? 0 : -EBADMSG;
}

static int ensure_docker_user(Fixture *fixture) {
        DockerUserState state;

        return docker_user_ensure(fixture->nft, AF_INET, &fixture->options, &state);
}

static int remove_docker_user(Fixture *fixture) {
        return docker_user_remove(fixture->nft, AF_INET, &fixture->options);
}

/* Until it goes through without one that failed; where that is slow, not each is tried. */
static void assert_fails_cleanly(Fixture *fixture, Operation operation) {
        const unsigned long step = 10 / rounds(10);
        unsigned long n = 1;
        int r;

        do {
                failed = false;
                remaining = n;
                r = operation(fixture);
                remaining = 0;
                /* qsort() gets along without: then what was read is right all the same. */
                if (failed && r != -ENOMEM && !(r == 0 && operation == read_all))
                        fail_msg("allocation %lu failed, and that gave %d", n, r);
                n += step;
        } while (failed);
        assert_int_equal(r, 0);
        assert_true(n > 5);
}

static void each_allocation_may_fail(void **state) {
        Fixture *fixture = *state;

        run("iptables -N DOCKER-USER");
        want_everything(fixture);
        settle(fixture);
        assert_fails_cleanly(fixture, rebuild);
        assert_settled(fixture, TABLE_OWNED);
        assert_fails_cleanly(fixture, read_all);
        assert_fails_cleanly(fixture, remove_all);
        elements_done(&fixture->desired);
        assert_settled(fixture, TABLE_OWNED);
        assert_fails_cleanly(fixture, ensure_docker_user);
        assert_fails_cleanly(fixture, remove_docker_user);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                NFT_TEST(each_allocation_may_fail),
        };

        fixture_require_namespaces();
        return cmocka_run_group_tests(tests, NULL, NULL);
}
