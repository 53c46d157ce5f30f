/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/model/labels.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/text.h"

/* Returns NULL, or what was expected. */
typedef const char *(*LabelParser)(const char *value, Labels *labels);

static const char *parse_network(const char *value, Labels *labels) {
        labels->network = value;
        return *value ? NULL : "a network's name or ID";
}

static const char *parse_profile(const char *value, Labels *labels) {
        labels->profile = value;
        return *value ? NULL : "a profile's name";
}

static const char *parse_interface(const char *value, Labels *labels) {
        return limits_parse_interfaces(&labels->limits, value);
}

static const char *parse_from(const char *value, Labels *labels) {
        return limits_parse_from(&labels->limits, value);
}

static const char *parse_when(const char *value, Labels *labels) {
        labels->healthy = strcmp(value, "healthy") == 0;
        return labels->healthy || strcmp(value, "running") == 0 ? NULL : "running or healthy";
}

static const char *parse_mode(const char *value, Labels *labels) {
        labels->balance = strcmp(value, "balance") == 0;
        return labels->balance || strcmp(value, "exclusive") == 0 ? NULL : "exclusive or balance";
}

static const struct {
        const char *key;
        LabelParser parse;
} known[] = {
        { LABEL_EXPOSE ".network", parse_network }, { LABEL_EXPOSE ".profile", parse_profile },
        { LABEL_EXPOSE ".interface", parse_interface }, { LABEL_EXPOSE ".from", parse_from },
        { LABEL_EXPOSE ".when", parse_when }, { LABEL_EXPOSE ".mode", parse_mode },
};

bool label_counts(const ContainerLabel *label, const Policy *policy) {
        return !label->from_image || policy->honor_image_labels;
}

static const char *label_parse(const ContainerLabel *label, LabelParser parse, Labels *labels) {
        if (label->cut)
                return "at most 4096 bytes";
        return parse(label->value, labels);
}

/* The first stays. Returns 0 or -ENOMEM. */
static int set_problem(Labels *labels, const char *problem) {
        if (labels->problem)
                return 0;
        labels->problem = strdup(problem);
        return labels->problem ? 0 : -ENOMEM;
}

static int set_label_problem(Labels *labels, const ContainerLabel *label, const char *expected) {
        char shown[64], problem[LABEL_PROBLEM_SIZE];

        snprintf(problem, sizeof(problem), "%s=%s: expected %s", label->key,
                 text_escape(label->value, strlen(label->value), shown, sizeof(shown)), expected);
        return set_problem(labels, problem);
}

int labels_read(const Container *container, const Policy *policy, Labels *ret) {
        Labels labels = {};
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(known) && r >= 0; i++) {
                const ContainerLabel *label = container_find_label(container, known[i].key);
                const char *expected;

                if (!label || !label_counts(label, policy))
                        continue;
                expected = label_parse(label, known[i].parse, &labels);
                if (expected == limits_no_memory)
                        r = -ENOMEM;
                else if (expected)
                        r = set_label_problem(&labels, label, expected);
        }
        if (r >= 0 && container->labels_dropped)
                r = set_problem(&labels, "expected at most 32 labels that begin with calico.expose");
        if (r >= 0 && labels.limits.n_interfaces == 0 && policy->n_interfaces > 0)
                r = limits_set_interfaces(&labels.limits, policy->interfaces, policy->n_interfaces);
        if (r < 0) {
                labels_done(&labels);
                return r;
        }
        *ret = labels;
        return 0;
}

void labels_done(Labels *labels) {
        limits_done(&labels->limits);
        free(labels->problem);
        labels->problem = NULL;
}

bool label_is_known(const char *key) {
        if (strcmp(key, LABEL_EXPOSE) == 0)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                if (strcmp(key, known[i].key) == 0)
                        return true;
        return false;
}

/* Behind "calico.expose." only the rest is compared: the front would make all of them near. */
const char *label_nearest(const char *key) {
        enum { FRONT = sizeof(LABEL_EXPOSE) };
        const char *rests[ELEMENTSOF(known)], *rest;

        if (strncasecmp(key, LABEL_EXPOSE ".", FRONT) != 0)
                return text_nearest(key, (const char *[]) { LABEL_EXPOSE }, 1);
        for (size_t i = 0; i < ELEMENTSOF(known); i++)
                rests[i] = known[i].key + FRONT;
        rest = text_nearest(key + FRONT, rests, ELEMENTSOF(rests));
        return rest ? rest - FRONT : NULL;
}
