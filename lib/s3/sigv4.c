#include "s3/sigv4.h"

#include <string.h>

#define ALGORITHM "AWS4-HMAC-SHA256"
#define DAY 8 /* characters of "20130524" */

int sigv4_encode(struct buf *out, struct str text, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                     c == '_' || c == '~' || (c == '/' && keep_slash);
        if (plain) {
            buf_addc(out, (char)c);
            continue;
        }
        buf_addc(out, '%');
        buf_addc(out, hex[c >> 4]);
        buf_addc(out, hex[c & 15]);
    }
    return out->failed ? -1 : 0;
}

/* Puts the numbers of n pairs in the order of their names, then values. */
static void sort_pairs(const struct sigv4_pair *v, size_t n, size_t *order)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at; at--) {
            const struct sigv4_pair *before = &v[order[at - 1]];
            int c = str_cmp(before->name, v[i].name);
            if (c < 0 || (c == 0 && str_cmp(before->value, v[i].value) <= 0))
                break;
            order[at] = order[at - 1];
        }
        order[at] = i;
    }
}

/* What is sorted is encoded: %XX stands elsewhere than its character. */
int sigv4_query(struct buf *out, const struct sigv4_pair *query, size_t n)
{
    struct sigv4_pair pairs[SIGV4_PAIRS_MAX] = { 0 };
    size_t ends[2 * SIGV4_PAIRS_MAX], order[SIGV4_PAIRS_MAX];
    struct buf text = { 0 };
    if (n > SIGV4_PAIRS_MAX)
        return -1;
    for (size_t i = 0; i < n; i++) {
        sigv4_encode(&text, query[i].name, false);
        ends[2 * i] = text.n;
        sigv4_encode(&text, query[i].value, false);
        ends[2 * i + 1] = text.n;
    }
    int r = text.failed ? -1 : 0;
    for (size_t i = 0, at = 0; r == 0 && i < n; at = ends[2 * i + 1], i++) {
        const char *p = buf_str(&text).p;
        pairs[i].name = (struct str){ p + at, ends[2 * i] - at };
        pairs[i].value =
            (struct str){ p + ends[2 * i], ends[2 * i + 1] - ends[2 * i] };
    }
    if (r == 0)
        sort_pairs(pairs, n, order);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (i)
            buf_addc(out, '&');
        buf_add_str(out, pairs[order[i]].name);
        buf_addc(out, '=');
        buf_add_str(out, pairs[order[i]].value);
    }
    buf_free(&text);
    return r || out->failed ? -1 : 0;
}

/* Spaces in a row count as one. */
static void add_value(struct buf *out, struct str v)
{
    v = str_trim(v);
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] != ' ' || v.p[i - 1] != ' ')
            buf_addc(out, v.p[i]);
}

static void add_signed(struct buf *out, const struct sigv4_request *r,
                       const size_t *order)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (i)
            buf_addc(out, ';');
        buf_add_str(out, r->headers[order[i]].name);
    }
}

int sigv4_canonical(struct buf *out, const struct sigv4_request *r)
{
    size_t order[SIGV4_PAIRS_MAX];
    if (r->n_headers > SIGV4_PAIRS_MAX)
        return -1;
    sort_pairs(r->headers, r->n_headers, order);
    buf_addf(out, "%s\n", r->method);
    sigv4_encode(out, r->path, true);
    buf_addc(out, '\n');
    if (sigv4_query(out, r->query, r->n_query))
        return -1;
    buf_addc(out, '\n');
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_add_str(out, r->headers[order[i]].name);
        buf_addc(out, ':');
        add_value(out, r->headers[order[i]].value);
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
    add_signed(out, r, order);
    buf_addc(out, '\n');
    return buf_add_str(out, r->payload);
}

/* The key of a day, region and service: HMACs in a row. */
static void derive(const struct sigv4_key *key, struct str day,
                   struct hmac_key *out)
{
    unsigned char digest[SHA256_BYTES];
    char first[4 + SIGV4_SECRET_MAX] = "AWS4";
    const struct str steps[] = { day, key->region, key->service,
                                 STR("aws4_request") };
    memcpy(first + 4, key->secret.p, key->secret.n);
    hmac_key_init(out, (struct str){ first, 4 + key->secret.n });
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        hmac_sha256(out, steps[i], digest);
        hmac_key_init(out, (struct str){ (char *)digest, sizeof(digest) });
    }
    explicit_bzero(first, sizeof(first));
    explicit_bzero(digest, sizeof(digest));
}

void sigv4_hash(struct str body, char hex[2 * SHA256_BYTES + 1])
{
    unsigned char digest[SHA256_BYTES];
    struct sha256 s;
    sha256_init(&s);
    sha256_add(&s, body);
    sha256_end(&s, digest);
    sha256_hex(digest, sizeof(digest), hex);
    hex[2 * SHA256_BYTES] = '\0';
}

/* "20130524/us-east-1/s3/aws4_request" */
static void add_scope(struct buf *out, const struct sigv4_key *key,
                      struct str day)
{
    buf_addf(out, "%.*s/%.*s/%.*s/aws4_request", STR_ARG(day),
             STR_ARG(key->region), STR_ARG(key->service));
}

int sigv4_authorization(struct buf *out, const struct sigv4_request *r,
                        const struct sigv4_key *key, const char *when)
{
    struct buf text = { 0 };
    struct str day = { when, DAY };
    size_t order[SIGV4_PAIRS_MAX];
    char hex[2 * SHA256_BYTES + 1];
    int done =
        key->secret.n > SIGV4_SECRET_MAX ? -1 : sigv4_canonical(&text, r);
    sigv4_hash(buf_str(&text), hex);
    buf_free(&text);
    if (done)
        return -1;
    buf_addf(&text, ALGORITHM "\n%s\n", when);
    add_scope(&text, key, day);
    buf_addf(&text, "\n%s", hex);
    if (!text.failed) {
        unsigned char digest[SHA256_BYTES];
        struct hmac_key k;
        derive(key, day, &k);
        hmac_sha256(&k, buf_str(&text), digest);
        explicit_bzero(&k, sizeof(k));
        sha256_hex(digest, sizeof(digest), hex);
    }
    done = text.failed ? -1 : 0;
    buf_free(&text);
    sort_pairs(r->headers, r->n_headers, order);
    buf_addf(out, ALGORITHM " Credential=%.*s/", STR_ARG(key->access));
    add_scope(out, key, day);
    buf_addz(out, ",SignedHeaders=");
    add_signed(out, r, order);
    buf_addf(out, ",Signature=%s", hex);
    return done || out->failed ? -1 : 0;
}

void sigv4_time(time_t t, char out[SIGV4_TIME])
{
    struct tm tm;
    gmtime_r(&t, &tm);
    if (strftime(out, SIGV4_TIME, "%Y%m%dT%H%M%SZ", &tm) == 0)
        out[0] = '\0';
}
