/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/survey.h"

/* Where an element of the table stands and what it says, in words: "port 8080/tcp -> 172.17.0.2:80 (web)". Writes into
 * the buffer and returns it. */
#define ELEMENT_WORDS_SIZE 320
const char *element_describe(const Survey *survey, const Element *element, char buffer[static ELEMENT_WORDS_SIZE]);

/* Its data alone, the right side of the arrow; "" where it has none. */
const char *element_describe_data(const Survey *survey, const Element *element,
                                  char buffer[static ELEMENT_WORDS_SIZE]);
