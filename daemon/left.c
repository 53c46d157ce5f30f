/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/left.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "common/macros.h"
#include "daemon/model/withdrawn.h"

#define LOCALNET "localnet"
#define HAIRPIN "hairpin"
#define FLOWS "flows"

static void print_flows(FILE *file, const Element *withdrawn) {
        char destination[PREFIX_TEXT_SIZE], container[ADDRESS_TEXT_SIZE];

        fprintf(file, FLOWS " %u %s %u %u %s %u\n", withdrawn->protocol,
                prefix_format(&withdrawn->prefix, destination), withdrawn->ports.first, withdrawn->ports.last,
                address_format(&withdrawn->address, container), withdrawn->target_port);
}

static void print_left(FILE *file, const Elements *actual, const Elements *withdrawn) {
        for (size_t i = 0; i < actual->count; i++)
                if (actual->items[i].kind == ELEMENT_LOCALNET)
                        fprintf(file, LOCALNET " %s\n", actual->items[i].name);
                else if (actual->items[i].kind == ELEMENT_HAIRPIN_PORT)
                        fprintf(file, HAIRPIN " %s\n", actual->items[i].name);
        for (size_t i = 0; i < withdrawn->count; i++)
                print_flows(file, &withdrawn->items[i]);
}

int left_save(const char *path, const Elements *actual) {
        static const Elements nothing;
        Elements withdrawn;
        FILE *file;
        int r;

        r = withdrawn_between(actual, &nothing, &withdrawn);
        if (r < 0)
                return r;
        file = fopen(path, "we");
        if (!file)
                r = -errno;
        else {
                print_left(file, actual, &withdrawn);
                r = ferror(file) ? -EIO : 0;
                if (fclose(file) != 0)
                        r = -errno;
        }
        elements_done(&withdrawn);
        return r;
}

static bool parse_interface(const char *line, Element *ret, char name[static IFNAMSIZ]) {
        if (sscanf(line, LOCALNET " %15s", name) == 1)
                *ret = (Element) { .kind = ELEMENT_LOCALNET, .name = name };
        else if (sscanf(line, HAIRPIN " %15s", name) == 1)
                *ret = (Element) { .kind = ELEMENT_HAIRPIN_PORT, .name = name };
        else
                return false;
        return true;
}

static bool parse_flows(const char *line, Element *ret) {
        char destination[PREFIX_TEXT_SIZE], container[ADDRESS_TEXT_SIZE];
        Element element = { .kind = ELEMENT_WITHDRAWN, .name = "" };

        _Static_assert(PREFIX_TEXT_SIZE > 49 && ADDRESS_TEXT_SIZE > 45, "the widths below");
        if (sscanf(line, FLOWS " %hhu %49s %hu %hu %45s %hu", &element.protocol, destination, &element.ports.first,
                   &element.ports.last, container, &element.target_port) != 6 ||
            prefix_parse(destination, &element.prefix) < 0 || address_parse(container, &element.address) < 0 ||
            element.prefix.address.family != element.address.family)
                return false;
        element.family = element.address.family;
        *ret = element;
        return true;
}

static int load_lines(FILE *file, Names *names, Elements *elements) {
        char line[256], name[IFNAMSIZ];
        Element element;
        int r = 0;

        while (r >= 0 && fgets(line, sizeof(line), file)) {
                if (parse_interface(line, &element, name))
                        element.name = names_intern(names, name);
                else if (!parse_flows(line, &element))
                        continue;
                r = element.name ? elements_append(elements, &element) : -ENOMEM;
        }
        return r;
}

int left_load(const char *path, Names *names, Elements *ret) {
        Elements elements = {};
        FILE *file;
        int r;

        file = fopen(path, "re");
        if (!file)
                return -errno;
        r = load_lines(file, names, &elements);
        (void) fclose(file);
        if (r < 0) {
                elements_done(&elements);
                return r;
        }
        elements_sort(&elements);
        *ret = elements;
        return 0;
}
