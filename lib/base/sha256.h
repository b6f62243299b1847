/* sha256: SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104, FIPS 198-1).
 *
 * States are plain values: a copy goes its own way. No memory of their own, no
 * errors. Thread-safe. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include "base/str.h"

#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_BLOCK 64

struct sha256 {
    uint32_t h[8];
    uint64_t total; /* bytes so far */
    unsigned char block[SHA256_BLOCK];
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, struct str bytes);
void sha256_end(struct sha256 *s, unsigned char digest[SHA256_BYTES]);

/* A key, prepared: both of its blocks are hashed. It stands for the key, so
 * wipe it (explicit_bzero) as you would the key. */
struct hmac_key {
    struct sha256 inner, outer;
};

void hmac_key_init(struct hmac_key *k, struct str key);
void hmac_sha256(const struct hmac_key *k, struct str text,
                 unsigned char digest[SHA256_BYTES]);

/* Writes n bytes as 2 * n hex digits in lower case, without a NUL. */
void sha256_hex(const unsigned char *bytes, size_t n, char *out);

#endif
