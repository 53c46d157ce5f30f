/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* cJSON asks for each value and each string of a tree by itself, some 80 times for a row of Docker's list. Trees that are
 * read, looked at and freed at once, as the daemon's are, come out of one block instead; what finds no room in there
 * comes from malloc(), as all of it does where this is not called: there the sanitizers see each piece. */

/* From now on, for the whole process. One thread. */
void json_memory_set_up(void);

/* Between these, cJSON may take from the block: what it makes else (texts, for one) may be for others to free(). */
void json_memory_begin(void);
void json_memory_end(void);
