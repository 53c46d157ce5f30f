/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/macros.h"

/* HTTP over a unix socket or TCP, with or without TLS, by libcurl's multi interface in an sd-event loop. An Http holds
 * the connections to one peer; it is made anew where the peer may be another one, so that nothing of one that went is
 * used with the next. */

typedef struct Http Http;
typedef struct HttpRequest HttpRequest;

#define HTTP_REASON_SIZE 256
#define HTTP_PIECE_SIZE ((size_t) 16 * 1024)

/* Whom to speak to. NULL stands for "none" everywhere. */
typedef struct HttpPeer {
        const char *socket_path; /* a unix socket; or else: */
        const char *url;         /* "http://192.0.2.1:2379", "https://etcd1.example", without a path */
        const char *ca_file;     /* PEM: whom the peer's certificate must be from; NULL: the system's authorities */
        const char *cert_file;   /* PEM: our own certificate and its key */
        const char *key_file;
        const char *user; /* basic authentication, with the password */
        const char *password;
        unsigned connections; /* at the same time at most, beyond which requests wait; 0: no limit */
        /* Of all that is done for it, as sd_event_source_set_priority(). With another one than 0 long bodies take their
         * time: HTTP_PIECE_SIZE bytes, and what libcurl hands over at a time, are the most before the loop runs. */
        int64_t priority;
} HttpPeer;

typedef struct HttpResult {
        int error; /* 0 for a whole answer of status 200 or 201, else negative errno; -EREMOTEIO: another status */
        unsigned status; /* 0 if there was no answer */
        /* For the log, in one line; "" without error. It says the same for the same cause: no times, no counts. Valid
         * until the request is freed. */
        const char *reason;
} HttpResult;

typedef struct HttpOptions {
        const char *method;  /* NULL: "GET" */
        const char *path;    /* "/_ping", with the query if there is one */
        const char *form;    /* NULL, or the body: application/x-www-form-urlencoded */
        const char *filters; /* NULL, or JSON for the query's last parameter of that name, which is encoded here */
        uint64_t timeout;    /* microseconds for the whole, 0: for ever; to connect alone never takes over 5 s */
        bool fresh;          /* on a connection of its own, which is not kept */
        bool in_one_go;      /* without the pauses that its Http's priority would bring: some 10 ms for each MB */

        /* These two are called in the middle of libcurl's work: no function of this header may be called there.
         * head (may be NULL): the header of an answer of success is complete. body: the next bytes of such an
         * answer; a negative return value breaks the request off, with that error. */
        void (*head)(void *userdata);
        int (*body)(void *userdata, const char *data, size_t size);
        /* The request is over. Called from the loop, where everything may be called and freed, this request and its
         * Http too. Not called for a request that is freed before. */
        void (*done)(void *userdata, const HttpResult *result);
        void *userdata;
} HttpOptions;

/* Copies what the peer points to. -ENAMETOOLONG: no unix socket can have that path. -ENOMEM. */
int http_new(sd_event *event, const HttpPeer *peer, Http **ret);
/* All its requests must have been freed. */
Http *http_free(Http *http);
DEFINE_CLEANUP(Http, http_free)

/* Starts a request; copies what the options point to, but for userdata. Returns 0 or -ENOMEM. */
int http_send(Http *http, const HttpOptions *options, HttpRequest **ret);
/* Breaks it off if it is under way. */
HttpRequest *http_request_free(HttpRequest *request);
DEFINE_CLEANUP(HttpRequest, http_request_free)

/* The value of the answer's last header of that name, or NULL; valid until the next call for the request. */
const char *http_request_header(HttpRequest *request, const char *name);
/* The body of an answer that was no success, cut at 4096 bytes; not terminated, valid as long as the request. */
const char *http_request_error_body(const HttpRequest *request, size_t *ret_size);
