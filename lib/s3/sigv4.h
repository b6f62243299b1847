/* sigv4: requests signed with a secret key: AWS Signature Version 4, as S3
 * wants it ("Authenticating Requests: Using the Authorization Header", API
 * reference of Amazon S3; the path is encoded once there, unlike elsewhere).
 *
 * No state, no input or output. Thread-safe. */
#ifndef S3_SIGV4_H
#define S3_SIGV4_H

#include "base/buf.h"
#include "base/sha256.h"

#include <time.h>

/* A query parameter, or a header with its name in lower case. */
struct sigv4_pair {
    struct str name, value;
};

#define SIGV4_PAIRS_MAX 32
#define SIGV4_SECRET_MAX 1024 /* bytes */

/* In place of a body's hash: the body is not signed. */
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

#define SIGV4_TIME 17 /* bytes of "20130524T000000Z" with its NUL */

/* Everything borrowed. */
struct sigv4_request {
    const char *method;
    struct str path;                /* "/bucket/a key", not encoded */
    const struct sigv4_pair *query; /* not encoded, in any order */
    size_t n_query;
    const struct sigv4_pair *headers; /* all that are sent and signed, host,
                                         x-amz-date and x-amz-content-sha256
                                         among them; in any order */
    size_t n_headers;
    struct str payload; /* SHA-256 of the body in hex, or SIGV4_UNSIGNED */
};

struct sigv4_key {
    struct str access, secret;
    struct str region, service; /* "us-east-1", "s3" */
};

/* Appends text with all but letters, digits and "-._~" as %XX; slashes stay
 * where keep_slash says so. */
int sigv4_encode(struct buf *out, struct str text, bool keep_slash);

/* Appends the query as it is signed and sent: encoded, sorted, without "?".
 * 0 or -1 (memory, more than SIGV4_PAIRS_MAX). */
int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t n);

/* Appends what is hashed of a request: for sigv4_authorization and tests. 0
 * or -1, as before. */
int sigv4_canonical(struct buf *out, const struct sigv4_request *r);

/* Appends the value of the header Authorization of a request sent `when`, as
 * sigv4_time writes it. 0 or -1, as before or for a secret that is longer than
 * SIGV4_SECRET_MAX. */
int sigv4_authorization(struct buf *out, const struct sigv4_request *r,
                        const struct sigv4_key *key, const char *when);

/* The time as x-amz-date has it. */
void sigv4_time(time_t t, char out[SIGV4_TIME]);

/* The hash of a body, in hex with a NUL. */
void sigv4_hash(struct str body, char hex[2 * SHA256_BYTES + 1]);

#endif
