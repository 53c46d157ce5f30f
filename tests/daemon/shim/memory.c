/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "control.h"

/* Allocations that fail when the test says so. strdup(3), asprintf(3), reallocarray(3) and the like come here, too. */

#define PUBLIC __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *pointer, size_t size);

static uintptr_t program_start, program_end;

/* The first object is the program itself. */
static int find_program(struct dl_phdr_info *info, size_t size, void *userdata) {
        (void) size, (void) userdata;
        for (unsigned i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *header = &info->dlpi_phdr[i];

                if (header->p_type == PT_LOAD && header->p_flags & PF_X) {
                        program_start = info->dlpi_addr + header->p_vaddr;
                        program_end = program_start + header->p_memsz;
                }
        }
        return 1;
}

__attribute__((constructor)) static void memory_start(void) {
        dl_iterate_phdr(find_program, NULL);
}

static bool fails_now(const void *caller) {
        Control *control = shim_control;
        uint64_t number;

        if (!control || (control->only_program && ((uintptr_t) caller < program_start ||
                                                   (uintptr_t) caller >= program_end)))
                return false;
        number = ++control->allocations;
        if (control->fail_first == 0 || number < control->fail_first ||
            number - control->fail_first >= control->fail_count)
                return false;
        control->failed++;
        errno = ENOMEM;
        return true;
}

PUBLIC void *malloc(size_t size) {
        return fails_now(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

PUBLIC void *calloc(size_t nmemb, size_t size) {
        return fails_now(__builtin_return_address(0)) ? NULL : __libc_calloc(nmemb, size);
}

PUBLIC void *realloc(void *ptr, size_t size) {
        return fails_now(__builtin_return_address(0)) ? NULL : __libc_realloc(ptr, size);
}
