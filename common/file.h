/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Opens a file for reading, and never waits: a pipe, which would have us wait for who writes to it, is refused. Returns
 * the descriptor, to be closed, or negative errno; -ESPIPE: it is a pipe. */
int file_open(const char *path);
