/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/docker/lookup.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/array.h"
#include "common/text.h"
#include "daemon/docker/splitter.h"
#include "daemon/http/http.h"
#include "daemon/http/json.h"

#define ANSWER_USEC UINT64_C(10000000)

/* One request; its body goes to a function of the asker's. */
typedef struct Question {
        int (*body)(void *userdata, const char *data, size_t size);
        void *userdata;
        bool over;
        int error;
} Question;

static int on_body(void *userdata, const char *data, size_t size) {
        Question *question = userdata;

        return question->body(question->userdata, data, size);
}

static void on_done(void *userdata, const HttpResult *result) {
        Question *question = userdata;

        question->over = true;
        question->error = result->error;
}

static int ask(sd_event *event, const char *socket_path, const char *path, Question *question) {
        _cleanup_(http_freep) Http *http = NULL;
        HttpRequest *request = NULL;
        int r;

        r = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
                    ? http_new(event, &(HttpPeer) { .socket_path = socket_path }, &http)
                    : -ENOMEM;
        if (r >= 0)
                r = http_send(http,
                             &(HttpOptions) {
                                     .path = path,
                                     .timeout = ANSWER_USEC,
                                     .body = on_body,
                                     .done = on_done,
                                     .userdata = question,
                             },
                             &request);
        while (r >= 0 && !question->over)
                r = sd_event_run(event, ANSWER_USEC);
        http_request_free(request);
        http = http_free(http);
        curl_global_cleanup();
        return r < 0 ? r : question->error;
}

static int take_object(void *userdata, const char *data, size_t size) {
        return text_buffer_append(userdata, data, size, OBJECT_SIZE_MAX);
}

static int ask_for_object(sd_event *event, const char *socket_path, const char *collection, const char *id,
                          TextBuffer *ret) {
        char path[160];

        snprintf(path, sizeof(path), "/%s/%s/json", collection, id);
        return ask(event, socket_path, path, &(Question) { .body = take_object, .userdata = ret });
}

/* The search through a list of all containers. */
typedef struct Search {
        const char *wanted;
        ArraySplitter rows;
        char id[CONTAINER_ID_SIZE + 1]; /* "" until it is found */
        bool exact;                     /* by name, or by the whole ID */
        bool ambiguous;
        char **names; /* of all */
        size_t n_names, capacity;
} Search;

static void search_done(Search *search) {
        for (size_t i = 0; i < search->n_names; i++)
                free(search->names[i]);
        free(search->names);
        array_splitter_done(&search->rows);
}

static void search_take_id(Search *search, const char *id, bool exact) {
        if (search->exact && !exact)
                return;
        search->ambiguous = !exact && *search->id;
        search->exact = exact;
        strcpy(search->id, id);
}

static int search_take_name(Search *search, const char *name, const char *id) {
        char *copy;

        name += *name == '/';
        if (strchr(name, '/')) /* of a link: "/other/alias" */
                return 0;
        if (strcmp(name, search->wanted) == 0)
                search_take_id(search, id, true);
        copy = strdup(name);
        if (!copy || array_reserve(&search->names, &search->capacity, search->n_names + 1, sizeof(copy)) < 0) {
                free(copy);
                return -ENOMEM;
        }
        search->names[search->n_names++] = copy;
        return 0;
}

static int on_row(void *userdata, const char *text, size_t size) {
        _cleanup_(json_freep) cJSON *json = NULL;
        const cJSON *names, *name;
        Search *search = userdata;
        const char *id;
        int r;

        r = text ? json_parse(text, size, &json) : -EBADMSG;
        id = json_text(json, "Id");
        if (r == -ENOMEM)
                return r;
        if (r < 0 || !id || !container_id_is_valid(id) || json_container(json, "Names", cJSON_Array, &names) < 0)
                return 0; /* it cannot be the one */
        if (*search->wanted && strncmp(id, search->wanted, strlen(search->wanted)) == 0)
                search_take_id(search, id, strlen(search->wanted) == CONTAINER_ID_SIZE);
        r = 0;
        cJSON_ArrayForEach(name, names)
                if (r >= 0 && cJSON_IsString(name))
                        r = search_take_name(search, name->valuestring, id);
        return r;
}

static int take_list(void *userdata, const char *data, size_t size) {
        Search *search = userdata;

        return array_splitter_feed(&search->rows, data, size, on_row, search);
}

static int search_name_nearest(const Search *search, char **ret) {
        const char *nearest = text_nearest(search->wanted, (const char *const *) search->names, search->n_names);

        *ret = nearest ? strdup(nearest) : NULL;
        return nearest && !*ret ? -ENOMEM : -ENOENT;
}

static int find_id(sd_event *event, const char *socket_path, Search *search, char **ret_nearest) {
        int r;

        r = ask(event, socket_path, "/containers/json?all=1", &(Question) { .body = take_list, .userdata = search });
        if (r < 0)
                return r;
        if (search->ambiguous)
                return -ENOTUNIQ;
        return *search->id ? 0 : search_name_nearest(search, ret_nearest);
}

int docker_look_up(sd_event *event, const char *socket_path, const char *wanted, Container **ret, char **ret_nearest) {
        Search search = { .wanted = wanted };
        TextBuffer text = {};
        int r;

        *ret_nearest = NULL;
        r = find_id(event, socket_path, &search, ret_nearest);
        if (r >= 0)
                r = ask_for_object(event, socket_path, "containers", search.id, &text);
        if (r >= 0)
                r = docker_inspect_decode(text.text, text.size, ret);
        text_buffer_done(&text);
        search_done(&search);
        return r < 0 ? r : 0;
}

int docker_look_up_image(sd_event *event, const char *socket_path, const char *image_id, DockerImage *ret) {
        TextBuffer text = {};
        int r;

        if (!docker_image_id_is_valid(image_id))
                return -EINVAL;
        r = ask_for_object(event, socket_path, "images", image_id, &text);
        if (r >= 0)
                r = docker_image_decode(text.text, text.size, ret);
        text_buffer_done(&text);
        return r < 0 ? r : 0;
}
