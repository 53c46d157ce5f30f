/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/images.h"

#include <errno.h>
#include <string.h>

#include "common/array.h"

typedef struct Image {
        char *id;
        ContainerLabel *labels;
        size_t n_labels;
        bool unreadable;
        bool doubted; /* unreadable, and to be asked for again */
        unsigned long used; /* when it was last looked at, by count */
} Image;

typedef struct Parked {
        Container *container;
        unsigned attempts; /* to read its image, that failed */
} Parked;

struct Images {
        Image *items; /* sorted by ID */
        size_t count, capacity;
        unsigned long clock;
        Parked *parked; /* sorted by image, then container */
        size_t n_parked, parked_capacity;
};

Images *images_new(void) {
        return calloc(1, sizeof(Images));
}

static void image_done(Image *image) {
        container_labels_free(image->labels, image->n_labels);
        free(image->id);
}

Images *images_free(Images *images) {
        if (!images)
                return NULL;
        for (size_t i = 0; i < images->count; i++)
                image_done(&images->items[i]);
        for (size_t i = 0; i < images->n_parked; i++)
                container_free(images->parked[i].container);
        free(images->parked);
        free(images->items);
        free(images);
        return NULL;
}

static int compare_id(const void *key, const void *item) {
        return strcmp(key, ((const Image *) item)->id);
}

static bool locate(const Images *images, const char *id, size_t *ret_at) {
        *ret_at = array_lower_bound(id, images->items, images->count, sizeof(Image), compare_id);
        return *ret_at < images->count && strcmp(images->items[*ret_at].id, id) == 0;
}

static bool image_has_label(const Image *image, const ContainerLabel *label) {
        if (image->unreadable)
                return true;
        for (size_t i = 0; i < image->n_labels; i++)
                if (strcmp(image->labels[i].key, label->key) == 0)
                        return strcmp(image->labels[i].value, label->value) == 0 &&
                               image->labels[i].cut == label->cut;
        return false;
}

bool images_mark(Images *images, Container *container) {
        Image *image;
        size_t at;

        if (container->n_labels == 0 || !container->image_id || *container->image_id == '\0')
                return true;
        if (!locate(images, container->image_id, &at) || images->items[at].doubted)
                return false;
        image = &images->items[at];
        image->used = ++images->clock;
        for (size_t i = 0; i < container->n_labels; i++)
                container->labels[i].from_image = image_has_label(image, &container->labels[i]);
        return true;
}

static void images_remove(Images *images, size_t at) {
        image_done(&images->items[at]);
        array_remove(&images->items, &images->count, at, sizeof(Image));
}

/* Room for one more: who was not looked at for the longest time goes. */
static void images_make_room(Images *images) {
        size_t oldest = 0;

        if (images->count < IMAGES_MAX)
                return;
        for (size_t i = 1; i < images->count; i++)
                if (images->items[i].used < images->items[oldest].used)
                        oldest = i;
        images_remove(images, oldest);
}

/* The image is taken over, on success and failure alike. */
static int images_put(Images *images, Image *image) {
        size_t at;

        if (locate(images, image->id, &at))
                images_remove(images, at);
        images_make_room(images);
        (void) locate(images, image->id, &at);
        if (array_insert_gap(&images->items, &images->count, &images->capacity, at, sizeof(Image)) < 0) {
                image_done(image);
                return -ENOMEM;
        }
        image->used = ++images->clock;
        images->items[at] = *image;
        return 0;
}

int images_learn(Images *images, const char *id, const ContainerLabel *labels, size_t n_labels) {
        Image image = { .id = strdup(id) };

        if (!image.id || container_labels_copy(labels, n_labels, &image.labels) < 0) {
                image_done(&image);
                return -ENOMEM;
        }
        image.n_labels = n_labels;
        return images_put(images, &image);
}

int images_learn_unreadable(Images *images, const char *id) {
        Image image = { .id = strdup(id), .unreadable = true };
        bool news;
        size_t at;
        int r;

        if (!image.id)
                return -ENOMEM;
        news = !locate(images, id, &at) || !images->items[at].unreadable;
        r = images_put(images, &image);
        return r < 0 ? r : news;
}

