/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/address.h"
#include "daemon/model/protocol.h"

/* An inbound rule that allows ports, as Felix 1.4 takes it:
 *
 *     {"action":"allow","protocol":"tcp","dst_ports":[80]}
 *     {"action":"allow","protocol":"udp","dst_ports":[53],"src_net":"192.0.2.0/24"}
 *
 * Ports are integers: a string "80" or a key that Felix does not know would make it drop the whole profile. A range is
 * written port by port as long as it fits one rule of iptables (multiport takes 15), and as "8000:8999" beyond that.
 *
 * What calicoctl 0.19 cannot read in a profile makes it fail at its next write there: such a range, and SCTP. */
typedef struct ProfileRule {
        Protocol protocol;
        PortRange ports;
        Prefix from; /* family AF_UNSPEC: everywhere */
} ProfileRule;

#define RULE_PORTS_MAX 15
#define RULE_TEXT_SIZE 256

/* Total order. */
int profile_rule_compare(const ProfileRule *a, const ProfileRule *b);

/* Writes the JSON into the buffer and returns it. */
const char *profile_rule_format(const ProfileRule *rule, char buffer[static RULE_TEXT_SIZE]);

/* Whether the JSON is this rule: equal as dictionaries, whatever the order of its keys; keys that are null do not
 * count. */
bool profile_rule_matches(const ProfileRule *rule, const cJSON *json);

/* Reads what profile_rule_format() writes. Returns 0 or -EBADMSG. */
int profile_rule_decode(const cJSON *json, ProfileRule *ret);

/* NULL, or what calicoctl 0.19 cannot read in it: "SCTP", "a range of ports". */
const char *profile_rule_get_trouble(const ProfileRule *rule);
