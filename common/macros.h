/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Runs f(&variable) when the variable leaves its scope. */
#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))
#define _packed_ __attribute__((packed)) /* a struct without holes; an enum of as few bytes as its values need */

/* Defines namep(), for _cleanup_(), out of a destructor that takes NULL and returns NULL. */
#define DEFINE_CLEANUP(type, destructor)                      \
        static inline void destructor##p(type **object) { /* NOLINT(bugprone-macro-parentheses): it is a type */ \
                *object = destructor(*object);                \
        }

/* Yields the pointer and leaves NULL behind: the mark of ownership passed on. */
#define TAKE_PTR(pointer)                                     \
        ({                                                    \
                __typeof__(pointer) *_p = &(pointer);         \
                __typeof__(pointer) _taken = *_p;             \
                *_p = NULL;                                   \
                _taken;                                       \
        })

/* The same for a file descriptor, with -1. */
static inline int take_fd(int *fd) {
        int taken = *fd;
        *fd = -1;
        return taken;
}

static inline void freep(void *pointer) {
        free(*(void **) pointer);
}

/* Closes a descriptor that is >= 0; returns -1. */
static inline int close_fd(int fd) {
        if (fd >= 0)
                (void) close(fd);
        return -1;
}

static inline void closep(int *fd) {
        *fd = close_fd(*fd);
}
