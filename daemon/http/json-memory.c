/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/http/json-memory.h"

#include <cjson/cJSON.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* An inspect of a container takes 20 KiB, a row of the list 6. */
enum { BLOCK_SIZE = 32768, ALIGNMENT = alignof(max_align_t) };

static alignas(max_align_t) char block[BLOCK_SIZE];
static size_t used;     /* of it; nothing is given back before */
static unsigned pieces; /* all of them are free */
static bool parsing;

/* used is a multiple of ALIGNMENT, and so is BLOCK_SIZE. */
static void *take(size_t size) {
        char *piece = block + used;

        if (!parsing || size > BLOCK_SIZE - used)
                return malloc(size);
        used += (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        pieces++;
        return piece;
}

static void give_back(void *piece) {
        uintptr_t at = (uintptr_t) piece - (uintptr_t) block;

        if (at >= BLOCK_SIZE)
                free(piece);
        else if (--pieces == 0)
                used = 0;
}

void json_memory_set_up(void) {
        cJSON_InitHooks(&(cJSON_Hooks) { .malloc_fn = take, .free_fn = give_back });
}

void json_memory_begin(void) {
        parsing = true;
}

void json_memory_end(void) {
        parsing = false;
}
