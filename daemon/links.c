/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/links.h"

#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "daemon/messages.h"

static bool localnet_is_ours(const Model *model, const char *ifname) {
        return model_has_actual(model, &(Element) { .kind = ELEMENT_LOCALNET, .name = ifname });
}

/* An error that is an answer: there is no such path, or no such switch (paths.h). Others say that the kernel could not
 * be asked. */
static bool is_answer(int error) {
        return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -EACCES || error == -EINVAL ||
               error == -ENODEV || error == -EAFNOSUPPORT;
}

/* Where somebody else switched it on, it is theirs, and stays when we go. 1, 0, or negative errno. */
static int may_set_localnet(const Model *model, Paths *paths, const Path *found) {
        bool on = found->localnet == LOCALNET_ON;
        int r = 0;

        if (localnet_is_ours(model, found->ifname))
                return 1;
        if (found->localnet == LOCALNET_NONE)
                return 0;
        if (found->localnet == LOCALNET_UNASKED)
                r = paths_get_localnet(paths, found->ifname, &on);
        return r >= 0 ? !on : is_answer(r) ? 0 : r;
}

/* Addresses that are looked up together. */
typedef struct Asking {
        const Model *model;
        Paths *paths;
        bool localhost;
        struct {
                const Record *record;
                RecordPath *path;
        } questions[PATHS_AT_ONCE_MAX];
        Address addresses[PATHS_AT_ONCE_MAX];
        size_t n;
} Asking;

static int take_path(const Asking *asking, const Record *record, const Address *address, const Path *found,
                     RecordPath *path) {
        int r = 0;

        path->known = true;
        path->neighbours = found->neighbours.length;
        strcpy(path->ifname, found->ifname);
        path->ifindex = found->ifindex;
        if (asking->localhost && address->family == AF_INET)
                r = may_set_localnet(asking->model, asking->paths, found);
        path->localnet = r > 0;
        if (r >= 0 && found->bridge && record->network) /* by hand, nobody joins a container to a bridge */
                r = paths_want_hairpin(asking->paths, found->ifindex, record->network->mac, address);
        return MIN(r, 0);
}

static int take_answer(const Asking *asking, size_t i, const PathAnswer *answer) {
        RecordPath path = { .asked = true };
        int r = 0;

        if (answer->error < 0 && !is_answer(answer->error))
                return answer->error;
        if (answer->error >= 0)
                r = take_path(asking, asking->questions[i].record, &asking->addresses[i], &answer->path, &path);
        if (r >= 0)
                *asking->questions[i].path = path;
        return r;
}

static int ask(Asking *asking) {
        PathAnswer answers[PATHS_AT_ONCE_MAX];
        size_t n = asking->n;
        int r;

        if (n == 0)
                return 0;
        asking->n = 0;
        r = paths_find_many(asking->paths, asking->addresses, n, answers);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = take_answer(asking, i, &answers[i]);
        return r;
}

static int add_question(Asking *asking, const Record *record, const Address *address, RecordPath *path) {
        if (!address_is_set(address) || path->asked)
                return 0;
        asking->questions[asking->n].record = record;
        asking->questions[asking->n].path = path;
        asking->addresses[asking->n++] = *address;
        return asking->n < PATHS_AT_ONCE_MAX ? 0 : ask(asking);
}

/* At the first failure it ends: each may have waited for the kernel. */
int links_find_paths(Model *model, Paths *paths, bool localhost) {
        size_t n;
        Record *const *records = model_touched(model, &n);
        Asking asking = { .model = model, .paths = paths, .localhost = localhost };
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                r = add_question(&asking, records[i], &records[i]->ipv4, &records[i]->path4);
                if (r >= 0)
                        r = add_question(&asking, records[i], &records[i]->ipv6, &records[i]->path6);
        }
        return r < 0 ? r : ask(&asking);
}

bool links_keep(Elements *removed) {
        size_t count = removed->count, kept = 0;

        for (size_t i = 0; i < count; i++) {
                ElementKind kind = removed->items[i].kind;

                if (kind != ELEMENT_NEIGHBOURS && kind != ELEMENT_HAIRPIN && kind != ELEMENT_LOCALNET)
                        removed->items[kept++] = removed->items[i];
        }
        removed->count = kept;
        return kept < count;
}

