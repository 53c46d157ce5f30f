/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include "common/macros.h"

/* libnftnl's destructors take no NULL and return nothing. */
#define DEFINE_NFTNL_CLEANUP(name)                                       \
        static inline void name##_freep(struct name **object) {          \
                if (*object)                                             \
                        name##_free(*object);                            \
                *object = NULL;                                          \
        }

DEFINE_NFTNL_CLEANUP(nftnl_table)
DEFINE_NFTNL_CLEANUP(nftnl_chain)
DEFINE_NFTNL_CLEANUP(nftnl_rule)
DEFINE_NFTNL_CLEANUP(nftnl_set)
DEFINE_NFTNL_CLEANUP(nftnl_set_elem)

#define _cleanup_table_ _cleanup_(nftnl_table_freep)
#define _cleanup_chain_ _cleanup_(nftnl_chain_freep)
#define _cleanup_rule_ _cleanup_(nftnl_rule_freep)
#define _cleanup_set_ _cleanup_(nftnl_set_freep)
#define _cleanup_set_elem_ _cleanup_(nftnl_set_elem_freep)
