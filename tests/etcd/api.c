/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/etcd/api.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/cmocka.h"

void reply_done(Reply *reply) {
        free(reply->body);
        cJSON_Delete(reply->json);
        *reply = (Reply) {};
}

static void set_tls(CURL *easy, const Server *server) {
        char path[128];

        if (!server->tls)
                return;
        snprintf(path, sizeof(path), "%s/ca.pem", server->directory);
        curl_easy_setopt(easy, CURLOPT_CAINFO, path);
        snprintf(path, sizeof(path), "%s/client.pem", server->directory);
        curl_easy_setopt(easy, CURLOPT_SSLCERT, path);
        snprintf(path, sizeof(path), "%s/client-key.pem", server->directory);
        curl_easy_setopt(easy, CURLOPT_SSLKEY, path);
}

static Reply call(const Server *server, const char *user, const char *method, const char *path, const char *body,
                  const char *type) {
        CURL *easy = curl_easy_init();
        struct curl_slist *headers = NULL;
        char url[4096];
        Reply reply = {};
        size_t size;
        FILE *file = open_memstream(&reply.body, &size);

        assert_non_null(easy);
        assert_non_null(file);
        snprintf(url, sizeof(url), "%s%s", server->url, path);
        curl_easy_setopt(easy, CURLOPT_URL, url);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, file);
        curl_easy_setopt(easy, CURLOPT_TIMEOUT, 10L);
        if (body)
                curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        if (type)
                headers = curl_slist_append(NULL, type);
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        if (user)
                curl_easy_setopt(easy, CURLOPT_USERPWD, user);
        set_tls(easy, server);
        (void) curl_easy_perform(easy);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &reply.status);
        fclose(file);
        curl_slist_free_all(headers);
        curl_easy_cleanup(easy);
        reply.json = cJSON_Parse(reply.body);
        return reply;
}

Reply api_call_as(const Server *server, const char *user, const char *method, const char *path, const char *form) {
        char full[2048];

        snprintf(full, sizeof(full), "/v2/keys%s", path);
        return call(server, user, method, full, form, NULL);
}

Reply api_call(const Server *server, const char *method, const char *path, const char *form) {
        return api_call_as(server, NULL, method, path, form);
}

Reply api_admin(const Server *server, const char *user, const char *method, const char *path, const char *json) {
        return call(server, user, method, path, json, "Content-Type: application/json");
}

char *api_get(const Server *server, const char *key, uint64_t *ret_index) {
        char path[1024];
        const cJSON *node, *value, *index;
        char *text = NULL;
        Reply reply;

        snprintf(path, sizeof(path), "%s?quorum=true", key);
        reply = api_call(server, "GET", path, NULL);
        assert_true(reply.status == 200 || reply.status == 404);
        node = cJSON_GetObjectItem(reply.json, "node");
        value = cJSON_GetObjectItem(node, "value");
        index = cJSON_GetObjectItem(node, "modifiedIndex");
        if (value)
                text = strdup(value->valuestring);
        if (ret_index)
                *ret_index = index ? (uint64_t) index->valuedouble : 0;
        reply_done(&reply);
        return text;
}

static long put(const Server *server, const char *path, const char *value) {
        char *escaped = curl_easy_escape(NULL, value, 0), *form;
        long status;
        Reply reply;

        assert_true(asprintf(&form, "value=%s", escaped) > 0);
        reply = api_call(server, "PUT", path, form);
        status = reply.status;
        reply_done(&reply);
        free(form);
        curl_free(escaped);
        return status;
}

void api_put(const Server *server, const char *key, const char *value) {
        long status = put(server, key, value);

        assert_true(status == 200 || status == 201);
}

bool api_put_if(const Server *server, const char *key, const char *value, uint64_t index) {
        char path[1024];
        long status;

        snprintf(path, sizeof(path), "%s?prevIndex=%" PRIu64, key, index);
        status = put(server, path, value);
        assert_true(status == 200 || status == 412);
        return status == 200;
}

bool api_delete(const Server *server, const char *key) {
        char path[1024];
        Reply reply;
        long status;

        snprintf(path, sizeof(path), "%s?recursive=true", key);
        reply = api_call(server, "DELETE", path, NULL);
        status = reply.status;
        reply_done(&reply);
        assert_true(status == 200 || status == 404);
        return status == 200;
}
