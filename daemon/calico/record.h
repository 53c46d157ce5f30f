/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"
#include "daemon/calico/profile-rule.h"

/* The records that calico-containers 0.19 keeps below /calico/v1: endpoints, and the rules of profiles. Pure: texts to
 * values, and edits of texts. An edit changes the one list that it is about; all other bytes stay (span.h).
 *
 * The texts come from outside: any bytes are harmless. What cannot be read, or what Felix would not take, is -EBADMSG
 * with the reason in one line fit to be shown; then nothing of it may be written back. -ENOMEM is memory alone. */

#define RECORD_SIZE_MAX ((size_t) 256 * 1024) /* some 3,000 rules; the records of Calico itself are below 1 KiB */
#define RECORD_REASON_SIZE 192

/* What a profile, a host, an endpoint may be called: Felix' [A-Za-z0-9_.-]+, at most 255 bytes, and no name that etcd
 * would take for a way through its tree ("." and ".."). */
#define CALICO_NAME_MAX 255
bool calico_name_is_valid(const char *name);

/* The value of .../endpoint/<id>. */
#define ENDPOINT_ADDRESSES_MAX 64
#define ENDPOINT_PROFILES_MAX 256

typedef struct EndpointRecord {
        bool active;        /* says the record, which may be stale: Docker knows who lives */
        char *name;         /* of the interface */
        Address *addresses; /* what stands before the slash, IPv4 first; only such as a container can have */
        size_t n_addresses;
        char **profiles; /* in their order, which is Felix': the first that decides wins */
        size_t n_profiles;
} EndpointRecord;

int endpoint_record_decode(const char *text, size_t size, EndpointRecord *ret, char reason[static RECORD_REASON_SIZE]);
void endpoint_record_done(EndpointRecord *record);

/* Return 1 with the new text, 0 if there is nothing to change. All copies of the profile's name are taken out. */
int endpoint_record_add_profile(const char *text, size_t size, const char *profile, char **ret,
                                char reason[static RECORD_REASON_SIZE]);
int endpoint_record_remove_profile(const char *text, size_t size, const char *profile, char **ret,
                                   char reason[static RECORD_REASON_SIZE]);

/* The value of /calico/v1/policy/profile/<P>/rules. Returns 0 for one that can be read and edited. */
int profile_rules_check(const char *text, size_t size, char reason[static RECORD_REASON_SIZE]);

/* How many of the inbound rules are this one; 0 for a text that cannot be read. Returns 0 or -ENOMEM. */
int profile_rules_count(const char *text, size_t size, const ProfileRule *rule, size_t *ret);

/* The text with one copy of the rule more, at the end, or one less, the first, as calicoctl does both. Removing returns
 * 1, or 0 if there is none. Both -EBADMSG and -ENOMEM. */
int profile_rules_append(const char *text, size_t size, const ProfileRule *rule, char **ret);
int profile_rules_remove(const char *text, size_t size, const ProfileRule *rule, char **ret);

/* Whether two texts say the same but for copies of this rule among the inbound ones. Returns 1, 0, or -ENOMEM. */
int profile_rules_equal_but(const char *a, size_t a_size, const char *b, size_t b_size, const ProfileRule *rule);

/* The rules of a profile of our own: these inbound, in their order, nothing outbound. NULL if there is no memory. */
char *profile_rules_make(const char *profile, const ProfileRule *rules, size_t n_rules);
/* Whether the text says just this. Returns 1, 0, or -ENOMEM. */
int profile_rules_are(const char *text, size_t size, const ProfileRule *rules, size_t n_rules);
