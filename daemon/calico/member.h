/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/calico/etcd.h"

/* Makes the profiles of our own (own.h) in one endpoint's record be the wanted ones: appends what is missing, takes
 * out what is not wanted, and leaves all others where they are. Each write is compare-and-swap, on fresh data. */

typedef struct Member Member;

typedef struct MemberContext {
        sd_event *event;
        EtcdClient *client;
        /* It has come to rest, or its reason has changed. */
        void (*changed)(void *userdata, Member *member);
        void *userdata;
} MemberContext;

int member_new(const MemberContext *context, const char *key, Member **ret);
Member *member_free(Member *member);
DEFINE_CLEANUP(Member, member_free)

/* The profiles that are wanted: copied. Looks at the record, and writes it where it must. Returns 0 or -ENOMEM. */
int member_set(Member *member, char *const *wanted, size_t n_wanted);

const char *member_get_key(const Member *member);
bool member_is_idle(const Member *member);
/* The record's modifiedIndex as it was read or written last; 0: there was none. */
uint64_t member_get_index(const Member *member);
/* Whether these are the profiles that were set last. */
bool member_is_set(const Member *member, char *const *wanted, size_t n_wanted);
/* Why it is not done yet; "" if it is, or is under way. */
const char *member_get_reason(const Member *member);
