/* Functions that hash. */
#include "base/hash.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "expr/func.h"

#include <stdlib.h>

#define PSEUDONYM_BYTES 16

/* The key of a pseudonymise, prepared when the expression was compiled. */
struct key {
    struct key *next;
    const char *source; /* the constant that names it, known by its address */
    struct hmac_key hmac;
};

void key_free(struct key *k)
{
    while (k) {
        struct key *next = k->next;
        explicit_bzero(k, sizeof(*k));
        free(k);
        k = next;
    }
}

int func_check_key(struct expr_set *x, struct str s, struct func_why *why)
{
    struct str secret;
    struct key *k = malloc(sizeof(*k));
    if (!k)
        return -2;
    if (secret_read(s, &secret, &why->err)) {
        free(k);
        if (why->err.code != ERR_USAGE)
            return -1;
        /* What is wrong with the constant is shown in it. */
        memcpy(why->text, why->err.msg, sizeof(why->text) - 1);
        why->text[sizeof(why->text) - 1] = '\0';
        why->err.code = ERR_NONE;
        return -1;
    }
    hmac_key_init(&k->hmac, secret);
    secret_free(&secret);
    k->source = s.p;
    k->next = x->keys;
    x->keys = k;
    return 0;
}

/* The first n bytes of a digest in hex as the result. */
static int give_hex(struct call *c, const unsigned char *bytes, size_t n)
{
    char *out = arena_alloc(&c->x->scratch, 2 * n);
    if (!out)
        return -2;
    sha256_hex(bytes, n, out);
    return call_text(c, (struct str){ out, 2 * n });
}

static int call_sha256(struct call *c)
{
    unsigned char digest[SHA256_BYTES];
    struct sha256 state;
    struct str s;
    int rc = call_spelled(c, 0, &s);
    if (rc)
        return rc;
    sha256_init(&state);
    sha256_add(&state, s);
    sha256_end(&state, digest);
    return give_hex(c, digest, sizeof(digest));
}

static int call_hmac_sha256(struct call *c)
{
    unsigned char digest[SHA256_BYTES];
    struct hmac_key key;
    struct str k, s;
    int rc = call_string(c, 0, &k);
    if (rc == 0)
        rc = call_spelled(c, 1, &s);
    if (rc)
        return rc;
    hmac_key_init(&key, k);
    hmac_sha256(&key, s, digest);
    return give_hex(c, digest, sizeof(digest));
}

static int call_xxh3(struct call *c)
{
    unsigned char bytes[8];
    struct str s;
    int rc = call_spelled(c, 0, &s);
    if (rc)
        return rc;
    uint64_t h = hash64(s);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(h >> (56 - 8 * i));
    return give_hex(c, bytes, sizeof(bytes));
}

static int call_pseudonymise(struct call *c)
{
    unsigned char digest[SHA256_BYTES];
    const struct key *k = c->x->keys;
    struct str s;
    int rc = call_spelled(c, 0, &s);
    if (rc)
        return rc;
    while (k && k->source != c->args[1].text.p)
        k = k->next;
    if (!k)
        return call_needs(c, 1, "a constant");
    hmac_sha256(&k->hmac, s, digest);
    return give_hex(c, digest, PSEUDONYM_BYTES);
}

static const struct func rows[] = {
    { "hmac_sha256", 2, 2, false, "", call_hmac_sha256 },
    { "pseudonymise", 2, 2, false, " k", call_pseudonymise },
    { "pseudonymize", 2, 2, false, " k", call_pseudonymise },
    { "sha256", 1, 1, false, "", call_sha256 },
    { "xxh3", 1, 1, false, "", call_xxh3 },
};

const struct func_table func_hash = FUNC_TABLE(rows);
