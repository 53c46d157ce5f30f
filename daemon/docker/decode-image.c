/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "daemon/docker/decode-parts.h"

void docker_image_done(DockerImage *image) {
        container_labels_free(image->labels, image->n_labels);
        *image = (DockerImage) {};
}

int docker_image_decode(const char *text, size_t size, DockerImage *ret) {
        _cleanup_(json_freep) cJSON *json = NULL;
        const cJSON *config, *labels;
        DockerImage image = {};
        bool dropped = false, truncated = false;
        int r;

        r = json_parse(text, size, &json);
        if (r < 0)
                return r;
        /* An object that is no image would pass for one without labels. */
        if (!json_text(json, "Id") || json_container(json, "Config", cJSON_Object, &config) < 0 ||
            json_container(config, "Labels", cJSON_Object, &labels) < 0)
                return -EBADMSG;
        /* What is cut off here is cut off in the container's record, too, which says so. */
        r = decode_labels(labels, &image.labels, &image.n_labels, &dropped, &truncated);
        if (r < 0)
                return r;
        *ret = image;
        return 1;
}
