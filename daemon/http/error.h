/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* The reason in the body of an answer that is no success, {"message": "..."}, or the body itself where it is
 * something else, in one line fit to be shown. Always terminates; returns the buffer. size is at least 4. */
const char *http_error_decode(const char *text, size_t text_size, char *buffer, size_t size);
