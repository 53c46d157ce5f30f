/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/docker/decode.h"

/* What the tests of the decoder of containers have in common. */

typedef int (*Decode)(const char *text, size_t size, Container **ret);

/* docker_row_decode() without what was published, which is test-decode-ports.c's. */
int decoded_row(const char *text, size_t size, Container **ret);
/* Runs a decoder on just that text, with nothing behind it that could be read. */
int decoded_text(Decode function, const char *text, Container **ret);
/* Fails the test unless the record is what everybody who reads one relies on. */
void decoded_assert_sane(const Container *container);