static Parked *find_parked(const Images *images, const char *container_id) {
        for (size_t i = 0; i < images->n_parked; i++)
                if (strcmp(images->parked[i].container->id, container_id) == 0)
                        return &images->parked[i];
        return NULL;
}

static int compare_parked(const void *key, const void *item) {
        const Container *wanted = key, *found = ((const Parked *) item)->container;
        int r = strcmp(wanted->image_id, found->image_id);

        return r != 0 ? r : strcmp(wanted->id, found->id);
}

static int compare_image(const void *key, const void *item) {
        return strcmp(key, ((const Parked *) item)->container->image_id);
}

static bool waits_for(const Images *images, size_t at, const char *image_id) {
        return at < images->n_parked && strcmp(images->parked[at].container->image_id, image_id) == 0;
}

/* Behind all that wait for that image. */
static int compare_image_end(const void *key, const void *item) {
        return compare_image(key, item) < 0 ? -1 : 1;
}

static size_t find_first_parked(const Images *images, const char *image_id) {
        return array_lower_bound(image_id, images->parked, images->n_parked, sizeof(Parked), compare_image);
}

int images_park(Images *images, Container *container) {
        size_t at = array_lower_bound(container, images->parked, images->n_parked, sizeof(Parked), compare_parked);
        bool first = !waits_for(images, find_first_parked(images, container->image_id), container->image_id);

        if (at < images->n_parked && compare_parked(container, &images->parked[at]) == 0) {
                container_free(images->parked[at].container);
                images->parked[at].container = container;
                return 0;
        }
        if (array_insert_gap(&images->parked, &images->n_parked, &images->parked_capacity, at, sizeof(Parked)) < 0) {
                container_free(container);
                return -ENOMEM;
        }
        images->parked[at].container = container;
        return first;
}

static Container *unpark(Images *images, size_t at) {
        Container *container = images->parked[at].container;

        array_remove(&images->parked, &images->n_parked, at, sizeof(Parked));
        if (images->n_parked == 0) { /* as large as the first list: not needed any more */
                free(TAKE_PTR(images->parked));
                images->parked_capacity = 0;
        }
        return container;
}

/* The last one, so that the others stay where they are: there can be very many. */
Container *images_take_parked(Images *images, const char *image_id) {
        size_t end = array_lower_bound(image_id, images->parked, images->n_parked, sizeof(Parked), compare_image_end);

        return end > 0 && waits_for(images, end - 1, image_id) ? unpark(images, end - 1) : NULL;
}

bool images_is_awaited(const Images *images, const char *image_id) {
        return waits_for(images, find_first_parked(images, image_id), image_id);
}

bool images_try_again(Images *images, const char *image_id) {
        bool again = false;

        for (size_t i = find_first_parked(images, image_id); waits_for(images, i, image_id); i++)
                again |= ++images->parked[i].attempts < IMAGE_ATTEMPTS;
        return again;
}

bool images_has_container(const Images *images, const char *container_id) {
        return find_parked(images, container_id);
}

void images_drop_parked(Images *images, const char *container_id) {
        Parked *parked = find_parked(images, container_id);

        if (parked)
                container_free(unpark(images, (size_t) (parked - images->parked)));
}

const char *images_next_parked(const Images *images, const char *image_id) {
        const char *next = NULL;

        for (size_t i = 0; i < images->n_parked; i++) {
                const char *candidate = images->parked[i].container->image_id;

                if ((!image_id || strcmp(candidate, image_id) > 0) && (!next || strcmp(candidate, next) < 0))
                        next = candidate;
        }
        return next;
}

bool images_has_parked(const Images *images) {
        return images->n_parked > 0;
}

void images_doubt_unreadable(Images *images) {
        for (size_t i = 0; i < images->count; i++)
                images->items[i].doubted = images->items[i].unreadable;
}