typedef struct Forgetting {
        Model *model;
        const Prefix *prefix;
        bool any;
} Forgetting;

static bool forget_path(const Prefix *prefix, const Address *address, RecordPath *path) {
        if (!address_is_set(address) || (address_is_set(&prefix->address) && !prefix_contains(prefix, address)))
                return false;
        path->asked = false;
        return true;
}

static void forget_paths_of(void *userdata, Record *record) {
        Forgetting *forgetting = userdata;
        bool any = forget_path(forgetting->prefix, &record->ipv4, &record->path4);

        any |= forget_path(forgetting->prefix, &record->ipv6, &record->path6);
        if (any)
                model_touch(forgetting->model, record);
        forgetting->any |= any;
}

bool links_forget_paths(Model *model, const Prefix *prefix) {
        Forgetting forgetting = { .model = model, .prefix = prefix };

        model_visit_addresses(model, prefix, forget_paths_of, &forgetting);
        return forgetting.any;
}

void links_forget_departed(Model *model, Paths *paths) {
        size_t n;
        Record *const *records = model_departed(model, &n);

        for (size_t i = 0; i < n; i++) {
                const RecordPath *path = records[i]->path4.known ? &records[i]->path4 : &records[i]->path6;

                if (path->known && records[i]->network)
                        paths_forget_hairpin(paths, path->ifindex, records[i]->network->mac);
                /* Once: the container may be back, with a wish of its own, when this is tried again. */
                records[i]->path4.known = records[i]->path6.known = false;
        }
}

void links_forget_unwanted(const Model *model, Paths *paths) {
        size_t n;
        Record *const *records = model_records(model, &n);

        paths_doubt_hairpins(paths);
        for (size_t i = 0; i < n; i++) {
                const Record *record = records[i];

                if (record->network && record->path4.known)
                        paths_confirm_hairpin(paths, record->path4.ifindex, record->network->mac);
                if (record->network && record->path6.known)
                        paths_confirm_hairpin(paths, record->path6.ifindex, record->network->mac);
        }
        paths_forget_doubted_hairpins(paths);
}

int links_adopt_hairpin_ports(Model *model, Paths *paths) {
        const Elements *actual = model_read_elements(model);
        int r = 0;

        for (size_t i = 0; i < actual->count && r >= 0; i++)
                if (actual->items[i].kind == ELEMENT_HAIRPIN_PORT && paths_link_exists(paths, actual->items[i].name))
                        r = model_add_hairpin_port(model, actual->items[i].name);
        return r;
}

static int switch_localnet(const Element *element, Paths *paths, bool on) {
        int r;

        if (element->kind != ELEMENT_LOCALNET)
                return 0;
        r = paths_set_localnet(paths, element->name, on);
        return r == -ENODEV ? 0 : r;
}

int links_set_localnet(const Elements *elements, Paths *paths) {
        int error = 0;

        for (size_t i = 0; i < elements->count; i++) {
                int r = switch_localnet(&elements->items[i], paths, true);

                error = r < 0 ? r : error;
        }
        return error;
}

int links_clear_localnet(Elements *elements, Paths *paths) {
        size_t kept = 0;
        int error = 0;

        for (size_t i = 0; i < elements->count; i++) {
                int r = switch_localnet(&elements->items[i], paths, false);

                if (r < 0)
                        error = r;
                else
                        elements->items[kept++] = elements->items[i];
        }
        elements->count = kept;
        return error;
}

void links_restore(const Elements *actual, Paths *paths) {
        for (size_t i = 0; i < actual->count; i++) {
                const Element *element = &actual->items[i];
                int r = switch_localnet(element, paths, false);

                if (r < 0)
                        log_event(LOG_WARNING, MESSAGE_PATHS_FAILED, NULL,
                                  "Cannot switch route_localnet off on %s: %s", element->name, strerror(-r));
                if (element->kind == ELEMENT_HAIRPIN_PORT)
                        (void) paths_set_hairpin(paths, element->name, false);
        }
}
