/* client: requests to a bucket of Amazon S3, or of what speaks like it.
 *
 * Each request is signed (s3/sigv4.h) and tried again, as the service asks its
 * clients to, where that makes sense: lost connections, time-outs, 429 and
 * 5xx, with full jitter, Retry-After as a floor. Answers that are errors come
 * with the code and the message of the service. Not thread-safe. */
#ifndef S3_CLIENT_H
#define S3_CLIENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "cli/opt.h"
#include "http/client.h"
#include "s3/sigv4.h"

#include <stdbool.h>

/* What a connector's options say; strings are borrowed until s3_close. */
struct s3_opts {
    const char *endpoint; /* NULL: the environment's, else Amazon's */
    const char *region;   /* NULL: the environment's, else us-east-1 */
    bool path_style;
    bool anonymous;     /* no request is signed */
    const char *agent;  /* NULL: pipeutils/VERSION */
    bool (*stop)(void); /* NULL: never */
};

/* The rows of an option table that fill one. */
/* clang-format off */
#define S3_OPTIONS(o)                                                         \
    { OPT_STRING, 0, "s3-endpoint", "URL", &(o).endpoint,                     \
      "the server of s3: URIs; default Amazon S3",                            \
      NULL, 0, 0, 0, COMPLETE_NONE, "AWS_ENDPOINT_URL" },                     \
    { OPT_STRING, 0, "s3-region", "NAME", &(o).region,                        \
      "its region; default that of AWS_REGION, AWS_DEFAULT_REGION or "        \
      "~/.aws/config, else us-east-1",                                        \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },                                   \
    { OPT_FLAG, 0, "s3-path-style", NULL, &(o).path_style,                    \
      "name buckets in the path and not in the host",                         \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL },                                   \
    { OPT_FLAG, 0, "s3-anonymous", NULL, &(o).anonymous,                      \
      "use no credentials: the bucket is public",                             \
      NULL, 0, 0, 0, COMPLETE_NONE, NULL }
/* clang-format on */

struct s3;

/* Splits "s3://bucket/key"; the key may be empty. Slices borrow from uri.
 * ERR_USAGE. */
int s3_split(const char *uri, struct str *bucket, struct str *key,
             struct err *e);

/* 0 with *s owned, freed with s3_close. Asks nothing of the server. -1 with
 * ERR_USAGE, ERR_CONFIG or ERR_NOPERM (credentials), ERR_UNAVAILABLE (no
 * libcurl). */
int s3_open(struct s3 **s, const struct s3_opts *opts, struct str bucket,
            struct err *e);
void s3_close(struct s3 *s); /* NULL is fine */

#define S3_HEADERS_MAX 16

/* All borrowed until s3_call or s3_ask returns. */
struct s3_request {
    const char *method;
    struct str key;                 /* empty: the bucket itself */
    const struct sigv4_pair *query; /* not encoded */
    size_t n_query;
    const struct sigv4_pair *headers; /* names in lower case; at most
                                         S3_HEADERS_MAX */
    size_t n_headers;
    struct str body; /* .p NULL: none */
};

/* What came back; body is owned, freed with s3_answer_free, the rest static. */
struct s3_answer {
    unsigned status; /* 0: none */
    char code[64];   /* of an error: "NoSuchKey"; else "" */
    char etag[128];  /* with its quotes; "" where there is none */
    struct buf body; /* s3_ask: at most its max */
};

void s3_answer_free(struct s3_answer *a);

/* Sends the request; the body of the answer is *call's, ended with http_end,
 * *call is NULL after a failure. An answer that is no success is -1 with
 * ERR_NOINPUT (404), ERR_NOPERM (401, 403), ERR_TEMPFAIL (409, 412, 429, 503
 * SlowDown), ERR_UNAVAILABLE (5xx) or ERR_CONFIG, and with a->status and
 * a->code; one that did not come, as http_wait. */
int s3_call(struct s3 *s, const struct s3_request *r, struct s3_answer *a,
            struct http_call **call, struct err *e);

/* The same, and reads the whole body into a->body. An error that comes as a
 * success (CompleteMultipartUpload) is one here. */
int s3_ask(struct s3 *s, const struct s3_request *r, struct s3_answer *a,
           struct err *e);

/* Appends "s3://bucket/key". 0 or -1. */
int s3_name(const struct s3 *s, struct str key, struct buf *out);

#endif
