/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Records as calico-containers 0.19 writes them (libcalico 0.14's to_json(), with Python's json.dumps(): the order of
 * the keys is that of a Python 2 dictionary, and so any). */

#define ENDPOINT_LIBNETWORK                                                                                        \
        "{\"ipv4_gateway\": null, \"ipv6_nets\": [], \"profile_ids\": "                                            \
        "[\"19c801e5258db9c4eb8ab1ee29c1e693398223b9f904ac849227da2d56d28f56\"], \"mac\": \"EE:EE:EE:EE:EE:EE\", " \
        "\"name\": \"cali4c6f1c2f9d1\", \"ipv4_nets\": [\"192.168.0.1/32\"], \"state\": \"active\", "              \
        "\"ipv6_gateway\": null}"

/* `calicoctl container add`, then `container ip add` of an IPv6 address and two `profile append`. */
#define ENDPOINT_DOCKER                                                                                        \
        "{\"state\": \"active\", \"name\": \"calid3a2f6e8b41\", \"mac\": \"06:e2:60:2b:5c:2e\", "              \
        "\"profile_ids\": [\"web\", \"db_1.x\"], \"ipv4_nets\": [\"192.168.7.3/32\", \"192.168.7.2/32\"], "    \
        "\"ipv6_nets\": [\"fd80:24e2:f998:72d6::3/128\"], \"ipv4_gateway\": \"192.168.7.254\", "               \
        "\"ipv6_gateway\": null, \"labels\": {\"a\": \"b\"}}"

/* As it is right after `calicoctl container add`. */
#define ENDPOINT_EMPTY                                                                                            \
        "{\"state\":\"active\",\"name\":\"cali00000000001\",\"mac\":\"EE:EE:EE:EE:EE:EE\",\"profile_ids\":[],"    \
        "\"labels\":{},\"ipv4_nets\":[\"192.168.0.9/32\"],\"ipv6_nets\":[]}"

#define RULES_NEW                                                                                         \
        "{\"id\": \"web\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"web\"}], "          \
        "\"outbound_rules\": [{\"action\": \"allow\"}]}"

/* After `calicoctl profile web rule add inbound allow tcp to ports 80`. */
#define RULES_WITH_80                                                                                     \
        "{\"id\": \"web\", \"inbound_rules\": [{\"action\": \"allow\", \"src_tag\": \"web\"}, "           \
        "{\"action\": \"allow\", \"dst_ports\": [80], \"protocol\": \"tcp\"}], "                          \
        "\"outbound_rules\": [{\"action\": \"allow\"}]}"
