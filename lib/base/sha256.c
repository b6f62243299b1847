#include "base/sha256.h"

/* The first 32 bits of the fractional parts of the cube roots of the first 64
 * primes (FIPS 180-4, 4.2.2). */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t v, int n)
{
    return v >> n | v << (32 - n);
}

static uint32_t big_endian(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

/* The message schedule of a block (FIPS 180-4, 6.2.2, step 1). */
static void schedule(uint32_t w[64], const unsigned char *block)
{
    for (int t = 0; t < 16; t++)
        w[t] = big_endian(block + (ptrdiff_t)4 * t);
    for (int t = 16; t < 64; t++) {
        uint32_t a = w[t - 15], b = w[t - 2];
        uint32_t s0 = rotate(a, 7) ^ rotate(a, 18) ^ a >> 3;
        uint32_t s1 = rotate(b, 17) ^ rotate(b, 19) ^ b >> 10;
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
    }
}

static void compress(uint32_t h[8], const unsigned char *block)
{
    uint32_t w[64], v[8];
    schedule(w, block);
    memcpy(v, h, sizeof(v));
    for (int t = 0; t < 64; t++) {
        uint32_t e = v[4], a = v[0];
        uint32_t s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t choice = (e & v[5]) ^ (~e & v[6]);
        uint32_t t1 = v[7] + s1 + choice + round_constants[t] + w[t];
        uint32_t s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
        memmove(v + 1, v, 7 * sizeof(*v));
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++)
        h[i] += v[i];
}

void sha256_init(struct sha256 *s)
{
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                       0xa54ff53a, 0x510e527f, 0x9b05688c,
                                       0x1f83d9ab, 0x5be0cd19 };
    memcpy(s->h, start, sizeof(start));
    s->total = 0;
}

void sha256_add(struct sha256 *s, struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    size_t n = bytes.n, used = (size_t)(s->total % SHA256_BLOCK);
    s->total += n;
    if (used) {
        size_t part = SHA256_BLOCK - used < n ? SHA256_BLOCK - used : n;
        memcpy(s->block + used, p, part);
        if (used + part < SHA256_BLOCK)
            return;
        compress(s->h, s->block);
        p += part;
        n -= part;
    }
    for (; n >= SHA256_BLOCK; p += SHA256_BLOCK, n -= SHA256_BLOCK)
        compress(s->h, p);
    if (n)
        memcpy(s->block, p, n);
}

void sha256_end(struct sha256 *s, unsigned char digest[SHA256_BYTES])
{
    size_t used = (size_t)(s->total % SHA256_BLOCK);
    uint64_t bits = s->total * 8;
    s->block[used++] = 0x80;
    if (used > SHA256_BLOCK - 8) {
        memset(s->block + used, 0, SHA256_BLOCK - used);
        compress(s->h, s->block);
        used = 0;
    }
    memset(s->block + used, 0, SHA256_BLOCK - 8 - used);
    for (int i = 0; i < 8; i++)
        s->block[SHA256_BLOCK - 1 - i] = (unsigned char)(bits >> 8 * i);
    compress(s->h, s->block);
    for (int i = 0; i < SHA256_BYTES; i++)
        digest[i] = (unsigned char)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

/* ---- HMAC */

void hmac_key_init(struct hmac_key *k, struct str key)
{
    unsigned char pad[SHA256_BLOCK] = { 0 };
    if (key.n > sizeof(pad)) {
        sha256_init(&k->inner);
        sha256_add(&k->inner, key);
        sha256_end(&k->inner, pad);
    } else if (key.n) {
        memcpy(pad, key.p, key.n);
    }
    const struct str block = { (const char *)pad, sizeof(pad) };
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36;
    sha256_init(&k->inner);
    sha256_add(&k->inner, block);
    for (size_t i = 0; i < sizeof(pad); i++)
        pad[i] ^= 0x36 ^ 0x5c;
    sha256_init(&k->outer);
    sha256_add(&k->outer, block);
    explicit_bzero(pad, sizeof(pad));
}

void hmac_sha256(const struct hmac_key *k, struct str text,
                 unsigned char digest[SHA256_BYTES])
{
    struct sha256 s = k->inner;
    sha256_add(&s, text);
    sha256_end(&s, digest);
    s = k->outer;
    sha256_add(&s, (struct str){ (const char *)digest, SHA256_BYTES });
    sha256_end(&s, digest);
}

void sha256_hex(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
}
