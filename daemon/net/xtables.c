/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/net/xtables.h"

#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which would else define the same */
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_mark.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/macros.h"

#define TABLE "filter"

enum { ENTRIES_SIZE_MAX = 64 * 1024 * 1024 };

/* Both families have the same, at other places. */
typedef struct Layout {
        size_t match_size;   /* what comes first: addresses, interfaces, protocol; all 0 where any packet is meant */
        size_t offsets;      /* of target_offset; next_offset follows */
        size_t size;         /* of an entry without its matches and target */
        int level, info, entries;
        const char *names; /* which tables there are; who reads it makes none */
} Layout;

static const Layout layouts[] = {
        { sizeof(struct ipt_ip), offsetof(struct ipt_entry, target_offset), sizeof(struct ipt_entry), IPPROTO_IP,
          IPT_SO_GET_INFO, IPT_SO_GET_ENTRIES, "/proc/thread-self/net/ip_tables_names" },
        { sizeof(struct ip6t_ip6), offsetof(struct ip6t_entry, target_offset), sizeof(struct ip6t_entry), IPPROTO_IPV6,
          IP6T_SO_GET_INFO, IP6T_SO_GET_ENTRIES, "/proc/thread-self/net/ip6_tables_names" },
};

static const Layout *layout_of(int family) {
        return &layouts[family == AF_INET6];
}

/* One rule, within the table's bytes. */
typedef struct Rule {
        const unsigned char *bytes;
        uint16_t target; /* where its target begins, and its matches end */
        uint16_t size;
} Rule;

/* Returns 0, or -EBADMSG if there is none at that place. */
static int rule_at(const Layout *layout, const unsigned char *entries, size_t size, size_t at, Rule *ret) {
        Rule rule;

        if (!entries || at > size || size - at < layout->size)
                return -EBADMSG;
        rule.bytes = entries + at;
        memcpy(&rule.target, rule.bytes + layout->offsets, sizeof(rule.target));
        memcpy(&rule.size, rule.bytes + layout->offsets + sizeof(rule.target), sizeof(rule.size));
        if (rule.target < layout->size || rule.size < rule.target + sizeof(struct xt_entry_target) ||
            rule.size > size - at)
                return -EBADMSG;
        *ret = rule;
        return 0;
}

static bool rule_is_for_all(const Layout *layout, const Rule *rule) {
        for (size_t i = 0; i < layout->match_size; i++)
                if (rule->bytes[i] != 0)
                        return false;
        return rule->target == layout->size;
}

/* NF_DROP, NF_ACCEPT, or -1: whatever else. REJECT drops as well. */
static int rule_verdict(const Rule *rule) {
        struct xt_entry_target target;
        int verdict;

        memcpy(&target, rule->bytes + rule->target, sizeof(target));
        if (strncmp(target.u.user.name, "REJECT", sizeof(target.u.user.name)) == 0)
                return NF_DROP;
        if (target.u.user.name[0] != '\0' || rule->size - rule->target < (int) sizeof(struct xt_standard_target))
                return -1;
        memcpy(&verdict, rule->bytes + rule->target + offsetof(struct xt_standard_target, verdict), sizeof(verdict));
        return verdict == -NF_DROP - 1 ? NF_DROP : verdict == -NF_ACCEPT - 1 ? NF_ACCEPT : -1;
}

/* It accepts what has the mark, and asks for nothing else. */
static bool rule_passes(const Layout *layout, const Rule *rule, uint32_t mark, uint32_t mask) {
        const size_t head = offsetof(struct xt_entry_match, data);
        struct xt_entry_match match;
        struct xt_mark_mtinfo1 info;

        if (rule_verdict(rule) != NF_ACCEPT ||
            rule->target != layout->size + XT_ALIGN(head + sizeof(info)))
                return false;
        memcpy(&match, rule->bytes + layout->size, head);
        memcpy(&info, rule->bytes + layout->size + head, sizeof(info));
        return strncmp(match.u.user.name, "mark", sizeof(match.u.user.name)) == 0 && match.u.user.revision == 1 &&
               !info.invert && info.mark == (mark & mask) && info.mask == mask;
}

int xtables_judge(int family, const void *entries, size_t size, size_t first, size_t policy, uint32_t mark,
                  uint32_t mask, XtablesForward *ret) {
        const Layout *layout = layout_of(family);
        XtablesForward forward = {};
        bool decided = false;
        Rule rule;
        size_t at;

        for (at = 0; at < size; at += rule.size) {
                if (rule_at(layout, entries, size, at, &rule) < 0)
                        return -EBADMSG;
                forward.passes |= rule_passes(layout, &rule, mark, mask);
                /* Of the chain itself, the first rule that is for all packets, at the latest its policy. */
                if (at >= first && at <= policy && !decided && rule_is_for_all(layout, &rule) &&
                    rule_verdict(&rule) >= 0) {
                        forward.drops = rule_verdict(&rule) == NF_DROP;
                        decided = true;
                }
        }
        if (!decided)
                return -EBADMSG;
        *ret = forward;
        return 0;
}

/* 1, 0 or negative errno. */
static int table_is_there(const char *names) {
        FILE *file = fopen(names, "re");
        char line[XT_TABLE_MAXNAMELEN + 1];
        int found = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while (!found && fgets(line, sizeof(line), file))
                found = strcmp(line, TABLE "\n") == 0;
        (void) fclose(file);
        return found;
}

static int read_entries(const Layout *layout, int fd, const struct ipt_getinfo *info, struct ipt_get_entries **ret) {
        socklen_t size = (socklen_t) (sizeof(struct ipt_get_entries) + info->size);
        _cleanup_free_ struct ipt_get_entries *entries = NULL;

        if (info->size > ENTRIES_SIZE_MAX)
                return -EFBIG;
        entries = calloc(1, size);
        if (!entries)
                return -ENOMEM;
        strcpy(entries->name, TABLE);
        entries->size = info->size;
        if (getsockopt(fd, layout->level, layout->entries, entries, &size) < 0)
                return -errno; /* EAGAIN: changed in between */
        *ret = TAKE_PTR(entries);
        return 0;
}

/* Both families' structures are the same here. */
_Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "IP6T_SO_GET_INFO");
_Static_assert(offsetof(struct ipt_get_entries, entrytable) == offsetof(struct ip6t_get_entries, entrytable),
               "IP6T_SO_GET_ENTRIES");

static int read_table(const Layout *layout, int fd, struct ipt_getinfo *info, struct ipt_get_entries **ret) {
        int r = -EAGAIN;

        for (unsigned attempt = 0; attempt < 3 && r == -EAGAIN; attempt++) {
                socklen_t size = sizeof(*info);

                *info = (struct ipt_getinfo) { .name = TABLE };
                r = getsockopt(fd, layout->level, layout->info, info, &size) < 0 ? -errno
                                                                                : read_entries(layout, fd, info, ret);
        }
        return r;
}

int xtables_read_forward(int family, uint32_t mark, uint32_t mask, XtablesForward *ret) {
        const Layout *layout = layout_of(family);
        _cleanup_free_ struct ipt_get_entries *entries = NULL;
        _cleanup_close_ int fd = -1;
        struct ipt_getinfo info;
        int r;

        r = table_is_there(layout->names);
        if (r <= 0)
                return r;
        fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        r = read_table(layout, fd, &info, &entries);
        if (r >= 0)
                r = xtables_judge(family, entries->entrytable, info.size, info.hook_entry[NF_INET_FORWARD],
                                  info.underflow[NF_INET_FORWARD], mark, mask, ret);
        return r < 0 ? r : 1;
}
