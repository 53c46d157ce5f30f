/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/macros.h"
#include "daemon/model/container.h"

/* Which of a container's labels came with its image. Docker merges both and does not say; so they are compared with
 * the image's own: a label with the same value there is the image's. What is known of images is kept, at most
 * IMAGES_MAX of them; an image never changes, its ID is a digest of it. No I/O. */
#define IMAGES_MAX 512

typedef struct Images Images;

Images *images_new(void);
Images *images_free(Images *images);
DEFINE_CLEANUP(Images, images_free)

/* Marks the container's labels (from_image). Returns false if the image is not known yet: then it must be asked for. A
 * container without labels of ours, or without an image, needs none. */
bool images_mark(Images *images, Container *container);

/* What an image says. labels are copied. Returns 0 or -ENOMEM. */
int images_learn(Images *images, const char *id, const ContainerLabel *labels, size_t n_labels);

/* The image cannot be read: all labels of its containers are taken to be its own, until it is doubted or learnt. Returns
 * 1 if that is news, 0 if it was so before, or -ENOMEM. */
int images_learn_unreadable(Images *images, const char *id);

/* Keeps a container whose image is not known yet; it replaces an older one with the same ID. Taken over, on success and
 * failure alike. Returns 1 if it is the first one of its image, 0 if others wait for it already, or -ENOMEM. */
int images_park(Images *images, Container *container);
bool images_is_awaited(const Images *images, const char *image_id);
/* The image could not be read this time. Returns true if it shall be asked for again: some container has not waited for
 * IMAGE_ATTEMPTS of them yet. */
#define IMAGE_ATTEMPTS 3
bool images_try_again(Images *images, const char *image_id);
/* Takes out one that waits for that image, or NULL. */
Container *images_take_parked(Images *images, const char *image_id);
/* Whether that container waits for its image. */
bool images_has_container(const Images *images, const char *container_id);
/* The container went, or is known better by now. */
void images_drop_parked(Images *images, const char *container_id);
/* The image after that one (NULL: the first) for which containers wait; NULL: there is no further one. Valid until
 * the next call that changes something. */
const char *images_next_parked(const Images *images, const char *image_id);
bool images_has_parked(const Images *images);

/* Images that could not be read are to be asked for again. */
void images_doubt_unreadable(Images *images);
